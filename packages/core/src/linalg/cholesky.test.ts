import { CholeskyDecomposition, Matrix as MlMatrix } from "ml-matrix";
import { describe, expect, it } from "vitest";
import {
  cholesky,
  choleskyInverse,
  choleskySolve,
  choleskySync,
  inverseSPD,
  logDeterminant,
  solveSPD,
} from "./cholesky.ts";
import { hilbert, randomMatrix, withSpectrum } from "./knownMatrices.ts";
import { diagonalMatrix, frobeniusNorm, fromRows, identity, type Matrix, matmul, scale, subtract } from "./matrix.ts";
import { solveTriangular } from "./triangular.ts";
import { maxAbs } from "./vector.ts";

const positive = (n: number, seed = n): Matrix =>
  withSpectrum(
    Array.from({ length: n }, (_, i) => 0.5 + i / n),
    seed,
  );
const distance = (a: Matrix, b: Matrix): number => frobeniusNorm(subtract(a, b)) / frobeniusNorm(b);

describe("cholesky", () => {
  it.each([1, 2, 5, 24, 25, 48, 49, 100, 130, 259])("L Lᵀ = A and zeros above, for side %i", async (n) => {
    const a = positive(n);
    const { lower, jitter } = await cholesky(a);
    expect(jitter).toBe(0);
    expect(distance(matmul(lower, lower, { b: true }), a)).toBeLessThan(1e-14);
    for (let i = 0; i < n; i++) expect(maxAbs(lower.data.subarray(i * n + i + 1, (i + 1) * n))).toBe(0);
  });

  it("agrees with ml-matrix", () => {
    const a = positive(60);
    const other = new CholeskyDecomposition(MlMatrix.from1DArray(60, 60, a.data)).lowerTriangularMatrix.to1DArray();
    expect(distance(choleskySync(a).lower, { rows: 60, columns: 60, data: Float64Array.from(other) })).toBeLessThan(
      1e-14,
    );
  });

  it("reads the lower triangle only", () => {
    const a = positive(40);
    const spoiled = { ...a, data: a.data.map((x, at) => (at % 40 > Math.floor(at / 40) ? 1e9 : x)) };
    expect(choleskySync(spoiled).lower.data).toEqual(choleskySync(a).lower.data);
  });

  it.each([1, 30, 100, 203])("solves and inverts, for side %i", async (n) => {
    const a = positive(n);
    const b = randomMatrix(n, 7);
    expect(distance(matmul(a, (await solveSPD(a, b)).solution), b)).toBeLessThan(1e-13);
    expect(distance(matmul(a, (await inverseSPD(a)).inverse), identity(n))).toBeLessThan(1e-13);
    expect(distance(choleskyInverse(choleskySync(a)), choleskySolve(choleskySync(a), identity(n)))).toBeLessThan(1e-13);
  });

  it("knows the determinant: that of its spectrum", () => {
    expect(logDeterminant(choleskySync(withSpectrum([0.5, 1, 2, 4, 8])))).toBeCloseTo(Math.log(32), 12);
    const values = Array.from({ length: 300 }, (_, i) => 10 ** (i % 7));
    expect(logDeterminant(choleskySync(withSpectrum(values)))).toBeCloseTo(
      values.reduce((s, x) => s + Math.log(x), 0),
      5,
    );
  });

  it("adds jitter to what is semidefinite only up to rounding, and says how much", async () => {
    const a = hilbert(40);
    const { lower, jitter } = await cholesky(a);
    expect(jitter).toBeGreaterThan(0);
    expect(jitter).toBeLessThanOrEqual(1e-8);
    expect(maxAbs(subtract(matmul(lower, lower, { b: true }), a).data)).toBeLessThan(2 * jitter + 1e-14);
    expect((await solveSPD(a, randomMatrix(40, 1))).jitter).toBe(jitter);
    await expect(cholesky(a, { maxJitter: 0 })).rejects.toThrow("not positive definite");
  });

  it.each([
    [5e-15, 1e-14],
    [5e-12, 1e-11],
    [5e-9, 1e-8],
  ])("adds no more than the next power of ten of the largest entry: -%d", (below, added) => {
    const { jitter } = choleskySync(diagonalMatrix(Float64Array.of(4, -4 * below)));
    expect(jitter / (4 * added)).toBeCloseTo(1, 10);
  });

  it("adds as much as is allowed, and no more", () => {
    const a = diagonalMatrix(Float64Array.of(1, -5e-6));
    expect(choleskySync(a, { maxJitter: 1e-5 }).jitter / 1e-5).toBeCloseTo(1, 10);
    expect(() => choleskySync(a, { maxJitter: 1e-6 })).toThrow("not positive definite");
  });

  it("names the pivot of an indefinite matrix", async () => {
    await expect(
      cholesky(
        fromRows([
          [1, 2],
          [2, 1],
        ]),
      ),
    ).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot factor a matrix as it is not positive definite
        at        pivot 1 of 2
        largest jitter tried 9.999999999999999e-9
        try       add damping, or take the eigendecomposition]
    `);
    await expect(cholesky(scale(-1, identity(50)))).rejects.toThrow("pivot 0 of 50");
    await expect(cholesky(fromRows([[0]]))).rejects.toThrow("not positive definite");
    await expect(cholesky(fromRows([[Number.NaN]]))).rejects.toThrow("not finite");
  });
});

describe("solveTriangular", () => {
  it.each([
    [1, 1],
    [24, 3],
    [25, 1],
    [90, 40],
    [150, 5],
  ])("L X = B and Lᵀ X = B, side %i, %i columns", (n, k) => {
    const { lower } = choleskySync(positive(n));
    const b = randomMatrix(n, k);
    expect(distance(matmul(lower, solveTriangular(lower, b)), b)).toBeLessThan(1e-13);
    expect(distance(matmul(lower, solveTriangular(lower, b, { transposed: true }), { a: true }), b)).toBeLessThan(
      1e-13,
    );
  });
});
