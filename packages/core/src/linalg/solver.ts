/** What the iterative solvers have in common: options, outcomes, and the way from rows to a result. */
import { MismatchError, UsageError } from "../errors.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import { lockstep, type Method, type Progress } from "./lockstep.ts";
import { requireRows } from "./requirements.ts";
import { row } from "./vector.ts";

export interface SolverOptions {
  /** Right-hand sides: contiguous rows of `b`, 1 unless said. */
  readonly k?: number;
  /** Residual at which a row is solved, relative to ‖b‖. */
  readonly relativeTolerance?: number;
  /** Iterations a row. */
  readonly maxIterations?: number;
  /** δ: solves (A + δ I) x = b. */
  readonly damping?: number;
  /** Where to start: k rows; zero unless said. */
  readonly start?: Float64Array;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * How a row ended. A "breakdown" is a fact about the matrix (not definite, not finite), "least squares" one about the
 * right-hand side (out of reach of a singular A); the solution is the best that was found in either case.
 */
export type Outcome = "converged" | "least squares" | "iteration limit" | "breakdown";

export interface RowReport {
  readonly outcome: Outcome;
  readonly iterations: number;
  /** ‖b − (A + δ I) x‖ / ‖b‖ before the first and after each iteration, as the recurrence has it. */
  readonly residualHistory: Float64Array;
}

export interface Solution {
  /** k contiguous rows. */
  readonly solution: Float64Array;
  /** One a row. */
  readonly rows: readonly RowReport[];
  /** The worst of the rows' outcomes. */
  readonly outcome: Outcome;
  /** The most iterations of a row. */
  readonly iterations: number;
  /** Products of one vector spent, with A, its adjoint and the preconditioner. */
  readonly products: number;
}

/** A row's solution and report. */
export interface RowSolution extends RowReport {
  readonly x: Float64Array;
}

/** What a row's method is told. */
export interface RowProblem {
  readonly b: Float64Array;
  readonly start: Float64Array | undefined;
  readonly relativeTolerance: number;
  readonly maxIterations: number;
  readonly damping: number;
}

const defaultTolerance = 1e-6;

/** Runs `method` for each row of `b` and gathers what they found. `columns` is the length of a solution. */
export async function solveRows(
  a: LinearOperator,
  b: Float64Array,
  options: SolverOptions,
  method: (problem: RowProblem) => Method<RowSolution>,
): Promise<Solution> {
  const [m, n] = a.shape;
  const {
    k = 1,
    start,
    relativeTolerance = defaultTolerance,
    maxIterations = Math.max(100, 2 * n),
    damping = 0,
  } = options;
  requireRows(a, b, k, m);
  if (start) requireRows(a, start, k, n);
  if (!(damping >= 0))
    throw new UsageError(`Cannot solve with ${a.name} as the damping is negative`, { found: damping });
  const methods = Array.from({ length: k }, (_, i) =>
    method({ b: row(b, i, m), start: start && row(start, i, n).slice(), relativeTolerance, maxIterations, damping }),
  );
  const { results, products } = await lockstep(methods, options);
  const solution = new Float64Array(k * n);
  for (const [i, { x }] of results.entries()) solution.set(x, i * n);
  const iterations = results.reduce((most, r) => Math.max(most, r.iterations), 0);
  return {
    solution,
    rows: results.map(({ x: _, ...report }) => report),
    outcome: worst(results),
    iterations,
    products,
  };
}

/** @throws {MismatchError} unless M has A's shape. */
export function requirePreconditioner(a: LinearOperator, preconditioner: LinearOperator | undefined): void {
  if (preconditioner === undefined) return;
  if (preconditioner.shape[0] !== a.shape[1] || preconditioner.shape[1] !== a.shape[0]) {
    throw new MismatchError(`Cannot precondition ${a.name} with ${preconditioner.name} as their shapes differ`, {
      expected: a.shape.join(" × "),
      found: preconditioner.shape.join(" × "),
    });
  }
}

const severity: readonly Outcome[] = ["converged", "least squares", "iteration limit", "breakdown"];

function worst(results: readonly RowReport[]): Outcome {
  return severity[Math.max(0, ...results.map(({ outcome }) => severity.indexOf(outcome)))]!;
}
