/**
 * Richardson's iteration, which sums the Neumann series of the inverse, for K right-hand sides at once.
 *
 *     x ← x + s (b − (A + δ I) x)      (A + δ I)⁻¹ = s Σ_t (I − s (A + δ I))ᵗ
 *
 * Converges for positive semidefinite A where s < 2 / (λ_max + δ). The scale s is 1 / (λ_max + δ) with λ_max bounded
 * from above by some steps of Lanczos, unless it is given. A residual that grows a thousandfold is a "breakdown".
 *
 * Source: Saad (2003), Iterative Methods for Sparse Linear Systems, § 4.2.
 */
import type { LinearOperator } from "../operators/linearOperator.ts";
import { relative } from "./conjugateGradient.ts";
import { lanczos } from "./lanczos.ts";
import { type Method, times } from "./lockstep.ts";
import { requireSelfAdjoint } from "./requirements.ts";
import {
  type Outcome,
  type RowProblem,
  type RowSolution,
  type Solution,
  type SolverOptions,
  solveRows,
} from "./solver.ts";
import { tridiagonalEigen } from "./tridiagonal.ts";
import { axpy, norm, normals } from "./vector.ts";

export interface RichardsonOptions extends SolverOptions {
  /** s; estimated unless said. */
  readonly scale?: number;
  /** Of the random vector that the estimate starts from. */
  readonly seed?: number;
}

/** The solution, with the scale that was used. */
export interface RichardsonSolution extends Solution {
  readonly scale: number;
}

export async function richardson(
  a: LinearOperator,
  b: Float64Array,
  options: RichardsonOptions = {},
): Promise<RichardsonSolution> {
  requireSelfAdjoint(a, "run Richardson's iteration");
  const bound = options.scale === undefined ? await largestEigenvalueBound(a, options) : { value: 0, products: 0 };
  const scale = options.scale ?? 1 / (bound.value + (options.damping ?? 0) || 1);
  const solved = await solveRows(a, b, options, (problem) => solveRow(a, scale, problem));
  return { ...solved, products: solved.products + bound.products, scale };
}

export interface BoundOptions {
  readonly steps?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/**
 * An upper bound of A's largest eigenvalue that holds with near certainty: the largest Ritz value of a few Lanczos
 * steps from a random vector, plus the norm of the last step's residual.
 *
 * Source: Zhou & Li (2011), Bounding the spectrum of large Hermitian matrices, Linear Algebra Appl. 435(3).
 */
export async function largestEigenvalueBound(
  a: LinearOperator,
  { steps = 12, seed = 0, signal }: BoundOptions = {},
): Promise<{ readonly value: number; readonly products: number }> {
  const start = normals(a.shape[1], seed, "eigenvalue bound");
  const [run] = await lanczos(a, start, { steps, ...(signal && { signal }) });
  const { values } = tridiagonalEigen(run!.tridiagonal);
  return { value: (values.at(-1) ?? 0) + run!.residual, products: values.length };
}

function* solveRow(a: LinearOperator, s: number, problem: RowProblem): Method<RowSolution> {
  const { b, start, damping, relativeTolerance, maxIterations } = problem;
  const scale = norm(b);
  const x = start ?? new Float64Array(b.length);
  const history: number[] = [];
  const end = (outcome: Outcome): RowSolution => ({
    x,
    outcome,
    iterations: history.length - 1,
    residualHistory: Float64Array.from(history),
  });
  for (;;) {
    const r = b.slice();
    if (start || history.length > 0) {
      axpy(-1, yield* times(a, x), r);
      axpy(-damping, x, r);
    }
    history.push(relative(norm(r), scale));
    const now = history.at(-1)!;
    if (now <= relativeTolerance) return end("converged");
    if (!(now <= 1e3 * history[0]!)) return end("breakdown");
    if (history.length > maxIterations) return end("iteration limit");
    axpy(s, r, x);
  }
}
