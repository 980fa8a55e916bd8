/**
 * The weights that the posterior itself would have chosen: one Newton step in the model linearised at θ*.
 *
 *     d = −Σ (s unit ∇L + D θ*),   θ = θ* + d
 *
 * Exact for a linear model with a Gaussian likelihood and a full posterior; elsewhere the mode of the linearised model, which
 * is what makes evidences of different priors comparable where the network was not trained to its optimum.
 *
 * Source: Immer, Korzepa, Bauer (2021), Improving predictions of Bayesian neural nets via local linearization; Antorán et al.
 * (2022), Adapting the linearised Laplace model evidence for modern deep learning.
 */
import { matrix, UsageError } from "@hessonite/core";
import { type Laplace, precisionScale } from "./fit.ts";
import { precisions } from "./prior.ts";

/**
 * The fit at the linearised model's mode: mean, loss and gradient as its quadratic has them. The network keeps its weights.
 *
 * @throws {UsageError} unless the posterior is full: others do not know H in all directions.
 */
export function linearisedMode(fit: Laplace): Laplace {
  const { posterior, likelihood, curvature, mean, gradient, loss, prior } = fit;
  if (curvature.structure !== "full" || curvature.subnetwork) {
    throw new UsageError("Cannot step to the linearised model's mode as the posterior is not full", {
      found: curvature.subnetwork ? "a subnetwork" : curvature.structure,
    });
  }
  const s = precisionScale(fit);
  const d = precisions(prior);
  const slope = mean.map((x, i) => s * likelihood.unit * gradient[i]! + d[i]! * x);
  const step = covarianceTimes(fit, slope).map((x) => -x);
  // (sH + D) step = −slope, so H step needs no product with H.
  const curved = step.map((x, i) => (-slope[i]! - d[i]! * x) / (s * likelihood.unit));
  return {
    ...fit,
    posterior,
    mean: mean.map((x, i) => x + step[i]!),
    gradient: gradient.map((x, i) => x + curved[i]!),
    loss: loss + step.reduce((sum, x, i) => sum + x * (gradient[i]! + 0.5 * curved[i]!), 0),
  };
}

/** Σ v = R (Rᵀ v) */
function covarianceTimes({ posterior }: Laplace, v: Float64Array): Float64Array {
  return posterior.timesRootTransposed(posterior.timesRoot(matrix(1, v.length, v))).data;
}
