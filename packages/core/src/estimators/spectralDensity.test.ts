import { describe, expect, it } from "vitest";
import { operatorOf, randomMatrix, secondDifference, withSpectrum } from "../linalg/knownMatrices.ts";
import { gram, identity, matmul, matrix, scaleRows } from "../linalg/matrix.ts";
import { orthonormalRows } from "../linalg/orthogonalize.ts";
import { selfAdjoint } from "../operators/linearOperator.ts";
import { expectClose } from "../testing/expectClose.ts";
import { broadened } from "./density.ts";
import { logSpectralDensity, spectralDensity } from "./spectralDensity.ts";

const integral = (grid: Float64Array, density: Float64Array): number =>
  grid.reduce((s, t, i) => (i === 0 ? s : s + 0.5 * (t - grid[i - 1]!) * (density[i]! + density[i - 1]!)), 0);

describe("spectral density", () => {
  it("is that of the eigenvalues, broadened alike", async () => {
    const { matrix, values } = secondDifference(300);
    const options = { probes: 12, steps: 60, seed: 1, width: 0.1 };
    const { grid, density, standardError, products } = await spectralDensity(operatorOf(matrix, selfAdjoint), options);
    const truth = broadened({ nodes: values, weights: values.map(() => 1 / 300) }, grid, 0.1);
    const distance = Math.max(...density.map((d, i) => Math.abs(d - truth[i]!) / (4 * standardError[i]! + 1e-3)));
    expect(distance).toBeLessThan(1.1);
    expect(integral(grid, density)).toBeCloseTo(1, 3);
    expect(products).toBe(720);
  });

  it("shows the bulk at zero of a low-rank matrix with its share, and its outliers", async () => {
    const values = Float64Array.from({ length: 200 }, (_, i) => (i < 4 ? 10 * (i + 1) : 0));
    const a = operatorOf(withSpectrum(values), selfAdjoint);
    const { quadratures, products } = await spectralDensity(a, { probes: 40, steps: 30, seed: 3 });
    expect(products).toBeLessThanOrEqual(40 * 6); // five distinct eigenvalues
    const share = quadratures.map(({ nodes, weights }) =>
      weights.reduce((s, w, i) => s + (Math.abs(nodes[i]!) < 1e-6 ? w : 0), 0),
    );
    expect(share.reduce((s, x) => s + x, 0) / 40).toBeCloseTo(0.98, 2);
    const outermost = quadratures.map(({ nodes }) => nodes.at(-1)!);
    for (const value of outermost) expect(value).toBeCloseTo(40, 8);
  });

  it.each([
    ["zero", 0],
    ["a multiple of the identity", 3],
  ])("is one peak for %s", async (_, value) => {
    const m = { ...identity(20), data: identity(20).data.map((x) => value * x) };
    const { grid, density, quadratures } = await spectralDensity(operatorOf(m, selfAdjoint), { probes: 2, steps: 10 });
    expect(integral(grid, density)).toBeCloseTo(1, 3);
    expect(grid[density.indexOf(Math.max(...density))]).toBeCloseTo(value, 2);
    expect(quadratures.map(({ nodes }) => nodes.length)).toEqual([1, 1]);
  });

  it("does not depend on how many bases fit into memory", async () => {
    const a = operatorOf(secondDifference(50).matrix, selfAdjoint);
    const whole = await spectralDensity(a, { probes: 5, steps: 8, seed: 4 });
    const single = await spectralDensity(a, { probes: 5, steps: 8, seed: 4, memory: 1 });
    expect(single.density).toEqual(whole.density);
  });

  it("says what it cannot do", async () => {
    const general = operatorOf(secondDifference(5).matrix);
    await expect(spectralDensity(general, { probes: 2, steps: 3 })).rejects.toThrow("not known to be self-adjoint");
    const a = operatorOf(secondDifference(5).matrix, selfAdjoint);
    await expect(spectralDensity(a, { probes: 1, steps: 3 })).rejects.toThrow("samples");
    await expect(spectralDensity(a, { probes: 2, steps: 0 })).rejects.toThrow("samples");
  });

  it("of a Wishart matrix is the law of Marchenko and Pastur, beside outliers that are deflated by themselves", async () => {
    const [n, samples] = [400, 800];
    const bulk = gram(randomMatrix(samples, n, 3), { of: "columns" }).data.map((x) => x / samples);
    const spikes = [60, 30, 20];
    const u = orthonormalRows(randomMatrix(3, n, 4).data, n).basis;
    const outer = matmul(scaleRows(Float64Array.from(spikes), matrix(3, n, u)), matrix(3, n, u), { a: true });
    const a = operatorOf(
      matrix(
        n,
        n,
        bulk.map((x, i) => x + (outer.data[i] ?? 0)),
      ),
      selfAdjoint,
    );
    const { grid, density, outliers, width } = await spectralDensity(a, {
      probes: 6,
      steps: 60,
      seed: 1,
      deflate: "auto",
      width: 0.08,
    });
    expect(outliers.length).toBe(3);
    outliers.forEach((value, i) => expect(Math.abs(value - spikes[i]! - 1)).toBeLessThan(0.8));
    const law = marchenkoPastur(n / samples);
    const nodes = Float64Array.from({ length: 2000 }, (_, i) => ((i + 0.5) / 2000) * 3.2);
    const truth = broadened({ nodes, weights: nodes.map((t) => (law(t) * 3.2) / 2000) }, grid, width);
    const distance = grid.reduce(
      (s, t, i) => (i === 0 ? s : s + (t - grid[i - 1]!) * Math.abs(density[i]! - truth[i]!)),
      0,
    );
    expect(distance).toBeLessThan(0.06);
    expect(integral(grid, density)).toBeCloseTo(1 - 3 / n, 2);
  });

  it("deflates as many as it is told, exactly, and nothing where there is nothing", async () => {
    const values = Float64Array.from({ length: 50 }, (_, i) => (i === 0 ? -9 : i === 1 ? 5 : i / 50));
    const a = operatorOf(withSpectrum(values), selfAdjoint);
    const { outliers, quadratures } = await spectralDensity(a, { probes: 2, steps: 50, deflate: 2 });
    expectClose(outliers, [-9, 5], "outliers", { relative: 1e-9, absolute: 1e-9 });
    for (const { nodes } of quadratures) expect(nodes.every((t) => t > 0 && t < 1)).toBe(true);
    const zero = operatorOf(withSpectrum(new Float64Array(9)), selfAdjoint);
    expect((await spectralDensity(zero, { probes: 2, steps: 5, deflate: "auto" })).outliers.length).toBe(0);
    await expect(spectralDensity(a, { probes: 2, steps: 5, deflate: 50 })).rejects.toThrow("that many eigenvalues");
  });
});

describe("spectral density of logarithms", () => {
  it("gives every order of magnitude its share", async () => {
    const values = Float64Array.from({ length: 400 }, (_, i) => (i % 2 ? 1 : -1) * 10 ** -Math.floor(i / 100));
    const a = operatorOf(withSpectrum(values), selfAdjoint);
    const { grid, density } = await logSpectralDensity(a, { probes: 8, steps: 60, width: 0.05, floor: 1e-5 });
    expect(integral(grid, density)).toBeCloseTo(1, 3);
    for (const decade of [0, -1, -2, -3]) {
      const near = density.map((d, i) => (Math.abs(grid[i]! - decade) < 0.4 ? d : 0));
      expect(Math.abs(integral(grid, near) - 0.25)).toBeLessThan(0.05);
    }
  });

  it.each([-3, 1])("draws an eigenvalue λ = %d at log₁₀(|λ| + ε)", async (value) => {
    const a = operatorOf(withSpectrum(new Float64Array(20).fill(value)), selfAdjoint);
    const { quadratures, grid, density } = await logSpectralDensity(a, {
      probes: 2,
      steps: 5,
      floor: 0.5,
      points: 2001,
    });
    expect(quadratures[0]!.nodes[0]).toBeCloseTo(value, 10);
    expect(grid[density.indexOf(Math.max(...density))]).toBeCloseTo(Math.log10(Math.abs(value) + 0.5), 4);
  });

  it("draws what is zero at its floor", async () => {
    const a = operatorOf(withSpectrum(new Float64Array(20)), selfAdjoint);
    const { grid, density, floor } = await logSpectralDensity(a, { probes: 2, steps: 5 });
    expect(grid[density.indexOf(Math.max(...density))]).toBeCloseTo(Math.log10(floor), 1);
  });
});

/** The limit density of XᵀX / samples for X of independent normals, γ = columns / samples < 1. */
function marchenkoPastur(gamma: number): (t: number) => number {
  const [least, most] = [(1 - Math.sqrt(gamma)) ** 2, (1 + Math.sqrt(gamma)) ** 2];
  return (t) => (t <= least || t >= most ? 0 : Math.sqrt((most - t) * (t - least)) / (2 * Math.PI * gamma * t));
}
