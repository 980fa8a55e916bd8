import { describe, expect, it } from "vitest";
import { eighSync } from "./eigh.ts";
import { randomMatrix } from "./knownMatrices.ts";
import { lowRankEigh } from "./lowRankEigh.ts";
import {
  frobeniusNorm,
  identity,
  type Matrix,
  matmul,
  matrix,
  scale,
  scaleColumns,
  scaleRows,
  subtract,
  transpose,
} from "./matrix.ts";
import { qrSync } from "./qr.ts";
import { maxAbs } from "./vector.ts";

const aslant = (v: Matrix): number => maxAbs(subtract(matmul(v, v, { a: true }), identity(v.columns)).data);

describe("lowRankEigh", () => {
  it("has the nonzero eigenpairs of XᵀX / n", async () => {
    const x = randomMatrix(20, 90);
    const c = scale(1 / 20, matmul(x, x, { a: true }));
    const { values, vectors } = await lowRankEigh(x);
    const all = eighSync(c).values;
    expect(maxAbs(values.map((value, i) => value - all[70 + i]!))).toBeLessThan(1e-13 * all[89]!);
    expect(frobeniusNorm(subtract(matmul(c, vectors), scaleColumns(vectors, values)))).toBeLessThan(1e-12);
    expect(aslant(vectors)).toBeLessThan(1e-13);
  });

  it("keeps its eigenvectors orthonormal down to the smallest value it returns", async () => {
    const [n, d] = [60, 150];
    const sigma = Float64Array.from({ length: n }, (_, i) => 10 ** ((-9 * i) / n));
    const right = qrSync(randomMatrix(d, n, 2)).q;
    const x = matmul(qrSync(randomMatrix(n, n, 1)).q, scaleRows(sigma, transpose(right)));
    const { values, vectors } = await lowRankEigh(x, { scale: 1 });
    expect(values.length).toBeGreaterThan(40);
    expect(maxAbs(values.toReversed().map((value, i) => value - sigma[i]! ** 2))).toBeLessThan(1e-14);
    expect(aslant(vectors)).toBeLessThan(1e-13);
    const products = matmul(x, matmul(x, vectors), { a: true });
    expect(frobeniusNorm(subtract(products, scaleColumns(vectors, values)))).toBeLessThan(1e-13);
    // The leading eigenvector is the one that was put in.
    const along = matmul(right, vectors, { a: true }).data[vectors.columns - 1]!;
    expect(Math.abs(along)).toBeCloseTo(1, 13);
  });

  it("leaves out what is zero: repeated samples, and no samples at all", async () => {
    const row = randomMatrix(1, 30).data;
    const twice = matrix(2, 30, Float64Array.from([...row, ...row]));
    const { values, vectors } = await lowRankEigh(twice);
    expect([values.length, vectors.rows, vectors.columns]).toEqual([1, 30, 1]);
    expect((await lowRankEigh(matrix(3, 30))).values.length).toBe(0);
  });

  it("refuses a NaN and a scale that is not positive", async () => {
    await expect(lowRankEigh(matrix(1, 2, Float64Array.of(1, Number.NaN)))).rejects.toThrow("row 0, column 1");
    await expect(lowRankEigh(randomMatrix(2, 5), { scale: 0 })).rejects.toThrow("scale is not positive");
  });
});
