/** Every loss against its formula written out, its derivatives against differences, its likelihood against its Hessian. */
import { describe, expect, it } from "vitest";
import { gradient } from "../autodiff/pullBack.ts";
import { evaluateGraph } from "../engine/reference/interpreter.ts";
import { evaluateOp } from "../engine/reference/kernels.ts";
import { GraphBuilder, graphOf } from "../ir/builder.ts";
import type { InputValue, Value } from "../ir/graph.ts";
import { type Shape, sizeOf } from "../ir/shape.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";
import { randomStream } from "../random/random.ts";
import { expectClose } from "../testing/expectClose.ts";
import { floats, ints, normalFloats } from "../testing/smallModels.ts";
import { binaryCrossEntropy } from "./binaryCrossEntropy.ts";
import { crossEntropy } from "./crossEntropy.ts";
import type { Likelihood, Loss } from "./loss.ts";
import { lossByName } from "./lossByName.ts";
import { squaredError } from "./squaredError.ts";

interface Case {
  readonly name: string;
  readonly loss: Loss;
  readonly shape: Shape;
  readonly target: Tensor;
  /** ℓ of one term from its predictions; `at` numbers the term. */
  readonly formula: (f: readonly number[], at: number) => number;
  /** n_t, the terms' shares of a mean's divisor. */
  readonly shares: (at: number) => number;
  /** What a term counts as in the Fisher matrices, entry by entry. */
  readonly multiplicity?: (at: number) => readonly number[];
}

const labels = [2, 0, 1, 1];
const logSoftmax = (f: readonly number[], c: number): number =>
  f[c]! - Math.log(f.reduce((s, x) => s + Math.exp(x), 0));
const weights = [0.5, 2, 1];
const q = (y: number, epsilon: number, w: readonly number[]): number[] =>
  w.map((wc, c) => wc * ((1 - epsilon) * Number(c === y) + epsilon / 3));
const cross = (f: readonly number[], target: readonly number[]): number =>
  -target.reduce((s, qc, c) => s + qc * logSoftmax(f, c), 0);
const total = (list: readonly number[]): number => list.reduce((s, x) => s + x, 0);
const probabilities = [0.2, 0.3, 0.5, 1, 0, 0, 0.1, 0.1, 0.8, 0.6, 0.2, 0.2];
const soft = [0, 0.25, 1, 0.5, 0.75, 1, 0.1, 0.9];
const real = normalFloats([4, 2], 3, "y");
const softplus = (x: number): number => Math.log1p(Math.exp(x));

const cases: readonly Case[] = [
  {
    name: "cross-entropy",
    loss: crossEntropy(),
    shape: [4, 3],
    target: ints([4], labels),
    formula: (f, t) => -logSoftmax(f, labels[t]!),
    shares: () => 1,
  },
  {
    name: "cross-entropy with positions, and class weights",
    loss: crossEntropy({ classWeights: weights }),
    shape: [2, 3, 2],
    target: ints([2, 2], labels),
    formula: (f, t) => cross(f, q(labels[t]!, 0, weights)),
    shares: (t) => weights[labels[t]!]!,
    multiplicity: (t) => Array(3).fill(weights[labels[t]!]),
  },
  {
    name: "cross-entropy with smoothed labels",
    loss: crossEntropy({ labelSmoothing: 0.3 }),
    shape: [4, 3],
    target: ints([4], labels),
    formula: (f, t) => cross(f, q(labels[t]!, 0.3, [1, 1, 1])),
    shares: () => 1,
  },
  {
    name: "cross-entropy with class weights and smoothed labels",
    loss: crossEntropy({ labelSmoothing: 0.3, classWeights: weights }),
    shape: [4, 3],
    target: ints([4], labels),
    formula: (f, t) => cross(f, q(labels[t]!, 0.3, weights)),
    shares: (t) => weights[labels[t]!]!,
    multiplicity: (t) => Array(3).fill(total(q(labels[t]!, 0.3, weights))),
  },
  {
    name: "cross-entropy with probabilities",
    loss: crossEntropy({ targets: "probabilities" }),
    shape: [4, 3],
    target: floats([4, 3], probabilities),
    formula: (f, t) => cross(f, probabilities.slice(3 * t, 3 * t + 3)),
    shares: () => 1,
  },
  {
    name: "cross-entropy with weighted probabilities",
    loss: crossEntropy({ targets: "probabilities", classWeights: weights }),
    shape: [4, 3],
    target: floats([4, 3], probabilities),
    formula: (f, t) =>
      cross(
        f,
        probabilities.slice(3 * t, 3 * t + 3).map((p, c) => weights[c]! * p),
      ),
    shares: () => 1,
    multiplicity: (t) => Array(3).fill(total(weights.map((w, c) => w * probabilities[3 * t + c]!))),
  },
  {
    name: "mse",
    loss: squaredError(),
    shape: [4, 2],
    target: real,
    formula: (f, t) => total(f.map((fc, c) => (fc - real.data[2 * t + c]!) ** 2)),
    shares: () => 2,
  },
  {
    name: "mse with positions",
    loss: squaredError(),
    shape: [2, 2, 2],
    target: { ...real, shape: [2, 2, 2] },
    formula: (f, t) => total(f.map((fc, c) => (fc - real.data[2 * t + c]!) ** 2)),
    shares: () => 2,
  },
  {
    name: "bce-with-logits",
    loss: binaryCrossEntropy(),
    shape: [4, 2],
    target: floats([4, 2], soft),
    formula: (f, t) => total(f.map((fc, c) => softplus(fc) - soft[2 * t + c]! * fc)),
    shares: () => 2,
  },
  {
    name: "bce-with-logits with a weight on positives for each entry",
    loss: binaryCrossEntropy({ positiveWeight: [3, 0.5] }),
    shape: [4, 2],
    target: floats([4, 2], soft),
    formula: (f, t) =>
      total(f.map((fc, c) => [3, 0.5][c]! * soft[2 * t + c]! * softplus(-fc) + (1 - soft[2 * t + c]!) * softplus(fc))),
    shares: () => 2,
    multiplicity: (t) => [3, 0.5].map((w, c) => 1 + (w - 1) * soft[2 * t + c]!),
  },
  {
    name: "bce-with-logits of one output",
    loss: binaryCrossEntropy(),
    shape: [4],
    target: floats([4, 1], soft.slice(0, 4)),
    formula: (f, t) => softplus(f[0]!) - soft[t]! * f[0]!,
    shares: () => 1,
  },
];

/** What a case emits, evaluated at predictions. */
class Bench {
  readonly g: GraphBuilder = new GraphBuilder(evaluateOp);
  readonly f: InputValue;
  readonly y: InputValue;
  readonly target: Tensor;
  readonly shares: Float64Array | number;
  readonly point: Float64Array;

  constructor({ loss, shape, target }: Case) {
    this.f = this.g.input("f", "float64", shape);
    const form = loss.targetInput(shape);
    this.y = this.g.input("y", form.dtype === "int64" ? "int64" : "float64", form.shape);
    const prepared = loss.prepare(target, shape, "test");
    this.target = { ...prepared.target, dtype: this.y.dtype };
    this.shares = prepared.shares;
    this.point = Float64Array.from(normalFloats(shape, 7, "f").data);
  }

  evaluate(value: Value, point: Float64Array = this.point, extra?: readonly [InputValue, Tensor]): Float64Array {
    const feeds = new Map<InputValue, Tensor>([
      [this.f, tensor("float64", this.f.shape, [...point])],
      [this.y, this.target],
    ]);
    if (extra) feeds.set(...extra);
    return Float64Array.from(evaluateGraph(graphOf([...feeds.keys()], [value]), feeds)[0]!.data);
  }
}

/** Indices of each term's predictions in the flat tensor. */
function termsOf({ loss, shape }: Case): number[][] {
  const axis = loss.classAxis(shape) ?? shape.length;
  const inner = sizeOf(shape.slice(axis + 1));
  const classes = shape[axis] ?? 1;
  return Array.from({ length: sizeOf(shape) / classes }, (_, t) =>
    Array.from({ length: classes }, (_, c) => (Math.floor(t / inner) * classes + c) * inner + (t % inner)),
  );
}

const likelihoodOf = ({ loss }: Case): Likelihood => loss.likelihood!;

/** ∂²Σℓ/∂f² by central differences of the gradient, [n, n]. */
function hessianOf(bench: Bench, slopes: Value): Float64Array[] {
  const step = 1e-4;
  return Array.from(bench.point, (_, i) => {
    const at = (e: number): Float64Array =>
      bench.evaluate(
        slopes,
        bench.point.map((x, j) => (j === i ? x + e : x)),
      );
    const [up, down] = [at(step), at(-step)];
    return up.map((u, j) => (u - down[j]!) / (2 * step));
  });
}

const near = { relative: 1e-7, absolute: 1e-8 };

describe.each(cases)("$name", (one) => {
  const bench = new Bench(one);
  const { g, f, y } = bench;
  const terms = one.loss.terms(g, f, y);
  const [slopes] = gradient(g, g.total(terms), [f]) as [Value];

  it("is its formula, term by term", () => {
    const truth = termsOf(one).map((indices, t) =>
      one.formula(
        indices.map((i) => bench.point[i]!),
        t,
      ),
    );
    expect(terms.shape).toEqual(one.loss.termShape(one.shape));
    expectClose(bench.evaluate(terms), truth, "ℓ", { relative: 1e-13, absolute: 1e-13 });
  });

  it("counts in a mean as it should", () => {
    const { shares } = bench;
    const found = termsOf(one).map((_, t) => (typeof shares === "number" ? shares : shares[t]!));
    expectClose(
      found,
      found.map((_, t) => one.shares(t)),
      "n_t",
    );
  });

  it("has the score that is its gradient over the root of its multiplicity", () => {
    const root = new Float64Array(bench.point.length).fill(1);
    for (const [t, indices] of termsOf(one).entries()) {
      indices.forEach((i, c) => (root[i] = Math.sqrt(one.multiplicity?.(t)[c] ?? 1)));
    }
    const score = bench.evaluate(likelihoodOf(one).score(g, f, y));
    expectClose(
      score.map((s, i) => s * root[i]!),
      bench.evaluate(slopes),
      "ĝ √m = ∂ℓ/∂f",
      { relative: 1e-12, absolute: 1e-12 },
    );
  });

  it("has a factor whose square is its Hessian", () => {
    const truth = hessianOf(bench, slopes);
    const factor = likelihoodOf(one).factor(g, f, y);
    const columns = bench.evaluate(factor);
    const n = bench.point.length;
    for (const indices of termsOf(one)) {
      const square = indices.flatMap((i) =>
        indices.map((j) =>
          total(Array.from({ length: factor.shape[0]! }, (_, c) => columns[c * n + i]! * columns[c * n + j]!)),
        ),
      );
      expectClose(
        square,
        indices.flatMap((i) => indices.map((j) => truth[i]![j]!)),
        "S Sᵀ = ∂²ℓ/∂f²",
        near,
      );
    }
  });

  it("draws labels whose scores have its Hessian as their covariance, and mean zero", () => {
    const { noise: kind, noiseShape, sampledScore } = likelihoodOf(one);
    const noise = g.input("noise", "float64", noiseShape(one.shape));
    const score = sampledScore(g, f, y, noise);
    const random = randomStream(11, one.name);
    const samples = 4000;
    const n = bench.point.length;
    const [mean, square] = [new Float64Array(n), Array.from({ length: n }, () => new Float64Array(n))];
    for (let m = 0; m < samples; m++) {
      const drawn = tensor(
        "float64",
        noise.shape,
        Array.from({ length: sizeOf(noise.shape) }, () => random[kind]()),
      );
      const s = bench.evaluate(score, bench.point, [noise, drawn]);
      s.forEach((si, i) => {
        mean[i]! += si / samples;
        s.forEach((sj, j) => (square[i]![j]! += (si * sj) / samples));
      });
    }
    const truth = hessianOf(bench, slopes);
    const scale = Math.max(...truth.map((row) => Math.max(...row)));
    const loose = { relative: 0, absolute: 0.12 * scale }; // some five standard errors
    expectClose(mean, new Float64Array(n), "E ĝ = 0", { relative: 0, absolute: 0.1 * Math.sqrt(scale) });
    for (const [i, row] of truth.entries()) expectClose(square[i]!, row, "E ĝ ĝᵀ = ∂²ℓ/∂f²", loose);
  });
});

describe("a label to ignore", () => {
  it("has weight 0 and no share, whatever stands there", () => {
    const {
      target,
      weights: found,
      shares,
    } = crossEntropy({ ignoreIndex: -100 }).prepare(ints([3], [1, -100, 0]), [3, 2], "test");
    expect([found, shares]).toEqual([Float64Array.of(1, 0, 1), Float64Array.of(1, 0, 1)]);
    expect([...target.data]).toEqual([1, 0, 0]);
  });
});

describe("a class without probability", () => {
  it("does not count, even where its logit is −∞", () => {
    const g = new GraphBuilder(evaluateOp);
    const [f, y] = [g.input("f", "float64", [1, 3]), g.input("y", "int64", [1])];
    const terms = crossEntropy().terms(g, f, y);
    const feeds = new Map<InputValue, Tensor>([
      [f, tensor("float64", [1, 3], [0, Number.NEGATIVE_INFINITY, 0])],
      [y, ints([1], [2])],
    ]);
    expect(evaluateGraph(graphOf([f, y], [terms]), feeds)[0]!.data[0]).toBeCloseTo(Math.log(2), 12);
  });
});

describe("options and targets that cannot be", () => {
  it.each<readonly [string, () => unknown, string | RegExp]>([
    ["smoothing of 1", () => crossEntropy({ labelSmoothing: 1 }), "0 ≤ ε < 1"],
    ["a negative class weight", () => crossEntropy({ classWeights: [1, -1] }), "negative or not finite"],
    ["a positive weight of 0", () => binaryCrossEntropy({ positiveWeight: 0 }), "not positive"],
    [
      "another number of positive weights",
      () => binaryCrossEntropy({ positiveWeight: [1, 2] }).prepare(floats([1, 3], [0, 0, 1]), [1, 3], "d"),
      "one weight an entry",
    ],
    [
      "a target above 1",
      () => binaryCrossEntropy().prepare(floats([2, 2], [0, 1, 1, 2]), [2, 2], "d"),
      /row 1\n.*from 0 to 1\n.*2/,
    ],
    [
      "probabilities of another shape",
      () => crossEntropy({ targets: "probabilities" }).prepare(floats([2], [0, 1]), [2, 2], "d"),
      "not the prediction's",
    ],
    [
      "labels of another shape",
      () => crossEntropy().prepare(floats([2, 2], [0, 1, 0, 1]), [2, 2], "d"),
      "for probabilities as targets say so",
    ],
    [
      "a label out of range at a position",
      () => crossEntropy().prepare(ints([2, 2], [0, 1, 2, 5]), [2, 3, 2], "d"),
      "row 1, position 1",
    ],
    ["a name that is none", () => lossByName("hinge"), "cross-entropy, mse, bce-with-logits"],
  ])("%s", (_, make, message) => {
    expect(make).toThrow(message);
  });

  it("another number of class weights, once the classes are known", () => {
    const g = new GraphBuilder(evaluateOp);
    const emit = (): Value =>
      crossEntropy({ classWeights: [1, 2] }).terms(g, g.input("f", "float64", [1, 3]), g.input("y", "int64", [1]));
    expect(emit).toThrow("not one weight a class");
  });
});
