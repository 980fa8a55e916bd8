/**
 * Random sketches: what a few products with random vectors say of an operator.
 *
 * Sources: Halko, Martinsson & Tropp (2011), Finding structure with randomness, SIAM Review 53(2); Frangella, Tropp &
 * Udell (2023), Randomized Nyström preconditioning, SIAM J. Matrix Anal. 44(2), algorithm 2.1.
 */
import { UsageError } from "../errors.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import { choleskySync } from "./cholesky.ts";
import { type Matrix, matmul, transpose } from "./matrix.ts";
import { orthonormalRows } from "./orthogonalize.ts";
import { requireSelfAdjoint } from "./requirements.ts";
import { svdSync } from "./svd.ts";
import { solveTriangular } from "./triangular.ts";
import { axpy, norm, normals } from "./vector.ts";

export interface SketchOptions {
  /** Random vectors, at most the side of the operator. */
  readonly size: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

export interface RangeOptions extends SketchOptions {
  /** Rounds of A Aᵀ: each sharpens the separation of large from small singular values. */
  readonly powerIterations?: number;
}

/** Orthonormal rows, at most `size`, that nearly span A's range: ‖A − QᵀQ A‖ ≈ σ_{size + 1}. */
export async function rangeFinder(
  a: LinearOperator,
  options: RangeOptions,
): Promise<{ basis: Float64Array; rank: number; products: number }> {
  const { size, powerIterations = 0, seed = 0, signal } = options;
  const [m, n] = a.shape;
  requireSize(a, size, Math.min(m, n));
  const pass = { ...(signal && { signal }) };
  let { basis, rank } = orthonormalRows(
    await a.apply(normals(size * n, seed, "range finder"), { k: size, ...pass }),
    m,
  );
  let products = size;
  for (let i = 0; i < powerIterations && rank > 0; i++) {
    const back = orthonormalRows(await a.adjoint().apply(basis, { k: rank, ...pass }), n);
    products += rank + back.rank;
    ({ basis, rank } = orthonormalRows(
      back.rank === 0 ? new Float64Array(0) : await a.apply(back.basis, { k: back.rank, ...pass }),
      m,
    ));
  }
  return { basis, rank, products };
}

/** A ≈ Vᵀ diag(λ) V, positive semidefinite, of low rank. */
export interface NystromSketch {
  /** Descending, none negative. */
  readonly values: Float64Array;
  /** Orthonormal rows, one a value. */
  readonly vectors: Float64Array;
  readonly products: number;
}

/**
 * The Nyström approximation A Ω (ΩᵀAΩ)⁻¹ ΩᵀA of a positive semidefinite A, shifted by a trace of the identity while it
 * is computed so that a rank-deficient ΩᵀAΩ does no harm. Exact where the rank of A is at most `size`.
 */
export async function nystrom(a: LinearOperator, { size, seed = 0, signal }: SketchOptions): Promise<NystromSketch> {
  requireSelfAdjoint(a, "make a Nyström sketch");
  const n = a.shape[1];
  requireSize(a, size, n);
  const omega = orthonormalRows(normals(size * n, seed, "nystrom"), n).basis;
  const y = await a.apply(omega, { k: size, ...(signal && { signal }) });
  const shift = Math.sqrt(n) * Number.EPSILON * norm(y);
  if (shift === 0) return { values: new Float64Array(size), vectors: omega, products: size };
  axpy(shift, omega, y);
  const sketch: Matrix = { rows: size, columns: n, data: y };
  const core = matmul({ rows: size, columns: n, data: omega }, sketch, { b: true });
  const { lower, jitter } = choleskySync(core, { maxJitter: 1e-6 });
  const b = solveTriangular(lower, sketch); // BᵀB is the approximation of A + shift · I
  const { basis, coefficients, rank } = orthonormalRows(b.data, n);
  const { values, v } = svdSync({ rows: size, columns: rank, data: coefficients });
  return {
    values: values.map((s) => Math.max(0, s * s - shift - jitter)),
    vectors: matmul(transpose(v), { rows: rank, columns: n, data: basis }).data,
    products: size,
  };
}

function requireSize(a: LinearOperator, size: number, most: number): void {
  if (size >= 1 && size <= most) return;
  throw new UsageError(`Cannot sketch ${a.name} with that many vectors`, { expected: `1 to ${most}`, found: size });
}
