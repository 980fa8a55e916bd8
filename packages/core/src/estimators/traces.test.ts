/** Hutch++, XTrace and XNysTrace against spectra that are known. */
import { describe, expect, it } from "vitest";
import { operatorOf, randomMatrix, withSpectrum } from "../linalg/knownMatrices.ts";
import { trace as traceOf } from "../linalg/matrix.ts";
import { diagonal } from "../operators/diagonal.ts";
import { type LinearOperator, positiveSemidefinite, selfAdjoint } from "../operators/linearOperator.ts";
import type { Estimate, SamplingOptions } from "./estimate.ts";
import { hutchPlusPlusTrace } from "./hutchPlusPlus.ts";
import { trace } from "./trace.ts";
import { xNysTrace } from "./xNysTrace.ts";
import { xTrace } from "./xTrace.ts";

type Estimator = (a: LinearOperator, options: SamplingOptions) => Promise<Estimate>;

const estimators: readonly (readonly [string, Estimator])[] = [
  ["Hutch++", hutchPlusPlusTrace],
  ["XTrace", xTrace],
  ["XNysTrace", xNysTrace],
];

const sumOf = (values: ArrayLike<number>): number => Array.from(values).reduce((s, x) => s + x, 0);
const spectrum = (n: number, value: (i: number) => number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => value(i + 1));
const seeds = (count: number): number[] => Array.from({ length: count }, (_, seed) => seed);
const rms = (list: readonly number[]): number => Math.sqrt(list.reduce((s, x) => s + x * x, 0) / list.length);

describe.each(estimators)("%s", (_, estimate) => {
  it("is unbiased, and its standard error is what the mean scatters by", async () => {
    const values = spectrum(60, (i) => 1 / i);
    const a = operatorOf(withSpectrum(values), positiveSemidefinite);
    const runs = await Promise.all(seeds(150).map((seed) => estimate(a, { samples: 24, seed })));
    const errors = runs.map(({ mean }) => mean - sumOf(values));
    const said = rms(runs.map(({ standardError }) => standardError));
    expect(Math.abs(sumOf(errors) / errors.length)).toBeLessThan((4 * rms(errors)) / Math.sqrt(errors.length));
    expect(rms(errors) / said).toBeGreaterThan(0.7);
    expect(rms(errors) / said).toBeLessThan(1.4);
  });

  it.each([1, 3, 7])("is exact for rank %d, and says so", async (rank) => {
    const values = spectrum(50, (i) => (i <= rank ? 10 * i : 0));
    const { mean, standardError, products } = await estimate(operatorOf(withSpectrum(values), positiveSemidefinite), {
      samples: 24,
    });
    expect(Math.abs(mean / sumOf(values) - 1)).toBeLessThan(1e-9);
    expect(standardError).toBeLessThan(1e-9 * sumOf(values));
    expect(products).toBeLessThanOrEqual(24);
  });

  it("of zero is zero", async () => {
    const zero = operatorOf(withSpectrum(new Float64Array(20)), positiveSemidefinite);
    expect(await estimate(zero, { samples: 12 })).toMatchObject({ mean: 0, standardError: 0 });
  });

  it("takes a budget as large as the side", async () => {
    const values = spectrum(12, (i) => i);
    const { mean } = await estimate(operatorOf(withSpectrum(values), positiveSemidefinite), { samples: 12 });
    expect(Math.abs(mean - 78)).toBeLessThan(20);
  });

  it("gives the same by seed", async () => {
    const a = operatorOf(withSpectrum(spectrum(40, (i) => 1 / i)), positiveSemidefinite);
    expect(await estimate(a, { samples: 12, seed: 3 })).toEqual(await estimate(a, { samples: 12, seed: 3 }));
    expect((await estimate(a, { samples: 12, seed: 4 })).mean).not.toBe(
      (await estimate(a, { samples: 12, seed: 3 })).mean,
    );
  });

  it("refuses more probes than dimensions", async () => {
    const a = operatorOf(withSpectrum(spectrum(5, (i) => i)), positiveSemidefinite);
    await expect(estimate(a, { samples: 16 })).rejects.toThrow(
      /that many samples\n.*expected.*\n.*found\s+16\n.*trace\(\)/,
    );
    await expect(estimate(a, { samples: 1 })).rejects.toThrow("that many samples");
  });
});

describe("traces of the identity", () => {
  it.each(estimators.slice(1))("%s rescales what is left, and is right", async (_, estimate) => {
    const a = operatorOf(withSpectrum(new Float64Array(30).fill(1)), positiveSemidefinite);
    const { mean, standardError } = await estimate(a, { samples: 12 });
    expect(mean).toBeCloseTo(30, 8);
    expect(standardError).toBeLessThan(1e-7);
  });
});

describe("traces of operators that are not semidefinite", () => {
  it.each(estimators.slice(0, 2))("%s takes them, symmetric or not", async (_, estimate) => {
    const m = randomMatrix(40, 40, 5);
    const { mean, standardError } = await estimate(operatorOf(m), { samples: 30, seed: 1 });
    expect(Math.abs(mean - traceOf(m))).toBeLessThan(4 * standardError);
    const values = spectrum(50, (i) => (i % 2 ? 1 : -1) / i ** 2);
    const indefinite = await estimate(operatorOf(withSpectrum(values), selfAdjoint), { samples: 30, seed: 1 });
    expect(Math.abs(indefinite.mean - sumOf(values))).toBeLessThan(5 * indefinite.standardError + 1e-12);
  });

  it("XNysTrace says that it does not", async () => {
    await expect(
      xNysTrace(operatorOf(withSpectrum([1, 2]), selfAdjoint), { samples: 2 }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot use XNysTrace on a known matrix as it is not known to be positive semidefinite
        try       xTrace, which takes any square operator]
    `);
  });
});

describe("trace, by a method of choice", () => {
  it.each(["hutchinson", "hutch++", "xtrace", "xnystrace"] as const)("%s", async (method) => {
    const values = spectrum(60, (i) => i ** -2);
    const a = operatorOf(withSpectrum(values), positiveSemidefinite);
    const { mean, standardError } = await trace(a, { samples: 30, method, seed: 1 });
    expect(Math.abs(mean - sumOf(values))).toBeLessThan(4 * standardError);
    expect(await trace(diagonal(values), { samples: 30, method })).toMatchObject({ standardError: 0, products: 0 });
  });
});
