import { describe, expect, it } from "vitest";
import { operatorOf, randomMatrix, withSpectrum } from "../linalg/knownMatrices.ts";
import { diagonalMatrix, trace as traceOf } from "../linalg/matrix.ts";
import { selfAdjoint } from "../operators/linearOperator.ts";
import { hutchinsonTrace } from "./hutchinsonTrace.ts";
import { trace } from "./trace.ts";

const spectrum = Float64Array.from({ length: 40 }, (_, i) => i - 3);
const matrix = withSpectrum(spectrum, 3);
const total = spectrum.reduce((s, x) => s + x, 0);

describe("Hutchinson's trace", () => {
  it("is exact on a diagonal matrix: signs have no off-diagonal part", async () => {
    const a = operatorOf(diagonalMatrix(spectrum), selfAdjoint);
    const { mean, standardError, products, seed } = await hutchinsonTrace(a, { samples: 3, seed: 5 });
    expect(mean).toBeCloseTo(total, 10);
    expect(standardError).toBeLessThan(1e-12);
    expect({ products, seed }).toEqual({ products: 3, seed: 5 });
  });

  it("is unbiased, and its standard error is what the mean really scatters by", async () => {
    const a = operatorOf(matrix, selfAdjoint);
    const runs = await Promise.all(Array.from({ length: 200 }, (_, seed) => hutchinsonTrace(a, { samples: 20, seed })));
    const z = runs.map(({ mean, standardError }) => (mean - total) / standardError);
    const spread = Math.sqrt(z.reduce((s, x) => s + x * x, 0) / z.length);
    expect(Math.abs(z.reduce((s, x) => s + x, 0) / z.length)).toBeLessThan(0.25);
    expect(spread).toBeGreaterThan(0.85); // 1 expected; Student's t of 19 degrees: 1.06
    expect(spread).toBeLessThan(1.3);
  });

  it("falls as one over the root of the samples", async () => {
    const a = operatorOf(matrix, selfAdjoint);
    const [few, many] = await Promise.all([50, 800].map((samples) => hutchinsonTrace(a, { samples, seed: 1 })));
    expect(few!.standardError / many!.standardError).toBeGreaterThan(3);
    expect(few!.standardError / many!.standardError).toBeLessThan(5.5);
  });

  it("takes matrices that are not symmetric, and zero", async () => {
    const m = randomMatrix(30, 30, 2);
    const { mean, standardError } = await hutchinsonTrace(operatorOf(m), { samples: 400, seed: 2 });
    expect(Math.abs(mean - traceOf(m))).toBeLessThan(4 * standardError);
    const zero = operatorOf(withSpectrum(new Float64Array(9)), selfAdjoint);
    expect(await hutchinsonTrace(zero, { samples: 4 })).toEqual({ mean: 0, standardError: 0, products: 4, seed: 0 });
  });

  it("gives the same by seed however products are grouped, and reports progress", async () => {
    const seen: number[] = [];
    const a = operatorOf(matrix, selfAdjoint);
    const onProgress = ({ done, total }: { done: number; total: number }): void => void seen.push(done, total);
    const first = await hutchinsonTrace(a, { samples: 40, seed: 9, onProgress });
    expect(await hutchinsonTrace(a, { samples: 40, seed: 9 })).toEqual(first);
    expect((await hutchinsonTrace(a, { samples: 40, seed: 10 })).mean).not.toBe(first.mean);
    expect(seen).toEqual([16, 40, 32, 40, 40, 40]);
    expect(a.products).toBe(120);
  });

  it("stops when told to", async () => {
    const stop = new AbortController();
    const run = hutchinsonTrace(operatorOf(matrix), {
      samples: 99,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(run).rejects.toThrow("abort");
  });

  it("says what it cannot do", async () => {
    await expect(hutchinsonTrace(operatorOf(matrix), { samples: 1 })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot estimate a trace with that many samples
        expected  an integer of at least 2
        found     1]
    `);
    await expect(
      hutchinsonTrace(operatorOf(randomMatrix(2, 3)), { samples: 2 }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot estimate the trace of a known matrix as it is not square
        found     2 × 3]
    `);
  });
});

describe("trace", () => {
  it("asks the operator first", async () => {
    const a = { ...operatorOf(matrix, selfAdjoint), exact: { trace: () => 7 } };
    expect(await trace(a, { samples: 5 })).toEqual({ mean: 7, standardError: 0, products: 0, seed: 0 });
  });

  it("is exact where the budget reaches the side", async () => {
    const { mean, standardError, products } = await trace(operatorOf(matrix, selfAdjoint), { samples: 40 });
    expect(mean).toBeCloseTo(total, 9);
    expect({ standardError, products }).toEqual({ standardError: 0, products: 40 });
  });
});
