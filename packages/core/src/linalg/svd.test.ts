import { Matrix as MlMatrix, SVD } from "ml-matrix";
import { describe, expect, it } from "vitest";
import { hilbert, randomMatrix, withSpectrum } from "./knownMatrices.ts";
import { frobeniusNorm, identity, type Matrix, matmul, matrix, scale, scaleColumns, subtract } from "./matrix.ts";
import { type Svd, svd, svdSync } from "./svd.ts";
import { maxAbs } from "./vector.ts";

function expectDecomposes(a: Matrix, { u, values, v }: Svd): void {
  const p = Math.min(a.rows, a.columns);
  const size = frobeniusNorm(a) || 1;
  const again = matmul(
    scaleColumns(
      u,
      values.map((x) => x / size),
    ),
    v,
    { b: true },
  );
  expect(frobeniusNorm(subtract(again, scale(1 / size, a))), "U Σ Vᵀ = A").toBeLessThan(1e-12);
  for (const side of [u, v]) {
    expect(maxAbs(subtract(matmul(side, side, { a: true }), identity(p)).data), "orthogonality").toBeLessThan(1e-12);
  }
  expect(
    values.every((x, i) => x >= 0 && (i === 0 || x <= values[i - 1]!)),
    "descending",
  ).toBe(true);
}

function filled(rows: number, columns: number, entry: (i: number, j: number) => number): Matrix {
  const data = Float64Array.from({ length: rows * columns }, (_, at) => entry(Math.floor(at / columns), at % columns));
  return matrix(rows, columns, data);
}

describe("svd", () => {
  it.each([
    [1, 1],
    [7, 3],
    [3, 7],
    [50, 50],
    [120, 30],
    [30, 120],
    [100, 90],
  ])("U Σ Vᵀ = A of %i × %i", async (m, n) => {
    const a = randomMatrix(m, n);
    expectDecomposes(a, await svd(a));
  });

  it("agrees with ml-matrix", () => {
    const a = randomMatrix(60, 40);
    const other = new SVD(MlMatrix.from1DArray(60, 40, a.data)).diagonal;
    expect(maxAbs(svdSync(a).values.map((x, i) => x - other[i]!))).toBeLessThan(1e-12);
  });

  it("does not lose small singular values to squaring", () => {
    const values = Array.from({ length: 40 }, (_, i) => 10 ** (-i / 3)); // down to 1e-13
    const a = withSpectrum(values);
    const found = svdSync(a);
    expectDecomposes(a, found);
    expect(maxAbs(found.values.map((x, i) => x - values[i]!))).toBeLessThan(1e-14);
  });

  it.each([
    ["zero", matrix(20, 12)],
    ["rank three", matmul(randomMatrix(80, 3, 1), randomMatrix(3, 60, 2))],
    ["Hilbert", hilbert(30)],
    ["all-ones 7 × 7", filled(7, 7, () => 1)],
    ["all-ones 100 × 33", filled(100, 33, () => 1)],
    ["rank-one 40 × 40", filled(40, 40, (i, j) => (i + 1) * (j + 1))],
    ["two distinct columns, repeated,", filled(100, 33, (i, j) => (j % 2 === 0 ? Math.sin(7 * i) : Math.cos(i)))],
    ["small integer", filled(40, 30, (i, j) => (i * j) % 3)],
    ["graded by columns", filled(130, 128, (i, j) => Math.sin(i * i + j) * 10 ** -j)],
    ["graded by rows", filled(130, 128, (i, j) => Math.sin(i * i + j) * 10 ** -i)],
    ["tiny", scale(1e-290, randomMatrix(20, 20))],
    ["huge", scale(1e290, randomMatrix(20, 20))],
  ])("is right on the %s matrix", (_, a) => expectDecomposes(a, svdSync(a)));

  it("says where a NaN is", async () => {
    await expect(svd(matrix(1, 2, Float64Array.of(1, Number.NaN)))).rejects.toThrow("row 1, column 0");
  });
});
