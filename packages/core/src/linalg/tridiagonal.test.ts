import { describe, expect, it } from "vitest";
import { eighSync } from "./eigh.ts";
import { secondDifference } from "./knownMatrices.ts";
import { identity, type Matrix, matmul, matrix, scaleRows, subtract } from "./matrix.ts";
import { type Tridiagonal, tridiagonalEigen } from "./tridiagonal.ts";
import { maxAbs } from "./vector.ts";

function denseOf({ diagonal, offDiagonal }: Tridiagonal): Matrix {
  const n = diagonal.length;
  const m = matrix(n, n);
  for (let i = 0; i < n; i++) {
    m.data[i * n + i] = diagonal[i]!;
    if (i + 1 < n) m.data[i * n + i + 1] = m.data[(i + 1) * n + i] = offDiagonal[i]!;
  }
  return m;
}

const of = (n: number, diagonal: (i: number) => number, coupling: (i: number) => number): Tridiagonal => ({
  diagonal: Float64Array.from({ length: n }, (_, i) => diagonal(i)),
  offDiagonal: Float64Array.from({ length: Math.max(0, n - 1) }, (_, i) => coupling(i)),
});

describe("tridiagonalEigen", () => {
  it.each([
    [
      "empty",
      of(
        0,
        () => 0,
        () => 0,
      ),
    ],
    [
      "one by one",
      of(
        1,
        () => 7,
        () => 0,
      ),
    ],
    [
      "uncoupled",
      of(
        9,
        (i) => -i,
        () => 0,
      ),
    ],
    [
      "zero diagonal, some couplings negligible",
      of(
        20,
        () => 0,
        (i) => (i % 2 ? 1e-200 : 1),
      ),
    ],
    [
      "Wilkinson's",
      of(
        21,
        (i) => Math.abs(i - 10),
        () => 1,
      ),
    ],
    [
      "graded",
      of(
        40,
        (i) => 10 ** (-i / 2),
        (i) => 0.1 * 10 ** (-i / 2),
      ),
    ],
    [
      "of Legendre's polynomials",
      of(
        50,
        () => 0,
        (i) => (i + 1) / Math.sqrt(4 * (i + 1) ** 2 - 1),
      ),
    ],
  ] as const)("gives T back, with the values of the dense solver: %s", (_, t) => {
    const n = t.diagonal.length;
    const { values, vectors } = tridiagonalEigen(t);
    const rows = matrix(n, n, vectors);
    const again = matmul(rows, scaleRows(values, rows), { a: true });
    expect(maxAbs(subtract(again, denseOf(t)).data)).toBeLessThan(1e-13);
    expect(maxAbs(subtract(matmul(rows, rows, { b: true }), identity(n)).data)).toBeLessThan(1e-13);
    const dense = eighSync(denseOf(t)).values;
    expect(maxAbs(values.map((x, i) => x - dense[i]!))).toBeLessThan(1e-13);
  });

  it("finds the closed form of the second difference", () => {
    const { values } = tridiagonalEigen(
      of(
        60,
        () => 2,
        () => -1,
      ),
    );
    const truth = secondDifference(60).values;
    expect(maxAbs(values.map((x, i) => x - truth[i]!))).toBeLessThan(1e-14);
  });
});
