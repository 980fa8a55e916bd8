/** Hessian, GGN, Fisher matrices and Jacobian keep every promise of an operator, against closed forms. */
import { describe, expect, it } from "vitest";
import { datasetFromBatches } from "../data/fromBatches.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { row } from "../linalg/vector.ts";
import { binaryCrossEntropy } from "../loss/binaryCrossEntropy.ts";
import { crossEntropy } from "../loss/crossEntropy.ts";
import type { Loss, Reduction } from "../loss/loss.ts";
import { squaredError } from "../loss/squaredError.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { randomStream } from "../random/random.ts";
import { checkOperator } from "../testing/checkOperator.ts";
import { expectClose } from "../testing/expectClose.ts";
import { floats, ints, linearModel, normalFloats, tanhNetwork } from "../testing/smallModels.ts";
import { toDense } from "./dense.ts";
import { empiricalFisher } from "./empiricalFisher.ts";
import { ggn } from "./ggn.ts";
import { ggnDiagonal } from "./ggnDiagonal.ts";
import { gradientAndLoss } from "./gradientAndLoss.ts";
import { hessian } from "./hessian.ts";
import { jacobian } from "./jacobian.ts";
import type { LinearOperator, Vector } from "./linearOperator.ts";
import { createProblem, type Problem } from "./problem.ts";

const rows = 5;
const width = 3;
const x = normalFloats([rows, width], 1, "x");
const multiplicity = [1, 3, 0.25, 1, 2];
const tolerance = { relative: 1e-10, absolute: 1e-12 };

type Matrix = Float64Array[];
type Target = ReturnType<typeof floats>;

/** The rows in batches of 2, 2 and 1, with their multiplicities: what is lost in a batch, in a weight or in padding shows. */
async function problemOf(model: OnnxModel, loss: Loss, target: Target, weighted = true): Promise<Problem> {
  const part = ({ dtype, shape, data }: Target, from: number, to: number): Target => {
    const size = data.length / rows;
    return { dtype, shape: [to - from, ...shape.slice(1)], data: data.slice(from * size, to * size) };
  };
  const weights = floats([rows], multiplicity);
  const batches = [
    [0, 2],
    [2, 4],
    [4, 5],
  ].map(([from = 0, to = 0]) => ({
    inputs: { x: part(x, from, to) },
    target: part(target, from, to),
    ...(weighted && { weights: part(weights, from, to) }),
  }));
  return createProblem({ model, loss, data: datasetFromBatches(batches), engine: referenceEngine() });
}

const input = (n: number): Vector => row(x.data as Float64Array, n, width);
const zeros = (n: number): Matrix => Array.from({ length: n }, () => new Float64Array(n));
const total = multiplicity.reduce((sum, w) => sum + w, 0);

/** Σ_n w_n M_n ⊗ x_n x_nᵀ · scale: the curvature of a linear model from that of its outputs, [C, C] each. */
function ofOutputs(classes: number, scale: number, outputs: (n: number) => number[][]): Matrix {
  const matrix = zeros(classes * width);
  for (let n = 0; n < rows; n++) {
    const m = outputs(n);
    for (const [i, entries] of matrix.entries()) {
      for (let j = 0; j < entries.length; j++) {
        const middle = m[Math.floor(i / width)]![Math.floor(j / width)]!;
        entries[j]! += scale * multiplicity[n]! * middle * input(n)[i % width]! * input(n)[j % width]!;
      }
    }
  }
  return matrix;
}

const predictions = (weight: Target, n: number): number[] =>
  Array.from({ length: weight.shape[0]! }, (_, c) =>
    input(n).reduce((sum, xi, i) => sum + xi * weight.data[c * width + i]!, 0),
  );
const outer = (u: readonly number[], v: readonly number[]): number[][] => u.map((a) => v.map((b) => a * b));
const softmax = (f: readonly number[]): number[] => {
  const e = f.map(Math.exp);
  return e.map((p) => p / e.reduce((s, q) => s + q, 0));
};
const sigmoid = (f: number): number => 1 / (1 + Math.exp(-f));

interface Regression {
  readonly name: string;
  readonly loss: (reduction: Reduction) => Loss;
  readonly target: Target;
  readonly weight: Target;
  /** What a mean divides by. */
  readonly count: number;
  /** ∂²ℓ/∂f² of row n. */
  readonly curvature: (n: number) => number[][];
  /** ĝ of row n. */
  readonly score: (n: number) => number[];
}

const W1 = normalFloats([1, width], 2, "one output");
const W2 = normalFloats([2, width], 3, "two outputs");
const W3 = normalFloats([3, width], 4, "three classes");
const real = normalFloats([rows, 2], 5, "real target");
const soft = floats([rows, 1], [0, 1, 0.3, 1, 0]);
const labels = ints([rows], [0, 2, 1, 1, 2]);
const classWeights = [0.5, 2, 1];

/** q: the label's class weight and smoothing. */
function distribution(n: number, epsilon: number, weights: readonly number[]): number[] {
  return weights.map((w, c) => w * ((1 - epsilon) * Number(labels.data[n] === c) + epsilon / 3));
}

function softmaxRegression(name: string, epsilon: number, weights: readonly number[] | undefined): Regression {
  const q = (n: number): number[] => distribution(n, epsilon, weights ?? [1, 1, 1]);
  const mass = (n: number): number => q(n).reduce((s, x) => s + x, 0);
  return {
    name,
    loss: (reduction) =>
      crossEntropy({ reduction, labelSmoothing: epsilon, ...(weights && { classWeights: weights }) }),
    target: labels,
    weight: W3,
    count: multiplicity.reduce((sum, w, n) => sum + w * (weights?.[labels.data[n]!] ?? 1), 0),
    curvature(n) {
      const p = softmax(predictions(W3, n));
      return outer(p, p).map((entries, i) => entries.map((pq, j) => mass(n) * (Number(i === j) * p[i]! - pq)));
    },
    score: (n) => softmax(predictions(W3, n)).map((p, c) => (mass(n) * p - q(n)[c]!) / Math.sqrt(mass(n))),
  };
}

const positive = 3;
const counted = (n: number): number => 1 + (positive - 1) * soft.data[n]!;

const regressions: readonly Regression[] = [
  {
    name: "least squares",
    loss: (reduction) => squaredError({ reduction }),
    target: real,
    weight: W2,
    count: 2 * total,
    curvature: () => [
      [2, 0],
      [0, 2],
    ],
    score: (n) => predictions(W2, n).map((f, c) => 2 * (f - real.data[2 * n + c]!)),
  },
  {
    name: "logistic regression",
    loss: (reduction) => binaryCrossEntropy({ reduction }),
    target: soft,
    weight: W1,
    count: total,
    curvature: (n) => predictions(W1, n).map((f) => [sigmoid(f) * sigmoid(-f)]),
    score: (n) => predictions(W1, n).map((f) => sigmoid(f) - soft.data[n]!),
  },
  {
    name: "logistic regression with a weight on positives",
    loss: (reduction) => binaryCrossEntropy({ reduction, positiveWeight: positive }),
    target: soft,
    weight: W1,
    count: total,
    curvature: (n) => predictions(W1, n).map((f) => [counted(n) * sigmoid(f) * sigmoid(-f)]),
    score: (n) =>
      predictions(W1, n).map((f) => (counted(n) * sigmoid(f) - positive * soft.data[n]!) / Math.sqrt(counted(n))),
  },
  softmaxRegression("softmax regression", 0, undefined),
  softmaxRegression("softmax regression with smoothed labels", 0.2, undefined),
  softmaxRegression("softmax regression with class weights", 0, classWeights),
  softmaxRegression("softmax regression with both", 0.2, classWeights),
];

const cases = regressions.flatMap((one) => (["mean", "sum"] as const).map((reduction) => ({ ...one, reduction })));

describe.each(cases)("$name, $reduction", ({ loss, reduction, target, weight, count, curvature, score }) => {
  const scale = reduction === "mean" ? 1 / count : 1;
  const truth = ofOutputs(weight.shape[0]!, scale, curvature);
  const problem = (): Promise<Problem> => problemOf(linearModel(weight), loss(reduction), target);

  it("has the Hessian and the GGN of its closed form, which are the same", async () => {
    await using p = await problem();
    await checkOperator(hessian(p), truth, randomStream(1), { tolerance });
    await checkOperator(ggn(p), truth, randomStream(2), { tolerance });
    const diagonal = await ggnDiagonal(p);
    expectClose(
      diagonal,
      truth.map((entries, i) => entries[i]!),
      "the GGN's diagonal",
      tolerance,
    );
  });

  it("has the empirical Fisher matrix of its closed form", async () => {
    await using p = await problem();
    const fisher = ofOutputs(weight.shape[0]!, scale, (n) => outer(score(n), score(n)));
    await checkOperator(empiricalFisher(p), fisher, randomStream(3), { tolerance });
  });

  it("has a sampled Fisher matrix that keeps the contract and is near", async () => {
    await using p = await problem();
    const sampled = ggn(p, { fisher: "sampled", samples: 300, seed: 5 });
    const dense = await toDense(sampled);
    const size = truth.length;
    await checkOperator(
      sampled,
      truth.map((_, i) => row(dense, i, size)),
      randomStream(4),
      { tolerance },
    );
    expect(distance(dense, truth)).toBeLessThan(0.25);
  });
});

/** ‖A − B‖ / ‖B‖ */
function distance(a: Float64Array, b: Matrix): number {
  const flat = b.flatMap((entries) => [...entries]);
  return Math.hypot(...flat.map((y, i) => a[i]! - y)) / Math.hypot(...flat);
}

describe("a network", () => {
  const widths = [width, 4, 2];
  const model = tanhNetwork(widths, 7);
  const target = normalFloats([rows, 2], 8, "target");
  const near = { relative: 1e-7, absolute: 1e-8 };

  /** The model at θ + step · e_i. */
  function moved(i: number, step: number): OnnxModel {
    let before = 0;
    const values = [...model.initializers].map(([name, initializer]) => {
      const value = initializer.read();
      const data = Float64Array.from(value.data);
      const at = i - before;
      before += data.length;
      if (at >= 0 && at < data.length) data[at]! += step;
      return [name, { ...initializer, read: () => ({ ...value, data }) }] as const;
    });
    return { ...model, initializers: new Map(values) };
  }

  /** Columns ∂g/∂θ_i by fourth-order central differences. */
  async function differences(g: (m: OnnxModel) => Promise<Vector>, size: number): Promise<Float64Array[]> {
    const step = 1e-3;
    return Promise.all(
      Array.from({ length: size }, async (_, i) => {
        const [a, b, c, d] = await Promise.all([-2, -1, 1, 2].map((k) => g(moved(i, k * step))));
        return a!.map((ak, j) => (ak - 8 * b![j]! + 8 * c![j]! - d![j]!) / (12 * step));
      }),
    );
  }

  it("has the Hessian that differences of its gradient show", async () => {
    await using p = await problemOf(model, squaredError(), target);
    const gradient = async (m: OnnxModel): Promise<Vector> => {
      await using moved = await problemOf(m, squaredError(), target);
      return (await gradientAndLoss(moved)).gradient;
    };
    const truth = await differences(gradient, p.space.size);
    await checkOperator(hessian(p), truth, randomStream(5), { tolerance: near });
    await checkOperator(hessian(p, { residuals: "recompute" }), truth, randomStream(6), { tolerance: near });
  });

  it("has the gradient that differences of its loss show", async () => {
    await using p = await problemOf(model, squaredError(), target);
    const loss = async (m: OnnxModel): Promise<Vector> => {
      await using moved = await problemOf(m, squaredError(), target);
      return Float64Array.of((await gradientAndLoss(moved)).loss);
    };
    const truth = (await differences(loss, p.space.size)).map(([slope]) => slope!);
    expectClose((await gradientAndLoss(p)).gradient, truth, "∇L", near);
  });

  it("has a Jacobian that keeps the contract, and a GGN made of it", async () => {
    await using p = await problemOf(model, squaredError(), target);
    const j = jacobian(p);
    const dense = await toDense(j);
    const [outputs, size] = j.shape;
    expect(outputs).toBe(2 * rows);
    const truth = Array.from({ length: outputs }, (_, i) => row(dense, i, size));
    await checkOperator(j, truth, randomStream(7), { tolerance });
    const scale = 2 / (2 * total);
    const product = zeros(size);
    for (const [at, slopes] of truth.entries()) {
      for (const [i, entries] of product.entries()) {
        for (let k = 0; k < size; k++)
          entries[k]! += scale * multiplicity[Math.floor(at / 2)]! * slopes[i]! * slopes[k]!;
      }
    }
    await checkOperator(ggn(p), product, randomStream(8), { tolerance });
  });

  it("has a Jacobian of its inputs where it is linear", async () => {
    await using p = await problemOf(linearModel(W2), squaredError(), real);
    const truth = Array.from({ length: 2 * rows }, (_, at) => {
      const slopes = new Float64Array(2 * width);
      slopes.set(input(Math.floor(at / 2)), (at % 2) * width);
      return slopes;
    });
    await checkOperator(jacobian(p), truth, randomStream(9), { tolerance });
  });

  it.each([["keep"], ["recompute"]] as const)(
    "gives the same products where residuals are said to %s",
    async (residuals) => {
      await using p = await problemOf(model, squaredError(), target);
      const v = Float64Array.from({ length: p.space.size * 3 }, (_, i) => Math.sin(i));
      const all: ((options?: { residuals: "keep" | "recompute" }) => LinearOperator)[] = [
        (o) => hessian(p, o),
        (o) => ggn(p, o),
        (o) => empiricalFisher(p, o),
        (o) => ggn(p, { fisher: "sampled", samples: 2, seed: 1, ...o }),
      ];
      for (const make of all) {
        const [one, other] = [make({ residuals }), make()];
        expectClose(await one.apply(v, { k: 3 }), await other.apply(v, { k: 3 }), one.name, tolerance);
      }
    },
  );

  it("gives a subset of parameters the principal submatrix", async () => {
    await using whole = await problemOf(model, squaredError(), target);
    const data = whole.data;
    await using part = await createProblem({
      model,
      loss: squaredError(),
      data,
      engine: whole.engine,
      parameters: ["fc1.*", "fc0.bias"],
    });
    const chosen = part.space.parameters.flatMap(({ name, size }) => {
      const { offset } = whole.space.parameters.find((p) => p.name === name)!;
      return Array.from({ length: size }, (_, i) => offset + i);
    });
    expect(chosen.length).toBe(4 + 2 * 4 + 2);
    for (const make of [hessian, ggn, empiricalFisher]) {
      const all = await toDense(make(whole));
      const truth = chosen.map((i) => Float64Array.from(chosen, (j) => all[i * whole.space.size + j]!));
      await checkOperator(make(part), truth, randomStream(10), { tolerance });
    }
  });
});
