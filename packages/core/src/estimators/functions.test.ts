/** Diagonal, norms, log-determinant and effective dimension against spectra that are known. */
import { describe, expect, it } from "vitest";
import { operatorOf, randomMatrix, withSpectrum } from "../linalg/knownMatrices.ts";
import { diagonalMatrix, diagonalOf, gram, identity, scale } from "../linalg/matrix.ts";
import { svdSync } from "../linalg/svd.ts";
import { dot, norm } from "../linalg/vector.ts";
import { toDense } from "../operators/dense.ts";
import { diagonal } from "../operators/diagonal.ts";
import { kronecker } from "../operators/kronecker.ts";
import { positiveSemidefinite, selfAdjoint } from "../operators/linearOperator.ts";
import { expectClose } from "../testing/expectClose.ts";
import { type DiagonalEstimate, estimateDiagonal, hutchinsonDiagonal, xDiag } from "./diagonal.ts";
import { effectiveDimension } from "./effectiveDimension.ts";
import { squaredFrobeniusNorm } from "./frobenius.ts";
import { logDeterminant } from "./logDeterminant.ts";
import { spectralNorm } from "./spectralNorm.ts";

const n = 60;
const values = Float64Array.from({ length: n }, (_, i) => 1 / (i + 1) ** 2);
const matrix = withSpectrum(values);
const a = operatorOf(matrix, positiveSemidefinite);
const general = randomMatrix(n, n, 2);
const lowRank = withSpectrum(values.map((x, i) => (i < 5 ? x : 0)));
const zero = operatorOf(withSpectrum(new Float64Array(n)), positiveSemidefinite);
const fifty = { samples: 50, seed: 1 };
const slq = { probes: 30, steps: 25, seed: 1 };

const error = ({ mean }: DiagonalEstimate, truth: Float64Array): number =>
  norm(mean.map((x, i) => x - truth[i]!)) / norm(truth);

describe.each([
  ["Hutchinson's diagonal", hutchinsonDiagonal],
  ["XDiag", xDiag],
])("%s", (_, estimate) => {
  it("is unbiased, and its standard error is what its entries scatter by", async () => {
    const z: number[] = [];
    const truth = diagonalOf(general);
    for (let seed = 0; seed < 40; seed++) {
      const { mean, standardError } = await estimate(operatorOf(general), { samples: 30, seed });
      z.push(...mean.map((x, i) => (x - truth[i]!) / standardError[i]!));
    }
    const spread = Math.sqrt(z.reduce((s, x) => s + x * x, 0) / z.length);
    expect(Math.abs(z.reduce((s, x) => s + x, 0) / z.length)).toBeLessThan(0.1);
    expect(spread).toBeGreaterThan(0.8);
    expect(spread).toBeLessThan(1.35);
  });

  it("of zero is zero", async () => {
    const { mean, standardError } = await estimate(zero, fifty);
    expect([norm(mean), norm(standardError)]).toEqual([0, 0]);
  });

  it("is the same by seed, and counts its products", async () => {
    const op = operatorOf(matrix, selfAdjoint);
    const first = await estimate(op, fifty);
    expect(first.products).toBe(op.products);
    expect(await estimate(op, fifty)).toEqual(first);
  });
});

describe("the diagonal", () => {
  it("by Hutchinson's estimator is exact on a diagonal matrix: signs have no off-diagonal part", async () => {
    const op = operatorOf(diagonalMatrix(values), selfAdjoint);
    expectClose((await hutchinsonDiagonal(op, fifty)).mean, values, "diag");
  });

  it("by XDiag is exact for low rank, and better than Hutchinson's where the spectrum decays", async () => {
    expectClose((await xDiag(operatorOf(lowRank, selfAdjoint), fifty)).mean, diagonalOf(lowRank), "diag", {
      relative: 1e-10,
      absolute: 1e-13,
    });
    expect(error(await xDiag(a, fifty), diagonalOf(matrix))).toBeLessThan(
      error(await hutchinsonDiagonal(a, fifty), diagonalOf(matrix)) / 10,
    );
  });

  it("is exact where the operator knows it, or the budget reaches its side", async () => {
    expect(await estimateDiagonal(diagonal(values), fifty)).toMatchObject({ mean: values, products: 0 });
    const whole = await estimateDiagonal(a, { samples: n });
    expectClose(whole.mean, diagonalOf(matrix), "diag");
    expect([whole.products, norm(whole.standardError)]).toEqual([n, 0]);
    expect((await estimateDiagonal(a, { ...fifty, method: "xdiag" })).products).toBe(50);
  });

  it("refuses more probes than dimensions", async () => {
    await expect(xDiag(a, { samples: 2 * n + 2 })).rejects.toThrow("that many samples");
  });
});

describe("the squared Frobenius norm", () => {
  it("is near, by its own standard error, for any shape", async () => {
    const wide = randomMatrix(10, 40, 3);
    const { mean, standardError, products } = await squaredFrobeniusNorm(operatorOf(wide), { samples: 60, seed: 2 });
    expect(Math.abs(mean - dot(wide.data, wide.data))).toBeLessThan(4 * standardError);
    expect(standardError).toBeLessThan(0.1 * mean);
    expect(products).toBe(60);
  });

  it("is exact where known, and of zero", async () => {
    expect(await squaredFrobeniusNorm(diagonal(Float64Array.of(3, 4)), fifty)).toMatchObject({
      mean: 25,
      standardError: 0,
    });
    expect(await squaredFrobeniusNorm(zero, fifty)).toMatchObject({ mean: 0, standardError: 0 });
  });
});

describe("the spectral norm", () => {
  it("is the largest |λ|", async () => {
    expect((await spectralNorm(operatorOf(withSpectrum([-7, 1, 2, 6.9, 0]), selfAdjoint))).mean).toBeCloseTo(7, 8);
    expect((await spectralNorm(zero)).mean).toBe(0);
    expect(await spectralNorm(diagonal(Float64Array.of(-3, 2)))).toMatchObject({ mean: 3, products: 0 });
  });

  it("is the largest singular value of what is not symmetric, of any shape", async () => {
    const wide = randomMatrix(12, 30, 5);
    const [truth] = svdSync(wide).values;
    const { mean, standardError } = await spectralNorm(operatorOf(wide), { tolerance: 1e-9 });
    expect(mean).toBeCloseTo(truth!, 6);
    expect(standardError).toBeLessThan(1e-6);
  });

  it("has its error in its own units, and within it a singular value", async () => {
    const m = randomMatrix(120, 150, 5);
    const values = svdSync(m).values;
    const small = await spectralNorm(operatorOf(m), { tolerance: 1e-3 });
    const large = await spectralNorm(operatorOf(scale(1024, m)), { tolerance: 1e-3 }); // a power of two rounds alike
    expect(large.mean / small.mean).toBeCloseTo(1024, 8);
    expect(large.standardError / small.standardError).toBeCloseTo(1024, 8);
    const nearest = Math.min(...Array.from(values, (value) => Math.abs(value - small.mean)));
    expect(small.standardError).toBeGreaterThan(0);
    expect(nearest).toBeLessThanOrEqual(small.standardError);
  });
});

describe("the log-determinant", () => {
  const well = Float64Array.from({ length: n }, (_, i) => 1 + i / 10);
  const truth = well.reduce((s, x) => s + Math.log(x + 0.5), 0);

  it("is near, by its own standard error", async () => {
    const op = operatorOf(withSpectrum(well), positiveSemidefinite);
    const { mean, standardError, products } = await logDeterminant(op, { ...slq, damping: 0.5 });
    expect(Math.abs(mean - truth)).toBeLessThan(4 * standardError);
    expect(standardError).toBeLessThan(0.05 * Math.abs(truth));
    expect(products).toBe(op.products);
  });

  it("is exact where it is known", async () => {
    expect((await logDeterminant(diagonal(well), { ...slq, damping: 0.5 })).mean).toBeCloseTo(truth, 10);
  });

  it("of a multiple of the identity has no error", async () => {
    const op = operatorOf({ ...identity(9), data: identity(9).data.map((x) => 2 * x) }, positiveSemidefinite);
    const { mean, standardError } = await logDeterminant(op, slq);
    expect(mean).toBeCloseTo(9 * Math.log(2), 10);
    expect(standardError).toBeLessThan(1e-12);
  });

  it("of what is singular is −∞, and finite with damping", async () => {
    expect((await logDeterminant(operatorOf(lowRank, positiveSemidefinite), slq)).mean).toBe(Number.NEGATIVE_INFINITY);
    const { mean } = await logDeterminant(zero, { ...slq, damping: 2 });
    expect(mean).toBeCloseTo(n * Math.log(2), 10);
  });

  it("says what it cannot do", async () => {
    await expect(logDeterminant(operatorOf(matrix, selfAdjoint), slq)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot estimate the log-determinant of a known matrix as it is not known to be positive semidefinite
        try       an operator that is: the GGN, a Fisher matrix, or a power]
    `);
    const wrong = operatorOf(withSpectrum([-1, 1, 2]), positiveSemidefinite);
    await expect(logDeterminant(wrong, slq)).rejects.toThrow("negative eigenvalue");
    await expect(logDeterminant(a, { ...slq, damping: -1 })).rejects.toThrow("damping is negative");
  });
});

describe("the effective dimension", () => {
  const truth = (damping: number): number => values.reduce((s, x) => s + x / (x + damping), 0);

  it.each([1e-3, 0.1, 10])("is Σ λ / (λ + δ) for δ = %d", async (damping) => {
    const { mean, standardError } = await effectiveDimension(a, { ...slq, damping });
    expect(Math.abs(mean - truth(damping))).toBeLessThan(4 * standardError);
    expect((await effectiveDimension(diagonal(values), { ...slq, damping })).mean).toBeCloseTo(truth(damping), 10);
  });

  it("is the rank for small damping, and 0 for zero", async () => {
    const { mean, standardError } = await effectiveDimension(operatorOf(lowRank, positiveSemidefinite), {
      ...slq,
      seed: 2,
      damping: 1e-9,
    });
    expect(Math.abs(mean - 5)).toBeLessThan(4 * standardError);
    expect((await effectiveDimension(zero, { ...slq, damping: 1 })).mean).toBe(0);
  });

  it("of a Kronecker product comes from its factors", async () => {
    const small = gram(randomMatrix(5, 3, 7), { of: "columns" });
    const op = kronecker(small, small);
    const dense = operatorOf({ rows: 9, columns: 9, data: await toDense(op) }, positiveSemidefinite);
    const estimated = await effectiveDimension(dense, { probes: 400, steps: 9, damping: 0.5 });
    const { mean, products } = await effectiveDimension(op, { ...slq, damping: 0.5 });
    expect(products).toBe(0);
    expect(Math.abs(mean - estimated.mean)).toBeLessThan(4 * estimated.standardError);
  });

  it("needs a positive damping", async () => {
    await expect(effectiveDimension(a, { ...slq, damping: 0 })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot estimate an effective dimension as the damping is not positive
        found     0]
    `);
  });
});
