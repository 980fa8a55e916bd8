import { describe, expect, it } from "vitest";
import { positiveSemidefinite, selfAdjoint } from "../operators/linearOperator.ts";
import { operatorOf, randomMatrix, withSpectrum } from "./knownMatrices.ts";
import { diagonalMatrix, frobeniusNorm, identity, matmul, matrix, scaleRows, subtract } from "./matrix.ts";
import { nystrom, rangeFinder } from "./sketch.ts";
import { maxAbs } from "./vector.ts";

describe("rangeFinder", () => {
  it("spans the range of a low-rank matrix exactly", async () => {
    const a = matmul(randomMatrix(50, 4, 1), randomMatrix(4, 30, 2));
    const { basis, rank, products } = await rangeFinder(operatorOf(a), { size: 8 });
    expect(rank).toBe(4);
    expect(products).toBe(8);
    const q = matrix(rank, 50, basis);
    expect(frobeniusNorm(subtract(matmul(q, matmul(q, a), { a: true }), a))).toBeLessThan(1e-11);
  });

  it("comes near the best approximation with power iterations", async () => {
    const values = Array.from({ length: 60 }, (_, i) => 1 / (i + 1));
    const a = withSpectrum(values);
    const error = async (powerIterations: number): Promise<number> => {
      const { basis, rank } = await rangeFinder(operatorOf(a, selfAdjoint), { size: 10, powerIterations });
      const q = matrix(rank, 60, basis);
      return frobeniusNorm(subtract(matmul(q, matmul(q, a), { a: true }), a));
    };
    const best = Math.sqrt(values.slice(10).reduce((s, x) => s + x * x, 0));
    expect(await error(3)).toBeLessThan(1.05 * best);
    expect(await error(3)).toBeLessThan(await error(0));
  });

  it("counts its products, with the transpose too", async () => {
    const a = operatorOf(withSpectrum(Array.from({ length: 20 }, (_, i) => i + 1)), selfAdjoint);
    expect((await rangeFinder(a, { size: 5, powerIterations: 2 })).products).toBe(25);
    expect(a.products).toBe(25);
  });

  it("finds nothing in the zero matrix", async () => {
    expect((await rangeFinder(operatorOf(matrix(5, 5)), { size: 3, powerIterations: 2 })).rank).toBe(0);
    await expect(rangeFinder(operatorOf(matrix(5, 5)), { size: 6 })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot sketch a known matrix with that many vectors
        expected  1 to 5
        found     6]
    `);
  });
});

describe("nystrom", () => {
  it("is exact on a matrix of low rank", async () => {
    const a = withSpectrum([5, 3, 1, ...Array(37).fill(0)]);
    const { values, vectors } = await nystrom(operatorOf(a, positiveSemidefinite), { size: 6 });
    const v = matrix(6, 40, vectors);
    expect(maxAbs(subtract(matmul(v, scaleRows(values, v), { a: true }), a).data)).toBeLessThan(1e-11);
    expect(maxAbs(subtract(matmul(v, v, { b: true }), identity(6)).data)).toBeLessThan(1e-12);
    expect(values[0]).toBeCloseTo(5, 11);
  });

  it("is right on the zero matrix and never exceeds A", async () => {
    expect(maxAbs((await nystrom(operatorOf(matrix(9, 9), positiveSemidefinite), { size: 3 })).values)).toBe(0);
    const diagonal = Float64Array.from({ length: 50 }, (_, i) => 1 / (i + 1));
    const { values } = await nystrom(operatorOf(diagonalMatrix(diagonal), positiveSemidefinite), { size: 12, seed: 3 });
    for (const [i, value] of values.entries()) expect(value).toBeLessThanOrEqual(diagonal[i]! + 1e-12); // A ≥ its Nyström approximation
    expect(values[0]).toBeGreaterThan(0.85);
  });
});
