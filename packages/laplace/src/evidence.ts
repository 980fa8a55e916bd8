/**
 * The evidence of the data under the model: what is left when the weights are integrated out.
 *
 *     log p(y) ≈ log p(y | θ*) − ½ θ*ᵀ D θ* − ½ (log det(s H + D) − log det D)
 *
 * Its derivatives need diag Σ alone, as Σ (s H + D) = I:
 *
 *     ∂/∂log δ_g = ½ (γ_g − δ_g ‖θ_g‖²),   γ_g = n_g − δ_g Σ_{i∈g} Σ_ii   (effective parameters)
 *     ∂/∂log σ   = 2 unit s L + γ − entries                              (Gaussian),   γ = Σ_g γ_g
 *     ∂/∂log T   = unit s L + ½ γ                                        above 0: T has no maximum, see tuneHeldOut.ts
 */
import { type Laplace, precisionScale } from "./fit.ts";
import { logLikelihood } from "./likelihood/likelihood.ts";
import type { LogDeterminantError } from "./posterior/posterior.ts";
import { logDeterminantOf, sumByGroup } from "./prior.ts";

export interface Evidence {
  /** log p(y), in nats. */
  readonly total: number;
  readonly logLikelihood: number;
  /** θ*ᵀ D θ* */
  readonly scatter: number;
  /** log det(s H + D) − log det D */
  readonly logDeterminantRatio: number;
  /** How far the log-determinant may be off, in nats of its own; absent where it is exact. */
  readonly logDeterminantError?: LogDeterminantError;
  /** γ: how many weights the data determine. */
  readonly effectiveParameters: number;
  /** γ_g of each group of the prior. */
  readonly effectiveByGroup: Float64Array;
}

type Fitted = Pick<
  Laplace,
  "likelihood" | "loss" | "base" | "entries" | "noise" | "temperature" | "prior" | "posterior" | "mean"
>;

export function evidence({
  likelihood,
  loss,
  base,
  entries,
  noise,
  temperature,
  prior,
  posterior,
  mean,
}: Fitted): Evidence {
  const fitted = logLikelihood(likelihood, { loss, entries, noise, temperature, base });
  const squares = sumByGroup(
    prior.groups,
    mean.map((x) => x * x),
  );
  const scatter = squares.reduce((sum, x, g) => sum + prior.precision[g]! * x, 0);
  const logDeterminantRatio = posterior.logDeterminant - logDeterminantOf(prior);
  const variances = posterior.groupVariances();
  const effectiveByGroup = prior.precision.map((delta, g) => prior.groups.sizes[g]! - delta * variances[g]!);
  return {
    total: fitted - 0.5 * (logDeterminantRatio + scatter),
    logLikelihood: fitted,
    scatter,
    logDeterminantRatio,
    ...(posterior.logDeterminantError && { logDeterminantError: posterior.logDeterminantError }),
    effectiveParameters: effectiveByGroup.reduce((sum, x) => sum + x, 0),
    effectiveByGroup,
  };
}

export interface EvidenceGradient {
  /** ∂ log p(y) / ∂ log δ_g */
  readonly logPrior: Float64Array;
  /** ∂ log p(y) / ∂ log σ; 0 without noise. */
  readonly logNoise: number;
  /** ∂ log p(y) / ∂ log T */
  readonly logTemperature: number;
}

export function evidenceGradient(
  fit: Fitted,
  { effectiveByGroup, effectiveParameters }: Evidence = evidence(fit),
): EvidenceGradient {
  const { prior, mean, likelihood, loss, entries } = fit;
  const squares = sumByGroup(
    prior.groups,
    mean.map((x) => x * x),
  );
  const logPrior = effectiveByGroup.map((gamma, g) => 0.5 * (gamma - prior.precision[g]! * squares[g]!));
  const logNoise = likelihood.noisy
    ? 2 * likelihood.unit * precisionScale(fit) * loss + effectiveParameters - entries
    : 0;
  const logTemperature = likelihood.unit * precisionScale(fit) * loss + 0.5 * effectiveParameters;
  return { logPrior, logNoise, logTemperature };
}
