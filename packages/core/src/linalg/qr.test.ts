import { describe, expect, it } from "vitest";
import { randomMatrix } from "./knownMatrices.ts";
import { frobeniusNorm, identity, type Matrix, matmul, matrix, scale, scaleColumns, subtract } from "./matrix.ts";
import { qr, qrSync } from "./qr.ts";
import { maxAbs } from "./vector.ts";

function expectFactors(a: Matrix, { q, r }: { q: Matrix; r: Matrix }): void {
  const p = Math.min(a.rows, a.columns);
  expect([q.rows, q.columns, r.rows, r.columns]).toEqual([a.rows, p, p, a.columns]);
  const size = frobeniusNorm(a) || 1;
  expect(frobeniusNorm(subtract(matmul(q, scale(1 / size, r)), scale(1 / size, a)))).toBeLessThan(1e-13);
  expect(maxAbs(subtract(matmul(q, q, { a: true }), identity(p)).data)).toBeLessThan(1e-13);
  for (let i = 0; i < p; i++) expect(maxAbs(r.data.subarray(i * r.columns, i * r.columns + i))).toBe(0);
}

describe("qr", () => {
  it.each([
    [1, 1],
    [5, 3],
    [3, 5],
    [32, 32],
    [33, 33],
    [100, 40],
    [40, 100],
    [200, 129],
    [64, 1],
  ])("Q R = A of %i × %i", async (m, n) => {
    const a = randomMatrix(m, n);
    expectFactors(a, await qr(a));
  });

  it("is right on rank-deficient and zero matrices", () => {
    expectFactors(matrix(40, 20), qrSync(matrix(40, 20)));
    const low = matmul(randomMatrix(60, 4, 1), randomMatrix(4, 50, 2));
    expectFactors(low, qrSync(low));
  });

  it.each([1e-308, 1e-200, 1e-160, 1e200])("does not mind that squares of %d under- or overflow", (size) => {
    const a = scale(size, randomMatrix(70, 40));
    expectFactors(a, qrSync(a));
  });

  it("keeps Q orthogonal where columns shrink beyond all measure", () => {
    const shrinking = Float64Array.from({ length: 100 }, (_, j) => 10 ** (-3 * j));
    expectFactors(
      scaleColumns(randomMatrix(120, 100), shrinking),
      qrSync(scaleColumns(randomMatrix(120, 100), shrinking)),
    );
  });
});
