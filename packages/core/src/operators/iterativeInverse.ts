/**
 * (A + δ I)⁻¹ known by solving: each product runs an iterative method.
 *
 *     "cg"        A self-adjoint and, to converge, positive definite
 *     "minres"    A self-adjoint
 *     "neumann"   A self-adjoint and, to converge, semidefinite: the Neumann series of a scaled A + δ I
 *     "lsmr"      any square A
 *
 * Products are as accurate as the tolerance says, and linear up to it. A method that does not get there returns the best
 * it found; `lastReports` and `onSolve` say how a product ended.
 */
import { UsageError } from "../errors.ts";
import { conjugateGradient } from "../linalg/conjugateGradient.ts";
import { lsmr } from "../linalg/lsmr.ts";
import { minres } from "../linalg/minres.ts";
import { richardson } from "../linalg/richardson.ts";
import type { RowReport, Solution, SolverOptions } from "../linalg/solver.ts";
import type { LinearOperator, Structure } from "./linearOperator.ts";
import { bracketed, makeOperator, requireSquare } from "./makeOperator.ts";
import { damped } from "./sum.ts";

export type InverseMethod = "cg" | "minres" | "lsmr" | "neumann";

export interface IterativeInverseOptions {
  /** δ ≥ 0, 0 unless said. */
  readonly damping?: number;
  /** The method that A's structure allows, unless said. */
  readonly method?: InverseMethod;
  /** Residual relative to the right-hand side's norm, 1e-6 unless said. */
  readonly relativeTolerance?: number;
  readonly maxIterations?: number;
  /** M ≈ (A + δ I)⁻¹, symmetric positive definite; for "cg" and "minres". */
  readonly preconditioner?: LinearOperator;
  /** Called after each product with what the solver says of it. */
  readonly onSolve?: (solution: Solution) => void;
}

type Solve = (
  a: LinearOperator,
  b: Float64Array,
  options: SolverOptions & { readonly preconditioner?: LinearOperator },
) => Promise<Solution>;

const solvers: Readonly<Record<InverseMethod, Solve>> = {
  cg: conjugateGradient,
  neumann: richardson,
  minres,
  lsmr: (a, b, { damping = 0, ...options }) => lsmr(damped(a, damping), b, options), // its own δ is another one
};

export interface IterativeInverse extends LinearOperator {
  readonly method: InverseMethod;
  /** How each row of the last product with this operator (not its adjoint) ended; empty before the first. */
  lastReports(): readonly RowReport[];
}

/**
 * @throws {MismatchError} unless A is square.
 * @throws {UsageError} if the damping is negative, or A's structure does not allow the method that is asked for.
 */
export function iterativeInverse(a: LinearOperator, options: IterativeInverseOptions = {}): IterativeInverse {
  const { damping = 0, method = methodFor(a.structure), onSolve, ...passed } = options;
  requireSquare(a, "invert");
  requireDamping(a, damping);
  if (method !== "lsmr" && !a.structure.selfAdjoint) {
    throw new UsageError(`Cannot invert ${a.name} by ${method} as it is not known to be self-adjoint`, {
      try: 'method "lsmr"',
    });
  }
  const solve = async (of: LinearOperator, b: Float64Array, how: SolverOptions): Promise<Solution> => {
    const result = await solvers[method](of, b, { ...passed, damping, ...how });
    onSolve?.(result);
    return result;
  };
  let last: readonly RowReport[] = [];
  const operator = makeOperator({
    name: damping === 0 ? `${bracketed(a.name)}⁻¹` : `(${a.name} + ${damping} · I)⁻¹`,
    shape: a.shape,
    structure: { selfAdjoint: a.structure.selfAdjoint, positiveSemidefinite: a.structure.positiveSemidefinite },
    async multiply(v, _, how) {
      const { solution, rows } = await solve(a, v, how);
      last = rows;
      return solution;
    },
    multiplyTransposed: async (u, _, how) => (await solve(a.adjoint(), u, how)).solution,
  });
  return Object.assign(operator, { method, lastReports: () => last });
}

function methodFor({ selfAdjoint, positiveSemidefinite }: Structure): InverseMethod {
  if (positiveSemidefinite) return "cg";
  return selfAdjoint ? "minres" : "lsmr";
}

/** @throws {UsageError} unless δ is a number from 0. */
export function requireDamping(a: LinearOperator, damping: number): void {
  if (damping >= 0 && Number.isFinite(damping)) return;
  throw new UsageError(`Cannot invert ${a.name} as the damping is not a number from 0`, { found: damping });
}
