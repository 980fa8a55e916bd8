/**
 * Conjugate gradients for (A + δ I) x = b, A symmetric positive semidefinite, for K right-hand sides at once.
 *
 * A row stops, and costs nothing more, when its residual is small. A direction of curvature pᵀ(A + δ I)p ≤ 0 ends the
 * row as a "breakdown": the matrix is not positive definite, the iterate so far is returned.
 *
 * Source: Hestenes & Stiefel (1952), J. Res. Nat. Bur. Standards 49(6).
 */
import type { LinearOperator } from "../operators/linearOperator.ts";
import { type Method, times } from "./lockstep.ts";
import { requireSelfAdjoint } from "./requirements.ts";
import {
  type Outcome,
  type RowProblem,
  type RowSolution,
  requirePreconditioner,
  type Solution,
  type SolverOptions,
  solveRows,
} from "./solver.ts";
import { axpy, dot, norm } from "./vector.ts";

export interface PreconditionedOptions extends SolverOptions {
  /** M ≈ (A + δ I)⁻¹, symmetric positive definite. */
  readonly preconditioner?: LinearOperator;
}

/**
 * @param b k rows of n entries.
 *
 * @example
 * ```ts
 * const a = operatorOf(fromRows([[4, 1], [1, 3]]), selfAdjoint);
 * const { solution, outcome } = await conjugateGradient(a, Float64Array.of(1, 2), { relativeTolerance: 1e-12 });
 * expect(outcome).toBe("converged");
 * expect(solution[0]).toBeCloseTo(1 / 11, 12);
 * ```
 */
export async function conjugateGradient(
  a: LinearOperator,
  b: Float64Array,
  options: PreconditionedOptions = {},
): Promise<Solution> {
  requireSelfAdjoint(a, "run conjugate gradients");
  requirePreconditioner(a, options.preconditioner);
  return solveRows(a, b, options, (problem) => solveRow(a, options.preconditioner, problem));
}

function* solveRow(a: LinearOperator, m: LinearOperator | undefined, problem: RowProblem): Method<RowSolution> {
  const { b, start, damping, relativeTolerance, maxIterations } = problem;
  const scale = norm(b);
  const x = start ?? new Float64Array(b.length);
  const r = b.slice();
  if (start) {
    axpy(-1, yield* times(a, x), r);
    axpy(-damping, x, r);
  }
  const history: number[] = [relative(norm(r), scale)];
  const end = (outcome: Outcome): RowSolution => ({
    x,
    outcome,
    iterations: history.length - 1,
    residualHistory: Float64Array.from(history),
  });

  let z = m ? yield* times(m, r) : r;
  let rz = dot(r, z);
  const p = z.slice();
  while (!(history.at(-1)! <= relativeTolerance)) {
    if (history.length > maxIterations) return end("iteration limit");
    const q = yield* times(a, p);
    axpy(damping, p, q);
    const curvature = dot(p, q);
    if (!(curvature > 0) || !(rz > 0)) return end("breakdown");
    const step = rz / curvature;
    axpy(step, p, x);
    axpy(-step, q, r);
    history.push(relative(norm(r), scale));
    if (history.at(-1)! <= relativeTolerance) break;
    z = m ? yield* times(m, r) : r;
    const before = rz;
    rz = dot(r, z);
    for (let i = 0; i < p.length; i++) p[i] = z[i]! + (rz / before) * p[i]!;
  }
  return end("converged");
}

/** ‖r‖ / ‖b‖, where 0 / 0 is 0: x = 0 solves A x = 0. */
export function relative(size: number, scale: number): number {
  return size === 0 ? 0 : size / scale;
}
