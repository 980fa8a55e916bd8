/**
 * The effective dimension of a positive semidefinite operator: how many directions outweigh the damping.
 *
 *     d(δ) = tr A (A + δ I)⁻¹ = Σ λ / (λ + δ)
 *
 * By stochastic Lanczos quadrature, or from eigenvalues where A knows them. From 0 for large δ to A's rank for small.
 *
 * Source: MacKay (1992), Bayesian interpolation, Neural Computation 4(3), there γ.
 */
import { UsageError } from "../errors.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import type { Estimate } from "./estimate.ts";
import type { QuadratureOptions } from "./quadrature.ts";
import { requireSemidefinite, traceOfFunction } from "./quadrature.ts";

export interface EffectiveDimensionOptions extends QuadratureOptions {
  /** δ > 0 */
  readonly damping: number;
}

/** @throws {UsageError} if A is not known to be semidefinite, or the damping is not positive. */
export async function effectiveDimension(a: LinearOperator, options: EffectiveDimensionOptions): Promise<Estimate> {
  const { damping } = options;
  requireSemidefinite(a, "effective dimension");
  if (!(damping > 0)) {
    throw new UsageError("Cannot estimate an effective dimension as the damping is not positive", { found: damping });
  }
  return traceOfFunction(a, (value) => Math.max(0, value) / (Math.max(0, value) + damping), options);
}
