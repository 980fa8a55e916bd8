import {
  createProblem,
  crossEntropy,
  datasetFromArrays,
  ggn,
  type Problem,
  perExampleGradients,
  randomStream,
  referenceEngine,
  toDense,
} from "@hessonite/core";
import { afterAll, describe, expect, it } from "vitest";
import { mlp } from "../testing.ts";
import { fisherDiagonal } from "./fisherDiagonal.ts";

const stream = randomStream(11, "fisher");
const normals = (rows: number, columns: number): number[][] =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, () => Math.fround(stream.normal())));
const [hidden, last] = [
  { weight: normals(3, 4), bias: [0.125, -0.25, 0.5] },
  { weight: normals(3, 3), bias: [0, 0.5, -0.5] },
];
const x = normals(7, 4);
const y = [0, 2, 1, 1, 0, 2, 2];
const weights = [1, 3, 0.5, 1, 0, 2, 1];
const count = weights.reduce((sum, w) => sum + w, 0);

const model = await mlp([hidden, last]);
const data = datasetFromArrays({ inputs: { h0: x }, target: y, weights }, { batchSize: 3 });
const problem: Problem = await createProblem({ model, data, loss: crossEntropy(), engine: referenceEngine() });
afterAll(() => problem[Symbol.asyncDispose]());

/** ∂ℓ/∂θ of one example for a cotangent of the logits, by the chain rule written out. */
function gradientOf(row: readonly number[], cotangent: readonly number[]): number[] {
  const h = hidden.weight.map((w, o) =>
    Math.tanh(w.reduce((sum, v, i) => sum + v * (row[i] ?? 0), hidden.bias[o] ?? 0)),
  );
  const below = h.map((v, i) => (1 - v * v) * cotangent.reduce((sum, c, o) => sum + c * (last.weight[o]?.[i] ?? 0), 0));
  return [
    ...below.flatMap((b) => row.map((v) => b * v)),
    ...below,
    ...cotangent.flatMap((c) => h.map((v) => c * v)),
    ...cotangent,
  ];
}

function probabilities(row: readonly number[]): number[] {
  const h = hidden.weight.map((w, o) =>
    Math.tanh(w.reduce((sum, v, i) => sum + v * (row[i] ?? 0), hidden.bias[o] ?? 0)),
  );
  const f = last.weight.map((w, o) => Math.exp(w.reduce((sum, v, i) => sum + v * (h[i] ?? 0), last.bias[o] ?? 0)));
  return f.map((v) => v / f.reduce((sum, u) => sum + u, 0));
}

const scores = x.map((row, n) =>
  gradientOf(
    row,
    probabilities(row).map((p, c) => p - Number(c === y[n])),
  ),
);

describe("fisherDiagonal", () => {
  it("empirical: the sum of squares of single examples' gradients, each as often as it counts", async () => {
    const found = await fisherDiagonal(problem, { fisher: "empirical" });
    for (const [k, value] of found.entries()) {
      const expected = scores.reduce((sum, g, n) => sum + (weights[n] ?? 0) * (g[k] ?? 0) ** 2, 0) / count;
      expect(value).toBeCloseTo(expected, 12);
    }
  });

  it("is not the square of the mean gradient, nor the mean of batches' squared means", async () => {
    const found = await fisherDiagonal(problem, { fisher: "empirical" });
    const shortcut = found.map(
      (_, k) => scores.reduce((sum, g, n) => sum + ((weights[n] ?? 0) / count) * (g[k] ?? 0), 0) ** 2,
    );
    const norm = (v: Float64Array): number => Math.hypot(...v);
    expect(norm(shortcut)).toBeLessThan(0.7 * norm(found));
    const rows: number[] = [];
    for await (const { firstRow } of perExampleGradients(problem)) rows.push(firstRow);
    expect(rows[0]).toBe(0);
  });

  it("type-2: the mean over the model's own labels, which is the GGN's diagonal; mc: the same in the mean", async () => {
    const found = await fisherDiagonal(problem, { fisher: "type-2" });
    const dense = await toDense(ggn(problem));
    const size = found.length;
    for (const [k, value] of found.entries()) {
      const expected = x.reduce((sum, row, n) => {
        const p = probabilities(row);
        const own = p.map(
          (q, label) =>
            q *
            (gradientOf(
              row,
              p.map((v, c) => v - Number(c === label)),
            )[k] ?? 0) **
              2,
        );
        return sum + ((weights[n] ?? 0) / count) * own.reduce((a, b) => a + b, 0);
      }, 0);
      expect(value).toBeCloseTo(expected, 12);
      expect(value).toBeCloseTo(dense[k * size + k] ?? 0, 12);
    }
    const drawn = await fisherDiagonal(problem, { fisher: "mc", samples: 300, seed: 1 });
    const distance = Math.hypot(...drawn.map((v, k) => v - (found[k] ?? 0))) / Math.hypot(...found);
    expect(distance).toBeLessThan(0.2);
  });
});
