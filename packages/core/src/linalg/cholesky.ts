/**
 * The Cholesky factorisation of a symmetric positive definite matrix, and what follows from it.
 *
 *     A + jitter·I = L Lᵀ      L lower triangular
 *
 * A matrix that is semidefinite up to rounding fails at a pivot. The factorisation is then tried again with a growing
 * multiple of the identity added, and the result says which: `jitter` is 0 where none was needed, never hidden.
 */
import { UsageError } from "../errors.ts";
import { type DenseOptions, type KernelAnswer, type KernelCall, runKernel, runKernelSync } from "./kernel.ts";
import { diagonalOf, type Matrix, plusDiagonal, requireFinite, requireSquare } from "./matrix.ts";
import { solveTriangular, solveTriangularAside } from "./triangular.ts";

export interface Cholesky {
  /** L; zero above the diagonal. */
  readonly lower: Matrix;
  /** What was added to the diagonal of A, in A's units. */
  readonly jitter: number;
}

export interface CholeskyOptions extends DenseOptions {
  /** The largest jitter that may be added, as a fraction of A's largest diagonal entry; 0 forbids it. */
  readonly maxJitter?: number;
}

/**
 * Factors the symmetric matrix A, of which only the lower triangle is read.
 *
 * @throws {UsageError} if A is indefinite beyond `maxJitter` (1e-8 unless said), or has an entry that is not finite.
 */
export async function cholesky(a: Matrix, options: CholeskyOptions = {}): Promise<Cholesky> {
  const attempts = jitters(a, options);
  for (const jitter of attempts) {
    const answer = await runKernel(choleskyCall(a, jitter), a.rows ** 3 / 3, options);
    if (answer.status < 0) return factor(a, answer, jitter);
    attempts.failedAt = answer.status;
  }
  throw indefinite(a, attempts);
}

/** The same on the calling thread. */
export function choleskySync(a: Matrix, options: CholeskyOptions = {}): Cholesky {
  const attempts = jitters(a, options);
  for (const jitter of attempts) {
    const answer = runKernelSync(choleskyCall(a, jitter));
    if (answer.status < 0) return factor(a, answer, jitter);
    attempts.failedAt = answer.status;
  }
  throw indefinite(a, attempts);
}

interface Attempts extends Iterable<number> {
  readonly largest: number;
  failedAt: number;
}

/** 0, then from ε times the largest diagonal entry by powers of ten up to the allowed fraction of it. */
function jitters(a: Matrix, { maxJitter = 1e-8 }: CholeskyOptions): Attempts {
  requireSquare(a);
  requireFinite(a, "factor a matrix");
  const scale = diagonalOf(a).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const fractions = [0];
  for (let fraction = 1e-14; fraction <= maxJitter * 1.000001; fraction *= 10) fractions.push(fraction);
  const list = scale === 0 ? [0] : fractions.map((fraction) => fraction * scale);
  return { largest: list.at(-1) ?? 0, failedAt: -1, [Symbol.iterator]: () => list[Symbol.iterator]() };
}

function choleskyCall(a: Matrix, jitter: number): KernelCall {
  return {
    kernel: "cholesky",
    sizes: [a.rows],
    arrays: [{ update: jitter === 0 ? a.data : plusDiagonal(a, jitter).data }],
  };
}

function factor(a: Matrix, { results }: KernelAnswer, jitter: number): Cholesky {
  return { lower: { ...a, data: results[0]! }, jitter };
}

function indefinite(a: Matrix, { failedAt, largest }: Attempts): UsageError {
  return new UsageError("Cannot factor a matrix as it is not positive definite", {
    at: `pivot ${failedAt} of ${a.rows}`,
    "largest jitter tried": largest,
    try: "add damping, or take the eigendecomposition",
  });
}

/** A X = B for every column of B, from A's factor. */
export function choleskySolve({ lower }: Cholesky, b: Matrix): Matrix {
  return solveTriangular(lower, solveTriangular(lower, b), { transposed: true });
}

/** (A + jitter·I)⁻¹, from its factor. */
export function choleskyInverse(factor: Cholesky): Matrix {
  return inverseFrom(factor, runKernelSync(inverseCall(factor)));
}

/** log det(A + jitter·I) = 2 Σ log Lᵢᵢ */
export function logDeterminant({ lower }: Cholesky): number {
  return 2 * diagonalOf(lower).reduce((sum, x) => sum + Math.log(x), 0);
}

/** A X = B for symmetric positive definite A; `jitter` as in cholesky(). */
export async function solveSPD(
  a: Matrix,
  b: Matrix,
  options: CholeskyOptions = {},
): Promise<{ solution: Matrix; jitter: number }> {
  const { lower, jitter } = await cholesky(a, options);
  const half = await solveTriangularAside(lower, b, options);
  return { solution: await solveTriangularAside(lower, half, { ...options, transposed: true }), jitter };
}

/** A⁻¹ for symmetric positive definite A; `jitter` as in cholesky(). */
export async function inverseSPD(
  a: Matrix,
  options: CholeskyOptions = {},
): Promise<{ inverse: Matrix; jitter: number }> {
  const factor = await cholesky(a, options);
  const answer = await runKernel(inverseCall(factor), 2 * a.rows ** 3, options);
  return { inverse: inverseFrom(factor, answer), jitter: factor.jitter };
}

function inverseCall({ lower }: Cholesky): KernelCall {
  return {
    kernel: "choleskyInverse",
    sizes: [lower.rows],
    arrays: [{ input: lower.data }, { result: lower.data.length }],
  };
}

function inverseFrom({ lower }: Cholesky, { results }: KernelAnswer): Matrix {
  return { ...lower, data: results[0]! };
}
