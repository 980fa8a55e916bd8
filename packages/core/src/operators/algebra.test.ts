/** Every operator of the algebra keeps every promise, against a matrix that is written out by its definition. */
import { describe, expect, it } from "vitest";
import { eighSync } from "../linalg/eigh.ts";
import { randomMatrix, randomSymmetric, withSpectrum } from "../linalg/knownMatrices.ts";
import {
  add,
  columnsOf,
  diagonalMatrix,
  fromRows,
  gram,
  identity as identityMatrix,
  type Matrix,
  matmul,
  scale as scaled,
  subtract,
  transpose as transposed,
} from "../linalg/matrix.ts";
import { randomStream } from "../random/random.ts";
import { checkOperator } from "../testing/checkOperator.ts";
import { tolerances } from "../testing/tolerance.ts";
import { blockDiagonal } from "./blockDiagonal.ts";
import { congruence } from "./congruence.ts";
import { denseOperator } from "./denseOperator.ts";
import { diagonal } from "./diagonal.ts";
import { difference } from "./difference.ts";
import { eigenOperator } from "./eigenOperator.ts";
import { identity } from "./identity.ts";
import { kronecker } from "./kronecker.ts";
import type { LinearOperator } from "./linearOperator.ts";
import { lowRankPlusDiagonal } from "./lowRankPlusDiagonal.ts";
import { negate } from "./negate.ts";
import { power } from "./power.ts";
import { product } from "./product.ts";
import { renamed } from "./renamed.ts";
import { scale } from "./scale.ts";
import { selection } from "./selection.ts";
import { submatrix } from "./submatrix.ts";
import { damped, sum } from "./sum.ts";

const general = randomMatrix(4, 4, 1);
const wide = randomMatrix(3, 4, 2);
const symmetric = randomSymmetric(4, 3);
const definite = gram(randomMatrix(6, 4, 4), { of: "columns" });
const lowRank = withSpectrum([0, 0, 2, 5], 5);
const small = gram(randomMatrix(5, 3, 6), { of: "columns" });
const q3 = eighSync(randomSymmetric(3, 7)).vectors;
const q4 = eighSync(randomSymmetric(4, 8)).vectors;
const six = Float64Array.from({ length: 12 }, (_, i) => 0.5 + (i % 5));
const d = Float64Array.of(1, 0.25, 3, 0.5);

const G = denseOperator(general, { name: "G" });
const W = denseOperator(wide, { name: "W" });
const S = denseOperator(symmetric, { name: "S" });
const D = denseOperator(definite, { name: "D", positiveSemidefinite: true });
const L = denseOperator(symmetrized(lowRank), { name: "L", positiveSemidefinite: true });
/** [4, 2]: a selection's transpose, onto entries 3 and 1. */
const put = selection([3, 1], 4).adjoint();
const putMatrix = fromRows([
  [0, 0],
  [0, 1],
  [0, 0],
  [1, 0],
]);
const pair = fromRows([
  [2, 1],
  [1, 3],
]);
const P = denseOperator(pair, { name: "P", positiveSemidefinite: true });
const turn = selection([2, 0, 3, 1], 4, "turn");
const turnMatrix = fromRows([
  [0, 0, 1, 0],
  [1, 0, 0, 0],
  [0, 0, 0, 1],
  [0, 1, 0, 0],
]);

/** An operator without facts, so that those of a whole must do without. */
function plain({ exact: _, ...a }: LinearOperator): LinearOperator {
  const self: LinearOperator = { ...a, adjoint: () => (a.structure.selfAdjoint ? self : plain(a.adjoint())) };
  return self;
}

function symmetrized(m: Matrix): Matrix {
  return scaled(0.5, add(m, transposed(m)));
}

/** (A ⊗ B)[i b + k, j d + l] = A[i, j] B[k, l] */
function kron(a: Matrix, b: Matrix): Matrix {
  const result = { rows: a.rows * b.rows, columns: a.columns * b.columns };
  const data = Float64Array.from({ length: result.rows * result.columns }, (_, at) => {
    const [row, column] = [Math.floor(at / result.columns), at % result.columns];
    const [i, k] = [Math.floor(row / b.rows), row % b.rows];
    const [j, l] = [Math.floor(column / b.columns), column % b.columns];
    return a.data[i * a.columns + j]! * b.data[k * b.columns + l]!;
  });
  return { ...result, data };
}

function spectral(q: Matrix, values: Float64Array): Matrix {
  return matmul(matmul(q, diagonalMatrix(values)), q, { b: true });
}

/** Blocks along the diagonal. */
function blocks(parts: readonly Matrix[]): Matrix {
  const columns = parts.reduce((total, part) => total + part.columns, 0);
  let before = 0;
  const rows = parts.flatMap((part) => {
    const list = rowsOf(part).map((row) => {
      const whole = new Float64Array(columns);
      whole.set(row, before);
      return Array.from(whole);
    });
    before += part.columns;
    return list;
  });
  return fromRows(rows);
}

function rowsOf({ rows, columns, data }: Matrix): Float64Array[] {
  return Array.from({ length: rows }, (_, i) => data.slice(i * columns, (i + 1) * columns));
}

function pick(m: Matrix, rows: readonly number[], columns: readonly number[]): Matrix {
  return fromRows(rows.map((i) => columns.map((j) => m.data[i * m.columns + j]!)));
}

const one = identityMatrix(4);
const u = randomMatrix(2, 4, 9);
const c = Float64Array.of(0.25, 3);
const lowRankMatrix = (diag: Float64Array, weights: Float64Array): Matrix =>
  add(diagonalMatrix(diag), matmul(matmul(u, diagonalMatrix(weights), { a: true }), u));
const thin = columnsOf(q4, 1, 3);
const complement = subtract(one, matmul(thin, thin, { b: true }));

const cases: readonly (readonly [string, LinearOperator, Matrix])[] = [
  ["identity", identity(4), one],
  ["diagonal", diagonal(d), diagonalMatrix(d)],
  ["diagonal, indefinite", diagonal(Float64Array.of(1, -2, 0)), diagonalMatrix(Float64Array.of(1, -2, 0))],
  ["dense", G, general],
  ["dense, wide", W, wide],
  ["dense, symmetric", S, symmetric],
  ["dense, definite", D, definite],
  ["dense, low rank", L, symmetrized(lowRank)],
  ["sum", sum(S, D, G), add(add(symmetric, definite), general)],
  ["sum of definite", sum(D, L), add(definite, symmetrized(lowRank))],
  ["sum of rectangular", sum(W, scale(2, W)), scaled(3, wide)],
  ["sum without facts", sum(plain(D), D), scaled(2, definite)],
  ["damped", damped(L, 0.5), add(symmetrized(lowRank), scaled(0.5, one))],
  ["damped twice", damped(damped(D, 0.5), 2), add(definite, scaled(2.5, one))],
  ["multiples of the identity", sum(identity(4), scale(3, identity(4))), scaled(4, one)],
  ["difference", difference(D, L), subtract(definite, symmetrized(lowRank))],
  ["difference of general", difference(G, S), subtract(general, symmetric)],
  ["scale", scale(0.25, D), scaled(0.25, definite)],
  ["scale by a negative", scale(-3, D), scaled(-3, definite)],
  ["scale by zero", scale(0, S), scaled(0, symmetric)],
  ["scale, general", scale(3, W), scaled(3, wide)],
  ["negate", negate(S), scaled(-1, symmetric)],
  ["power 0", power(G, 0), one],
  ["power 1", power(G, 1), general],
  ["power 2", power(S, 2), matmul(symmetric, symmetric)],
  ["power 3", power(D, 3), matmul(matmul(definite, definite), definite)],
  ["power 3, general", power(G, 3), matmul(matmul(general, general), general)],
  ["power 2 without facts", power(plain(S), 2), matmul(symmetric, symmetric)],
  ["product", product(W, G, S), matmul(matmul(wide, general), symmetric)],
  ["product of selections", product(turn, turn), matmul(turnMatrix, turnMatrix)],
  ["congruence", congruence(W, D), matmul(matmul(wide, definite), wide, { b: true })],
  ["congruence of general", congruence(W, G), matmul(matmul(wide, general), wide, { b: true })],
  ["congruence by an isometry", congruence(put, P), matmul(matmul(putMatrix, pair), putMatrix, { b: true })],
  ["congruence by a permutation", congruence(turn, D), matmul(matmul(turnMatrix, definite), turnMatrix, { b: true })],
  [
    "congruence without facts",
    congruence(turn, plain(D)),
    matmul(matmul(turnMatrix, definite), turnMatrix, { b: true }),
  ],
  ["transpose", W.adjoint(), transposed(wide)],
  ["block diagonal", blockDiagonal([D, diagonal(d), P]), blocks([definite, diagonalMatrix(d), pair])],
  ["block diagonal, rectangular", blockDiagonal([W, W.adjoint(), G]), blocks([wide, transposed(wide), general])],
  ["block diagonal of isometries", blockDiagonal([put, turn]), blocks([putMatrix, turnMatrix])],
  ["block diagonal without facts", blockDiagonal([plain(S), D]), blocks([symmetric, definite])],
  ["low rank plus diagonal", lowRankPlusDiagonal({ diagonal: d, directions: u, weights: c }), lowRankMatrix(d, c)],
  [
    "low rank plus diagonal, indefinite",
    lowRankPlusDiagonal({ diagonal: d, directions: u, weights: Float64Array.of(-0.25, 0) }),
    lowRankMatrix(d, Float64Array.of(-0.25, 0)),
  ],
  [
    "low rank plus a multiple of the identity",
    lowRankPlusDiagonal({ diagonal: new Float64Array(4).fill(0.5), directions: u }),
    lowRankMatrix(new Float64Array(4).fill(0.5), Float64Array.of(1, 1)),
  ],
  ["Kronecker", kronecker(small, definite), kron(small, definite)],
  ["Kronecker, low rank", kronecker(pair, symmetrized(lowRank)), kron(pair, symmetrized(lowRank))],
  ["Kronecker of one entry", kronecker(fromRows([[2]]), pair), scaled(2, pair)],
  ["eigendecomposition", eigenOperator({ values: d, vectors: q4 }), spectral(q4, d)],
  [
    "eigendecomposition, indefinite",
    eigenOperator({ values: Float64Array.of(-0.5, 1, 2, 0), vectors: q4 }),
    spectral(q4, Float64Array.of(-0.5, 1, 2, 0)),
  ],
  [
    "eigendecomposition in a Kronecker basis",
    eigenOperator({ values: six, vectors: { a: q3, b: q4 } }),
    spectral(kron(q3, q4), six),
  ],
  ["some eigenpairs", eigenOperator({ values: c, vectors: thin }), spectral(thin, c)],
  [
    "some eigenpairs and a level for the rest",
    eigenOperator({ values: c, vectors: thin, rest: 0.5 }),
    add(spectral(thin, c), scaled(0.5, complement)),
  ],
  ["selection", selection([2, 0], 4), pick(one, [2, 0], [0, 1, 2, 3])],
  ["permutation", turn, turnMatrix],
  ["principal submatrix", submatrix(D, [3, 1]), pick(definite, [3, 1], [3, 1])],
  ["submatrix", submatrix(G, [3, 1], [0, 2, 1]), pick(general, [3, 1], [0, 2, 1])],
  ["another name", renamed(G, "H"), general],
];

describe("the algebra of operators", () => {
  it.each(cases)("%s", async (_, operator, { rows, columns, data }) => {
    const matrix = rowsOf({ rows, columns, data });
    const exactly = { tolerance: { ...tolerances.float64, absolute: 1e-12 } };
    await checkOperator(operator, matrix, randomStream(11), exactly);
  });

  it.each([
    ["semidefiniteness of a sum with a difference", difference(D, L)],
    ["semidefiniteness of a negative multiple", scale(-1, D)],
    ["symmetry of a product", product(D, L)],
    ["symmetry of part of a matrix", submatrix(D, [0, 1], [0, 1])],
    ["semidefiniteness of an odd power", power(S, 3)],
  ])("does not claim the %s", (_, operator) => {
    expect(operator.structure.positiveSemidefinite).toBe(false);
  });

  it("keeps what follows: a Gram matrix by congruence, even powers, damping", () => {
    for (const operator of [congruence(W, D), power(S, 2), damped(D, 1), blockDiagonal([D, L])]) {
      expect(operator.structure).toMatchObject({ selfAdjoint: true, positiveSemidefinite: true });
    }
  });

  it.each([
    ["sum", () => sum(G, W)],
    ["difference", () => difference(W, G)],
    ["product", () => product(G, W)],
    ["congruence", () => congruence(W, P)],
    ["congruence of what is not square", () => congruence(G, W)],
    ["power", () => power(W, 2)],
    ["eigenpairs", () => eigenOperator({ values: d, vectors: q3 })],
    ["directions", () => lowRankPlusDiagonal({ diagonal: c, directions: u })],
    ["weights", () => lowRankPlusDiagonal({ diagonal: d, directions: u, weights: d })],
  ])("refuses shapes that do not fit: %s", (_, build) => {
    expect(build).toThrow(/^Cannot .* (differ|is not square|is not one (value|weight))/);
  });

  it("says how much was expected and found", async () => {
    expect(() => sum(G, W)).toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot add G and W as their shapes differ
        expected  4 × 4
        found     3 × 4]
    `);
    expect(() => product(G, W)).toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot multiply G and W as the inner sizes differ
        expected  4
        found     3]
    `);
    await expect(W.apply(new Float64Array(7), { k: 2 })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot apply W as the vector's length is not the number of its columns
        expected  2 × 4 = 8
        found     7]
    `);
  });

  it("names what it made", () => {
    const names = [damped(difference(D, L), 0.1), scale(2, sum(D, L)), congruence(W, D), blockDiagonal([D, L, P, D])];
    expect(names.map(({ name }) => name)).toMatchInlineSnapshot(`
      [
        "D − L + 0.1 · I",
        "2 · (D + L)",
        "W · D · Wᵀ",
        "D ⊕ L ⊕ P ⊕ … (4 blocks)",
      ]
    `);
  });
});
