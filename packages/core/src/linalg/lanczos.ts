/**
 * The Lanczos process with full re-orthogonalisation, for several starting vectors at once.
 *
 *     A Q = Q T + β q eᵀ      Q [n, m] orthonormal, T tridiagonal
 *
 * The eigenvalues of T with the squares of its eigenvectors' first components are the Gauss quadrature of A's
 * spectral measure at the starting vector: qᵀ f(A) q ≈ Σ wᵢ f(θᵢ), exact for polynomials of degree 2m − 1.
 *
 * Source: Golub & Meurant (2010), Matrices, Moments and Quadrature; Ubaru, Chen & Saad (2017).
 */
import type { LinearOperator } from "../operators/linearOperator.ts";
import { type LockstepOptions, lockstep, type Method, times } from "./lockstep.ts";
import { projectOut } from "./orthogonalize.ts";
import { requireSelfAdjoint, requireStart } from "./requirements.ts";
import { type Tridiagonal, tridiagonalEigen } from "./tridiagonal.ts";
import { norm, normalize, row } from "./vector.ts";

export interface LanczosOptions extends LockstepOptions {
  /** Starting vectors: contiguous rows of `start`, 1 unless said. */
  readonly k?: number;
  /** Products a starting vector, at most; fewer where its Krylov space ends. */
  readonly steps: number;
}

/** What one starting vector gave. */
export interface LanczosRun {
  readonly tridiagonal: Tridiagonal;
  /** The rows of Qᵀ: as many as T has. Row 0 is the normalised start. */
  readonly basis: Float64Array;
  /** ‖A Q − Q T‖: 0 where the Krylov space ended, and T's eigenvalues are then A's. */
  readonly residual: number;
  /** ‖start‖ */
  readonly startNorm: number;
}

/**
 * Runs Lanczos from each row of `start`.
 *
 * Memory: steps · n per starting vector, for the basis.
 */
export async function lanczos(a: LinearOperator, start: Float64Array, options: LanczosOptions): Promise<LanczosRun[]> {
  const { k = 1, steps } = options;
  requireSelfAdjoint(a, "run Lanczos");
  const n = requireStart(a, start, k);
  const rows = Array.from({ length: k }, (_, i) => runFrom(a, row(start, i, n), Math.min(steps, n)));
  return (await lockstep(rows, options)).results;
}

/** Nodes and weights (which sum to one) of the quadrature that T stands for. */
export function lanczosQuadrature(tridiagonal: Tridiagonal): { nodes: Float64Array; weights: Float64Array } {
  const { values, vectors } = tridiagonalEigen(tridiagonal);
  const n = values.length;
  return { nodes: values, weights: values.map((_, i) => vectors[i * n]! ** 2) };
}

function* runFrom(a: LinearOperator, start: Float64Array, steps: number): Method<LanczosRun> {
  const n = start.length;
  const basis = new Float64Array(steps * n);
  const diagonal: number[] = [];
  const offDiagonal: number[] = [];
  const q = start.slice();
  const startNorm = normalize(q);
  let [residual, size] = [0, 0];
  while (startNorm > 0 && diagonal.length < steps) {
    const m = diagonal.length;
    if (m > 0) offDiagonal.push(residual);
    basis.set(q, m * n);
    q.set(yield* times(a, q));
    diagonal.push(projectOut(q, basis, m + 1)[m]!);
    size = Math.max(size, Math.abs(diagonal[m]!) + residual);
    residual = norm(q);
    // Nothing but rounding is left: the Krylov space is invariant.
    if (residual <= 10 * Number.EPSILON * Math.sqrt(n) * size) residual = 0;
    if (residual === 0) break;
    for (let i = 0; i < n; i++) q[i]! /= residual;
  }
  return {
    tridiagonal: { diagonal: Float64Array.from(diagonal), offDiagonal: Float64Array.from(offDiagonal) },
    basis: basis.slice(0, diagonal.length * n),
    residual,
    startNorm,
  };
}
