import { describe, expect, it } from "vitest";
import { operatorOf, randomMatrix, withSpectrum } from "../linalg/knownMatrices.ts";
import { gram } from "../linalg/matrix.ts";
import { selfAdjoint } from "../operators/linearOperator.ts";
import { outliersOf, setApart } from "./deflation.ts";

/** Sizes of what Ritz values see of a bulk on [0, 1]: Chebyshev nodes. */
const bulk = Array.from({ length: 48 }, (_, i) => 0.5 + 0.5 * Math.cos((Math.PI * (i + 0.5)) / 48));

describe("what stands apart from the rest", () => {
  it.each([
    ["nothing in a bulk", bulk, 0],
    ["nothing where all are the same", new Array(30).fill(2), 0],
    ["nothing in zeros", new Array(30).fill(0), 0],
    ["nothing in an even spacing", Array.from({ length: 30 }, (_, i) => 30 - i), 0],
    ["nothing of very few", [5, 1], 0],
    ["what is far away", [40, ...bulk], 1],
    ["what is a quarter larger", [1.26, ...bulk], 1],
    ["what is near, by the gaps that follow", [1.3, 1.2, 1.1, ...bulk], 3],
    ["not what is too near", [1.04, ...bulk], 0],
    ["those between two gaps too", [60, 59.9, 30, ...bulk], 3],
    ["no more than a third", [...Array.from({ length: 20 }, (_, i) => 2 ** (20 - i)), ...bulk.slice(0, 10)], 10],
    ["no more than sixteen", [...Array.from({ length: 20 }, (_, i) => 2 ** (20 - i)), ...bulk], 16],
  ])("is %s", (_, sizes, count) => {
    expect(setApart(sizes)).toBe(count);
    expect(setApart([...sizes].reverse())).toBe(count);
  });
});

describe("outliers that are found by themselves", () => {
  it("are none of a Wishart matrix, nor of a semicircle", async () => {
    const n = 200;
    const wishart = gram(randomMatrix(n, n, 3), { of: "rows" });
    expect((await outliersOf(operatorOf(wishart, selfAdjoint), { count: "auto" })).values.length).toBe(0);
    const semicircle = withSpectrum(Float64Array.from({ length: n }, (_, i) => Math.cos((Math.PI * (i + 0.5)) / n)));
    expect((await outliersOf(operatorOf(semicircle, selfAdjoint), { count: "auto" })).values.length).toBe(0);
  });

  it("are of either sign, with their vectors", async () => {
    const values = Float64Array.from({ length: 60 }, (_, i) => (i === 0 ? -2 : i === 1 ? 1.4 : i / 60));
    const m = withSpectrum(values);
    const { values: found, vectors } = await outliersOf(operatorOf(m, selfAdjoint), { count: "auto" });
    expect(found.length).toBe(2);
    expect(found[0]).toBeCloseTo(-2, 6);
    expect(found[1]).toBeCloseTo(1.4, 6);
    const product = await operatorOf(m).apply(vectors.subarray(0, 60));
    expect(Math.max(...product.map((x, i) => Math.abs(x + 2 * vectors[i]!)))).toBeLessThan(1e-5);
  });
});
