/**
 * The eigendecomposition of a second-moment matrix with fewer samples than features: by their inner products.
 *
 *     C = s XᵀX, X [n, d]:    s X Xᵀ = W diag(λ) Wᵀ     ⇒     C V = V diag(λ),  V = Xᵀ W diag(s / λ)^½
 *
 * W is orthonormal to rounding, V only to ε λ_max / λ. A Cholesky factor of VᵀV straightens it, the eigenvectors of
 * large values first, so that these stay as they are.
 *
 * Source: Yamamoto et al. (2015), Roundoff error analysis of the CholeskyQR2 algorithm, ETNA 44.
 */
import { MismatchError } from "../errors.ts";
import { cholesky } from "./cholesky.ts";
import { type EighOptions, eigh } from "./eigh.ts";
import { gramAside, type Matrix, matmulAside, matrix, requireFinite, scale as times } from "./matrix.ts";
import { solveTriangularAside } from "./triangular.ts";

/** Eigenpairs of a matrix of low rank: the other eigenvalues are zero. */
export interface LowRankEigen {
  /** r values, ascending, all positive. */
  readonly values: Float64Array;
  /** [d, r], orthonormal columns. */
  readonly vectors: Matrix;
}

export interface LowRankOptions extends EighOptions {
  /** s; one over the number of samples unless said. */
  readonly scale?: number;
}

/**
 * Eigenpairs of C = s XᵀX.
 *
 * Eigenvalues below ε · max(n, d) · λ_max are rounding and are left out; the others have the absolute error ε λ_max.
 *
 * @param x Samples as rows, X [n, d].
 */
export async function lowRankEigh(x: Matrix, options: LowRankOptions = {}): Promise<LowRankEigen> {
  const { scale = 1 / x.rows, ...run } = options;
  if (!(scale > 0)) {
    throw new MismatchError("Cannot decompose a scaled Gram matrix as the scale is not positive", { found: scale });
  }
  requireFinite(x, "decompose the Gram matrix of a matrix");
  const { values, vectors } = await eigh(times(scale, await gramAside(x, { of: "rows", ...run })), run);
  const least = Math.max(x.rows, x.columns) * Number.EPSILON * (values.at(-1) ?? 0);
  const kept = values.filter((value) => value > least);
  if (kept.length === 0) return { values: kept, vectors: matrix(x.columns, 0) };
  const slanted = await matmulAside(coefficients(kept, vectors, scale), x, run);
  const { lower } = await cholesky(await gramAside(slanted, { of: "rows", ...run }), run);
  const descending = await solveTriangularAside(lower, slanted, run);
  return { values: kept, vectors: reversedColumns(descending) };
}

/** The rows w_i (s / λ_i)^½, the largest λ first. */
function coefficients(values: Float64Array, { rows: n, data }: Matrix, scale: number): Matrix {
  const result = matrix(values.length, n);
  for (const [i, value] of values.toReversed().entries()) {
    const factor = Math.sqrt(scale / value);
    for (let j = 0; j < n; j++) result.data[i * n + j] = factor * data[j * n + n - 1 - i]!;
  }
  return result;
}

/** Mᵀ with its columns in reverse order. */
function reversedColumns({ rows, columns, data }: Matrix): Matrix {
  const result = matrix(columns, rows);
  for (let j = 0; j < columns; j++) {
    for (let i = 0; i < rows; i++) result.data[j * rows + rows - 1 - i] = data[i * columns + j]!;
  }
  return result;
}
