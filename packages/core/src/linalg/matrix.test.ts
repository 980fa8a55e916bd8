import fc from "fast-check";
import { Matrix as MlMatrix } from "ml-matrix";
import { describe, expect, it } from "vitest";
import { randomMatrix } from "./knownMatrices.ts";
import {
  add,
  fromRows,
  gram,
  type Matrix,
  matmul,
  matmulAside,
  matrix,
  plusDiagonal,
  scale,
  scaleColumns,
  scaleRows,
  subtract,
  symmetrize,
  trace,
  transpose,
} from "./matrix.ts";
import { maxAbs } from "./vector.ts";

const far = (a: Matrix, b: Matrix): number => maxAbs(subtract(a, b).data);
const other = (m: Matrix): MlMatrix => MlMatrix.from1DArray(m.rows, m.columns, m.data);

describe("matmul", () => {
  const side = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 70 }));

  it("agrees with ml-matrix for any shape, plain and transposed", () => {
    fc.assert(
      fc.property(side, side, side, fc.boolean(), fc.boolean(), (m, n, k, flipA, flipB) => {
        const [a, b] = [randomMatrix(m, k, 1), randomMatrix(k, n, 2)];
        const found = matmul(flipA ? transpose(a) : a, flipB ? transpose(b) : b, { a: flipA, b: flipB });
        const truth = other(a).mmul(other(b)).to1DArray();
        expect(far(found, matrix(m, n, Float64Array.from(truth)))).toBeLessThan(1e-12);
      }),
      { numRuns: 40 },
    );
  });

  it("crosses the blocks of every loop", () => {
    const [a, b] = [randomMatrix(131, 260, 1), randomMatrix(260, 1030, 2)];
    const truth = other(a).mmul(other(b)).to1DArray();
    expect(far(matmul(a, b), matrix(131, 1030, Float64Array.from(truth)))).toBeLessThan(1e-11);
  });

  it("is the same on a worker", async () => {
    const [a, b] = [randomMatrix(300, 310, 1), randomMatrix(310, 320, 2)];
    expect((await matmulAside(a, b)).data).toEqual(matmul(a, b).data);
  });

  it("says which inner sizes differ", () => {
    expect(() => matmul(matrix(2, 3), matrix(2, 3))).toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot multiply two matrices as the inner sizes differ
        expected  3
        found     2]
    `);
  });
});

describe("gram", () => {
  it.each([
    [1, 1],
    [3, 40],
    [40, 3],
    [150, 70],
  ])("XᵀX and X Xᵀ of %i × %i", (m, n) => {
    const x = randomMatrix(m, n);
    expect(far(gram(x, { of: "columns" }), matmul(transpose(x), x))).toBeLessThan(1e-12);
    expect(far(gram(x, { of: "rows" }), matmul(x, transpose(x)))).toBeLessThan(1e-12);
  });
});

describe("small operations", () => {
  const a = fromRows([
    [1, 2],
    [3, 4],
  ]);

  it("scale, add, trace, diagonal, symmetry", () => {
    expect(add(a, scale(2, a))).toEqual(
      fromRows([
        [3, 6],
        [9, 12],
      ]),
    );
    expect(plusDiagonal(a, 10)).toEqual(
      fromRows([
        [11, 2],
        [3, 14],
      ]),
    );
    expect(symmetrize(a)).toEqual(
      fromRows([
        [1, 2.5],
        [2.5, 4],
      ]),
    );
    expect(trace(a)).toBe(5);
    expect(scaleRows(Float64Array.of(2, 3), a)).toEqual(
      fromRows([
        [2, 4],
        [9, 12],
      ]),
    );
    expect(scaleColumns(a, Float64Array.of(2, 3))).toEqual(
      fromRows([
        [2, 6],
        [6, 12],
      ]),
    );
  });
});
