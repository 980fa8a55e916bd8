import { describe, expect, it } from "vitest";
import { selfAdjoint } from "../operators/linearOperator.ts";
import { operatorOf, secondDifference, withSpectrum } from "./knownMatrices.ts";
import { lobpcg } from "./lobpcg.ts";
import { diagonalMatrix, matrix, matvec } from "./matrix.ts";
import { maxAbs, minus, norm, row, scaled } from "./vector.ts";

describe("lobpcg", () => {
  it.each([
    ["top", [14, 13, 12]],
    ["bottom", [-20, 0, 0.1]],
  ] as const)("%s of a spectrum known by construction", async (which, expected) => {
    const values = [-20, ...Array.from({ length: 80 }, (_, i) => i / 10), 12, 13, 14];
    const a = operatorOf(withSpectrum(values), selfAdjoint);
    const found = await lobpcg(a, { count: 3, which, relativeTolerance: 1e-9 });
    expect(found.outcome).toBe("converged");
    expect(maxAbs(minus(found.values, Float64Array.from(expected)))).toBeLessThan(1e-8);
    expect(found.products).toBe(a.products);
  });

  it.each([1, 1e8, 1e-8])("stops at its tolerance of the largest eigenvalue, in units of %d", async (units) => {
    const values = Array.from({ length: 60 }, (_, i) => units * (1 + i));
    const m = withSpectrum(values);
    const relativeTolerance = 1e-7;
    const found = await lobpcg(operatorOf(m, selfAdjoint), { count: 2, which: "top", relativeTolerance });
    expect(found.outcome).toBe("converged");
    for (let i = 0; i < 2; i++) {
      const v = row(found.vectors, i, 60);
      const left = norm(minus(matvec(m, v), scaled(found.values[i]!, v)));
      expect(left).toBeLessThanOrEqual(1.01 * relativeTolerance * 60 * units);
      expect(found.residuals[i]! / units).toBeCloseTo(left / units, 10);
    }
  });

  it("profits from a preconditioner", async () => {
    const { matrix: a, values } = secondDifference(150);
    const inverse = diagonalMatrix(Float64Array.from({ length: 100 }, (_, i) => 1 / (1 + i * i)));
    const hard = diagonalMatrix(Float64Array.from({ length: 100 }, (_, i) => 1 + i * i));
    const options = { count: 3, relativeTolerance: 1e-10, maxIterations: 400 };
    const plain = await lobpcg(operatorOf(hard, selfAdjoint), options);
    const helped = await lobpcg(operatorOf(hard, selfAdjoint), {
      ...options,
      preconditioner: operatorOf(inverse, selfAdjoint),
    });
    expect(helped.outcome).toBe("converged");
    expect(helped.products).toBeLessThan(plain.products);
    expect(maxAbs(minus(helped.values, Float64Array.of(1, 2, 5)))).toBeLessThan(1e-6);
    const difference = await lobpcg(operatorOf(a, selfAdjoint), { count: 4, relativeTolerance: 1e-8 });
    expect(maxAbs(minus(difference.values, values.slice(0, 4)))).toBeLessThan(1e-9);
  });

  it("is right on multiple eigenvalues, the zero matrix and the whole space", async () => {
    const twins = await lobpcg(operatorOf(withSpectrum([1, 1, 1, ...Array(30).fill(4)]), selfAdjoint), { count: 4 });
    expect(maxAbs(minus(twins.values, Float64Array.of(1, 1, 1, 4)))).toBeLessThan(1e-9);
    expect((await lobpcg(operatorOf(matrix(6, 6), selfAdjoint), { count: 2 })).values).toEqual(Float64Array.of(0, 0));
    const whole = await lobpcg(operatorOf(withSpectrum([3, 1, 2]), selfAdjoint), { count: 3 });
    expect(maxAbs(minus(whole.values, Float64Array.of(1, 2, 3)))).toBeLessThan(1e-12);
  });
});
