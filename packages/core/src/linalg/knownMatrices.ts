/** Matrices whose spectra are known by construction or by formula: the truth that tests and benchmarks compare with. */
import { type LinearOperator, noStructure, type Structure } from "../operators/linearOperator.ts";
import { type Matrix, matmul, matrix, transpose } from "./matrix.ts";
import { dot, normals } from "./vector.ts";

/** H₁ … H_k diag(λ) H_k … H₁ with random Householder reflections: symmetric, of exactly that spectrum up to rounding. */
export function withSpectrum(values: ArrayLike<number>, seed = 1, reflections = 3): Matrix {
  const n = values.length;
  const m = matrix(n, n);
  for (let i = 0; i < n; i++) m.data[i * n + i] = values[i]!;
  for (let r = 0; r < reflections; r++) reflectBothSides(m.data, n, normals(n, seed, `reflection ${r}`));
  return m;
}

/** A ← H A H with H = I − 2 u uᵀ / uᵀu, as a rank-two update: A − u wᵀ − w uᵀ. */
function reflectBothSides(a: Float64Array, n: number, u: Float64Array): void {
  const size = 2 / dot(u, u);
  const w = new Float64Array(n);
  for (let i = 0; i < n; i++) w[i] = size * dot(a.subarray(i * n, (i + 1) * n), u);
  const half = 0.5 * size * dot(u, w);
  for (let i = 0; i < n; i++) w[i]! -= half * u[i]!;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) a[i * n + j]! -= u[i]! * w[j]! + w[i]! * u[j]!;
}

/** W_n⁺: tridiagonal, |i − (n − 1)/2| on the diagonal and ones beside it; its large eigenvalues come in near-equal pairs. */
export function wilkinson(n: number): Matrix {
  const m = matrix(n, n);
  for (let i = 0; i < n; i++) {
    m.data[i * n + i] = Math.abs(i - (n - 1) / 2);
    if (i + 1 < n) m.data[i * n + i + 1] = m.data[(i + 1) * n + i] = 1;
  }
  return m;
}

/** 1 / (i + j + 1): positive definite, and hopelessly ill-conditioned. */
export function hilbert(n: number): Matrix {
  return matrix(
    n,
    n,
    Float64Array.from({ length: n * n }, (_, at) => 1 / (Math.floor(at / n) + (at % n) + 1)),
  );
}

/** The second difference −1, 2, −1, of eigenvalues 2 − 2 cos(jπ / (n + 1)). */
export function secondDifference(n: number): { readonly matrix: Matrix; readonly values: Float64Array } {
  const m = matrix(n, n);
  for (let i = 0; i < n; i++) {
    m.data[i * n + i] = 2;
    if (i + 1 < n) m.data[i * n + i + 1] = m.data[(i + 1) * n + i] = -1;
  }
  return {
    matrix: m,
    values: Float64Array.from({ length: n }, (_, j) => 2 - 2 * Math.cos(((j + 1) * Math.PI) / (n + 1))),
  };
}

/** Independent standard normals, and a symmetric matrix of them. */
export function randomMatrix(rows: number, columns: number, seed = 1): Matrix {
  return matrix(rows, columns, normals(rows * columns, seed, "random matrix"));
}

export function randomSymmetric(n: number, seed = 1): Matrix {
  const m = randomMatrix(n, n, seed);
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) m.data[j * n + i] = m.data[i * n + j]!;
  return m;
}

/** A dense matrix as an operator. Each call of `apply` is counted by its rows in `products`. */
export function operatorOf(
  m: Matrix,
  structure: Structure = noStructure,
): LinearOperator & { readonly products: number } {
  let products = 0;
  const op: LinearOperator & { readonly products: number } = {
    name: "a known matrix",
    shape: [m.rows, m.columns],
    structure,
    get products() {
      return products;
    },
    async apply(v, { k = 1 } = {}) {
      products += k;
      return matmul({ rows: k, columns: m.columns, data: v }, m, { b: true }).data;
    },
    adjoint: () => (structure.selfAdjoint ? op : operatorOf(transpose(m))),
  };
  return op;
}
