/** The GGN by labels drawn from the model: reproducible, whatever the batches, and right in the mean. */
import { describe, expect, it } from "vitest";
import { datasetFromArrays } from "../data/fromArrays.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { eighSync } from "../linalg/eigh.ts";
import { matrix } from "../linalg/matrix.ts";
import { binaryCrossEntropy } from "../loss/binaryCrossEntropy.ts";
import { crossEntropy } from "../loss/crossEntropy.ts";
import type { Loss } from "../loss/loss.ts";
import { squaredError } from "../loss/squaredError.ts";
import { expectClose } from "../testing/expectClose.ts";
import { floats, ints, normalFloats, tanhNetwork } from "../testing/smallModels.ts";
import { toDense } from "./dense.ts";
import { ggn } from "./ggn.ts";
import { ggnDiagonal } from "./ggnDiagonal.ts";
import { createProblem, type Problem } from "./problem.ts";

const rows = 6;
const model = tanhNetwork([3, 2, 3], 4);
const x = normalFloats([rows, 3], 5, "x");
const soft = floats(
  [rows, 3],
  Float64Array.from({ length: 3 * rows }, (_, i) => (i % 4) / 3),
);
const losses: readonly (readonly [string, Loss, typeof x])[] = [
  ["cross-entropy", crossEntropy({ classWeights: [1, 0.5, 2] }), ints([rows], [0, 1, 2, 0, 1, 2])],
  ["mse", squaredError(), normalFloats([rows, 3], 6, "y")],
  ["bce-with-logits", binaryCrossEntropy({ positiveWeight: 2 }), soft],
];

const reordered = (t: typeof x, order: readonly number[]): typeof x => {
  const size = t.data.length / rows;
  return { ...t, data: Float64Array.from(order.flatMap((i) => [...t.data.slice(i * size, (i + 1) * size)])) };
};
const inOrder = Array.from({ length: rows }, (_, i) => i);

function problemOf(loss: Loss, target: typeof x, batchSize = 4, order: readonly number[] = inOrder): Promise<Problem> {
  const data = datasetFromArrays(
    { inputs: { x: reordered(x, order) }, target: reordered(target, order) },
    { batchSize },
  );
  return createProblem({ model, loss, data, engine: referenceEngine() });
}

const near = { relative: 1e-12, absolute: 1e-13 };
const distance = (a: Float64Array, b: Float64Array): number =>
  Math.hypot(...a.map((v, i) => v - b[i]!)) / Math.hypot(...b);

describe.each(losses)("the sampled GGN, %s", (_, loss, target) => {
  it("is the same by seed, for any batch size and any order of rows", async () => {
    await using one = await problemOf(loss, target);
    const options = { fisher: "sampled", samples: 3, seed: 9 } as const;
    const truth = await toDense(ggn(one, options));
    const others = [
      problemOf(loss, target, 1),
      problemOf(loss, target, 5),
      problemOf(loss, target, 4, [3, 5, 0, 1, 4, 2]),
    ];
    for (const other of await Promise.all(others)) {
      expectClose(await toDense(ggn(other, options)), truth, "other batches", near);
    }
    expect(distance(await toDense(ggn(one, { ...options, seed: 10 })), truth)).toBeGreaterThan(1e-3);
  });

  it("has the diagonal that ggnDiagonal draws by the same seed", async () => {
    await using problem = await problemOf(loss, target);
    const options = { fisher: "sampled", samples: 3, seed: 9 } as const;
    const dense = await toDense(ggn(problem, options));
    const truth = Float64Array.from({ length: problem.space.size }, (_, i) => dense[i * (problem.space.size + 1)]!);
    expectClose(await ggnDiagonal(problem, options), truth, "diagonal", near);
  });

  it("has an expectation that the likelihood's factor gives: the exact one, as these losses are convex", async () => {
    await using problem = await problemOf(loss, target);
    const factored = ggn(problem, { fisher: "type-2" });
    expect(factored.structure.positiveSemidefinite).toBe(true);
    expectClose(await toDense(factored), await toDense(ggn(problem)), "type-2", near);
  });

  it("converges to the exact one as one over the root of the samples", async () => {
    await using problem = await problemOf(loss, target, rows);
    const truth = await toDense(ggn(problem));
    const counts = [8, 32, 128, 512];
    const errors: number[] = [];
    for (const samples of counts) {
      const seeds = [1, 2, 3, 4].map(async (seed) =>
        distance(await toDense(ggn(problem, { fisher: "sampled", samples, seed })), truth),
      );
      errors.push(Math.hypot(...(await Promise.all(seeds))) / 2);
    }
    // Least squares of log error on log samples; four seeds scatter it by some 0.08.
    const slope = fitted(counts.map(Math.log), errors.map(Math.log));
    expect(slope).toBeGreaterThan(-0.75);
    expect(slope).toBeLessThan(-0.3);
    expect(errors.at(-1)).toBeLessThan(0.16);
  });
});

it("draws other labels for a row that comes again", async () => {
  const twice = (t: typeof x): typeof x => ({
    ...t,
    shape: [2, ...t.shape.slice(1)],
    data: Float64Array.from([...t.data.slice(0, 3), ...t.data.slice(0, 3)]),
  });
  const data = datasetFromArrays(
    { inputs: { x: twice(x) }, target: twice(normalFloats([rows, 3], 6, "y")) },
    { batchSize: 2 },
  );
  const problem = await createProblem({ model, loss: squaredError(), data, engine: referenceEngine() });
  await using _ = problem;
  const { size } = problem.space;
  const dense = await toDense(ggn(problem, { fisher: "sampled", samples: 1, seed: 2 }));
  const { values } = eighSync(matrix(size, size, dense));
  // One draw a row is a matrix of rank one; the same draw twice would leave the rank at one.
  expect(values.at(-2)).toBeGreaterThan(1e-6 * values.at(-1)!);
  expect(values.at(-3)).toBeLessThan(1e-12 * values.at(-1)!);
});

function fitted(x: readonly number[], y: readonly number[]): number {
  const mean = (list: readonly number[]): number => list.reduce((s, v) => s + v, 0) / list.length;
  const [mx, my] = [mean(x), mean(y)];
  return x.reduce((s, v, i) => s + (v - mx) * (y[i]! - my), 0) / x.reduce((s, v) => s + (v - mx) ** 2, 0);
}
