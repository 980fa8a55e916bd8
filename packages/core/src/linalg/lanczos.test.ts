import { describe, expect, it } from "vitest";
import { type LinearOperator, selfAdjoint } from "../operators/linearOperator.ts";
import { eigenpairs } from "./eigenpairs.ts";
import { operatorOf, withSpectrum } from "./knownMatrices.ts";
import { lanczos, lanczosQuadrature } from "./lanczos.ts";
import type { Matrix } from "./matrix.ts";
import { minus, norm, normals, row, scaled } from "./vector.ts";

const selfAdjointOf = (m: Matrix): LinearOperator => operatorOf(m, selfAdjoint);

const close = (found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void => {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < found.length; i++)
    expect(Math.abs(found[i]! - expected[i]!), `entry ${i}`).toBeLessThanOrEqual(tolerance);
};

describe("lanczos", () => {
  const values = Array.from({ length: 60 }, (_, i) => (i < 5 ? 10 + i : i / 60));
  const a = selfAdjointOf(withSpectrum(values));

  it("integrates polynomials of degree 2m − 1 exactly, for two starts at once", async () => {
    const start = normals(120, 0, "start");
    const runs = await lanczos(a, start, { k: 2, steps: 4 });
    for (const [i, run] of runs.entries()) {
      const { nodes, weights } = lanczosQuadrature(run.tridiagonal);
      let power = row(start, i, 60);
      const moments: number[] = [];
      for (let degree = 0; degree < 8; degree++) {
        moments.push(power.reduce((s, x, j) => s + x * start[i * 60 + j]!, 0) / run.startNorm ** 2);
        power = await a.apply(power);
      }
      const integrated = moments.map((_, degree) => nodes.reduce((s, x, j) => s + weights[j]! * x ** degree, 0));
      close(
        integrated.map((x, d) => x / moments[d]!),
        moments.map(() => 1),
        1e-11,
      );
    }
  });

  it("ends where the Krylov space ends", async () => {
    const [run] = await lanczos(selfAdjointOf(withSpectrum([1, 1, 1, 4, 4, 4])), normals(6, 1, "s"), { steps: 6 });
    close(lanczosQuadrature(run!.tridiagonal).nodes, [1, 4], 1e-12);
    expect(run!.residual).toBe(0);
  });
});

describe("eigenpairs", () => {
  it.each([
    ["top", [14, 13, 12, 11]],
    ["bottom", [-20, 0, 1 / 200, 2 / 200]],
    ["magnitude", [-20, 14, 13, 12]],
  ] as const)("%s of a spectrum known by construction", async (which, expected) => {
    const values = [-20, ...Array.from({ length: 194 }, (_, i) => i / 200), 10, 11, 12, 13, 14];
    const op = selfAdjointOf(withSpectrum(values));
    const found = await eigenpairs(op, { count: 4, which, relativeTolerance: 1e-9, maxProducts: 20000 });
    expect(found.outcome).toBe("converged");
    close(found.values, expected, 1e-8);
    const products = await op.apply(found.vectors, { k: 4 });
    for (let i = 0; i < 4; i++)
      close(
        row(products, i, 200),
        row(found.vectors, i, 200).map((x) => found.values[i]! * x),
        1e-6,
      );
  });

  it("finds all copies of a multiple eigenvalue", async () => {
    const found = await eigenpairs(selfAdjointOf(withSpectrum([...Array(40).fill(0.1), 5, 5, 5, 5, 5, 5])), {
      count: 7,
    });
    close(found.values, [5, 5, 5, 5, 5, 5, 0.1], 1e-9);
  });

  it.each([6, 14, 25])(
    "finds ten copies of every eigenvalue, as a layer of ten outputs has: %i pairs",
    async (count) => {
      const values = Array.from({ length: 200 }, (_, i) => 0.6 ** Math.floor(i / 10));
      const op = selfAdjointOf(withSpectrum(values));
      const found = await eigenpairs(op, { count });
      expect(found.outcome).toBe("converged");
      close(found.values, values.slice(0, count), 1e-8);
      const products = await op.apply(found.vectors, { k: count });
      for (let i = 0; i < count; i++) {
        const rest = minus(row(products, i, 200), scaled(found.values[i]!, row(found.vectors, i, 200)));
        expect(Math.abs(norm(rest) - found.residuals[i]!)).toBeLessThan(1e-12);
      }
    },
  );

  it("is right on the zero operator and on rank one", async () => {
    close((await eigenpairs(selfAdjointOf(withSpectrum(Array(9).fill(0))), { count: 3 })).values, [0, 0, 0], 0);
    close(
      (await eigenpairs(selfAdjointOf(withSpectrum([...Array(30).fill(0), 2])), { count: 3 })).values,
      [2, 0, 0],
      1e-12,
    );
  });
});
