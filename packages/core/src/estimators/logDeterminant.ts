/**
 * The log-determinant of a damped positive semidefinite operator, by stochastic Lanczos quadrature.
 *
 *     log det(A + δ I) = tr log(A + δ I)
 *
 * A singular A without damping has −∞, and is found to: Lanczos sees its zero eigenvalue.
 */
import { UsageError } from "../errors.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import { type Estimate, exactly } from "./estimate.ts";
import type { QuadratureOptions } from "./quadrature.ts";
import { requireSemidefinite, traceOfFunction } from "./quadrature.ts";

export interface LogDeterminantOptions extends QuadratureOptions {
  /** δ ≥ 0, 0 unless said. */
  readonly damping?: number;
}

/**
 * @throws {UsageError} if A is not known to be semidefinite, the damping is negative, or an eigenvalue of A + δ I is.
 */
export async function logDeterminant(a: LinearOperator, options: LogDeterminantOptions): Promise<Estimate> {
  const { damping = 0, seed = 0 } = options;
  requireSemidefinite(a, "log-determinant");
  if (!(damping >= 0))
    throw new UsageError("Cannot estimate a log-determinant as the damping is negative", { found: damping });
  const known = await a.exact?.logDeterminant?.(damping);
  if (known !== undefined) return exactly(known, seed);
  const estimate = await traceOfFunction(a, (value) => logarithm(value + damping, a), options);
  return estimate.mean === Number.NEGATIVE_INFINITY ? { ...estimate, standardError: 0 } : estimate;
}

function logarithm(value: number, { name }: LinearOperator): number {
  if (value >= 0) return Math.log(value);
  throw new UsageError(`Cannot take the log-determinant of ${name} as it has a negative eigenvalue`, { found: value });
}
