/** Leading directions against what they stand for: the divergence's own gradient, the whole GGN, and Jacobians. */
import { fileURLToPath } from "node:url";
import {
  atPoint,
  binaryCrossEntropy,
  createProblem,
  crossEntropy,
  type Dataset,
  datasetFromArrays,
  type eigh,
  exampleJacobians,
  flatten,
  gradientAndLoss,
  type Loss,
  matmul,
  type OnnxModel,
  ownPredictions,
  type Problem,
  randomStream,
  readModel,
  referenceEngine,
  squaredError,
  type Vector,
} from "@hessonite/core";
import { beforeAll, describe, expect, it, test } from "vitest";
import { curvatureOf } from "./curvatureOf.ts";
import { directionsFor } from "./directions.ts";
import { leadingDirections } from "./leadingDirections.ts";
import { predictionsOf } from "./rowFacts.ts";
import { secantEigen } from "./secantCurvature.ts";

const engine = referenceEngine();
const everything = 1e6;

/** ∇ of the divergence from f₀ at f, by the losses' formulas. */
const gradients: Readonly<
  Record<string, { loss: Loss; gradient: (f: readonly number[], f0: readonly number[]) => number[] }>
> = {
  "cross-entropy": {
    loss: crossEntropy(),
    gradient: (f, f0) => {
      const softmax = (z: readonly number[]): number[] => {
        const total = z.reduce((sum, x) => sum + Math.exp(x), 0);
        return z.map((x) => Math.exp(x) / total);
      };
      const [p, p0] = [softmax(f), softmax(f0)];
      return p.map((x, k) => x - p0[k]!);
    },
  },
  "bce-with-logits": {
    loss: binaryCrossEntropy(),
    gradient: (f, f0) => f.map((x, k) => 1 / (1 + Math.exp(-x)) - 1 / (1 + Math.exp(-f0[k]!))),
  },
  mse: { loss: squaredError(), gradient: (f, f0) => f.map((x, k) => 2 * (x - f0[k]!)) },
};

test.each(Object.keys(gradients))(
  "%s: the mean curvature on the way leads from f₀ to the gradient at f",
  async (name) => {
    const { loss, gradient } = gradients[name]!;
    const [f, f0] = [
      [0.4, -1.1, 1.6, 0.2],
      [-0.7, 0.3, 2.2, 0.9],
    ];
    const weights = Float64Array.from({ length: 4 }, () => 3);
    const [{ values, vectors }] = (await secantEigen({
      loss,
      shape: [4],
      now: Float64Array.from(f!),
      dense: Float64Array.from(f0!),
      weights,
    })) as [Awaited<ReturnType<typeof eigh>>];
    const along = Array.from(values, (value, k) => {
      const coefficient = f!.reduce((sum, x, i) => sum + vectors.data[i * 4 + k]! * (x - f0![i]!), 0);
      return value * coefficient;
    });
    const product = f!.map((_, i) => along.reduce((sum, x, k) => sum + x * vectors.data[i * 4 + k]!, 0));
    gradient(f!, f0!).forEach((g, i) => expect(product[i]!).toBeCloseTo(3 * g, 5));
  },
);

describe("a network's leading directions", () => {
  let model: OnnxModel;
  let problem: Problem;
  let moved: Problem;
  let theta: Vector;

  function someRows(weights?: readonly number[]): Dataset {
    const own = randomStream(4, "rows");
    return datasetFromArrays(
      {
        inputs: {
          x: { dtype: "float32", shape: [7, 10], data: Float32Array.from({ length: 70 }, () => own.normal()) },
        },
        target: { dtype: "int32", shape: [7], data: Int32Array.from({ length: 7 }, (_, row) => row % 3) },
        ...(weights ? { weights } : {}),
      },
      { batchSize: 3 },
    );
  }

  beforeAll(async () => {
    model = await readModel(
      fileURLToPath(new URL("../../../core/testdata/conformance/mlp_ce_mean/model.onnx", import.meta.url)),
    );
    problem = await createProblem({ model, data: someRows(), loss: crossEntropy(), engine });
    const noise = randomStream(8, "step");
    theta = flatten(problem.space, problem.values).map((x) => x + 0.2 * noise.normal());
    moved = await createProblem({
      model: atPoint(model, problem.space, theta),
      data: someRows(),
      loss: crossEntropy(),
      engine,
    });
  });

  it("are all of the GGN at the dense model where all are kept, and nothing is to be made up for", async () => {
    const { rows: exact } = await directionsFor(problem, "type-2");
    const dense = await predictionsOf(problem);
    const { rows, residuals, share } = await leadingDirections(problem, { dense, most: everything });
    expect(share).toBeCloseTo(1, 8);
    const [a, b] = [matmul(exact, exact, { a: true }).data, matmul(rows, rows, { a: true }).data];
    const largest = a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    a.forEach((x, k) => expect(Math.abs(x - b[k]!) / largest).toBeLessThan(1e-5));
    residuals.forEach((r) => expect(r).toBeCloseTo(0, 12));
  });

  it("are the pull-backs of the strongest, in the rows' order, whatever columns are asked for", async () => {
    const dense = await predictionsOf(problem);
    const columns = Int32Array.of(3, 17, 40);
    const { rows, residuals } = await leadingDirections(moved, { dense, most: 5 });
    const some = await leadingDirections(moved, { dense, most: 5, columns });
    expect(rows.rows).toBe(5);
    expect(some.rows.columns).toBe(3);
    const now = await predictionsOf(moved);
    const eigen = await secantEigen({
      loss: crossEntropy(),
      shape: [3],
      now,
      dense,
      weights: new Float64Array(now.length).fill(1 / 7),
    });
    const all = eigen.flatMap(({ values, vectors }, row) =>
      [...values].map((value, k) => ({
        row,
        value,
        u: [0, 1, 2].map((i) => vectors.data[i * 3 + k]! * Math.sqrt(value)),
      })),
    );
    const best = [...all].sort((a, b) => b.value - a.value).slice(0, 5);
    const jacobians: Float64Array[] = [];
    const { size } = problem.space;
    for await (const { rows: count, jacobians: own } of exampleJacobians(moved))
      for (let n = 0; n < count; n++) jacobians.push(own.slice(n * 3 * size, (n + 1) * 3 * size));
    best.sort((a, b) => a.row - b.row);
    const plain = best.map(({ row, u }) =>
      Float64Array.from({ length: size }, (_, at) =>
        u.reduce((sum, x, c) => sum + x * jacobians[row]![c * size + at]!, 0),
      ),
    );
    // A row of several directions has them in the order of eigenvalues or the reverse: squares of projections do not mind.
    const gram = (list: readonly (readonly number[])[]): number[] =>
      list[0]!.map((_, at) => list.reduce((sum, v) => sum + v[at]! * v[0]!, 0));
    const found = Array.from({ length: 5 }, (_, i) => [...rows.data.slice(i * size, (i + 1) * size)]);
    gram(plain.map((v) => [...v])).forEach((x, at) => expect(gram(found)[at]!).toBeCloseTo(x, 6));
    found.forEach((v, i) => {
      columns.forEach((at, k) => expect(some.rows.data[i * 3 + k]!).toBeCloseTo(v[at]!, 9));
    });
    const squares = best.map(
      ({ row, u }) => u.reduce((sum, x, c) => sum + x * (now[row * 3 + c]! - dense[row * 3 + c]!), 0) ** 2,
    );
    expect(residuals.reduce((sum, r) => sum + r * r, 0)).toBeCloseTo(
      squares.reduce((sum, x) => sum + x, 0),
      9,
    );
  });

  it.each([undefined, [1, 2, 0, 3, 1, 1, 2]])(
    "slope as the divergence from the dense model does, weights %s",
    async (weights) => {
      const data = someRows(weights);
      await using dense = await createProblem({ model, data, loss: crossEntropy(), engine });
      await using own = await createProblem({ model: moved.model, data, loss: crossEntropy(), engine });
      await using taught = await createProblem({ model: moved.model, engine, ...(await ownPredictions(dense)) });
      const { gradient } = await gradientAndLoss(taught);
      const kept = Uint8Array.from({ length: problem.space.size }, (_, at) => Number(at % 5 !== 0));
      const { slope } = await curvatureOf(own, "ggn", {
        kept,
        leading: { dense: await predictionsOf(dense), most: everything },
      });
      const largest = gradient.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      slope!.forEach((s, at) => {
        if (kept[at]) expect(Math.abs(s - gradient[at]!) / largest).toBeLessThan(1e-3);
        else expect(s).toBe(0);
      });
    },
  );
});
