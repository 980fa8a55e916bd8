/**
 * Which prior the weights were trained under, as their gradient tells.
 *
 *     at a mode   s unit ∇L + δ θ = 0   ⇒   δ̂ = −s unit ⟨∇L, θ⟩ / ‖θ‖²
 *
 * δ̂ is weight decay in the units of the posterior (times the number of rows, where decay was added to a mean loss). How far the
 * gradient is from −δ̂ θ says whether the weights are a mode at all.
 */
import { type Laplace, precisionScale } from "./fit.ts";

export interface TrainedPrior {
  /** δ̂; not above 0 where the weights are no mode of any posterior with a Gaussian prior. */
  readonly precision: number;
  /** ‖s unit ∇L + δ̂ θ‖ / ‖s unit ∇L‖: 0 at a mode, 1 where gradient and weights have nothing to do with each other. */
  readonly mismatch: number;
}

export function trainedPrior(fit: Laplace): TrainedPrior {
  const s = precisionScale(fit) * fit.likelihood.unit;
  const { mean, gradient } = fit;
  const along = mean.reduce((sum, x, i) => sum + x * s * gradient[i]!, 0);
  const square = mean.reduce((sum, x) => sum + x * x, 0);
  const precision = square === 0 ? 0 : -along / square;
  const left = Math.sqrt(mean.reduce((sum, x, i) => sum + (s * gradient[i]! + precision * x) ** 2, 0));
  const slope = Math.sqrt(gradient.reduce((sum, g) => sum + (s * g) ** 2, 0));
  return { precision, mismatch: slope === 0 ? 0 : left / slope };
}

/** A ratio of precisions from which priors are told to disagree. */
const far = 10;
/** A mismatch from which weights are told to be off a minimum: stochastic training ends there as a rule. */
const off = 0.5;

/** One sentence on whether the prior that was chosen is the one that the weights were trained under. */
export function priorConsistency({ precision, mismatch }: TrainedPrior, chosen: number): string {
  const digits = (x: number): string => x.toPrecision(2);
  if (!(precision > 0)) {
    return "The loss's gradient pulls the weights inwards: they were trained without weight decay, or not to the end.";
  }
  const ratio = Math.max(chosen / precision, precision / chosen);
  const same = ratio < far ? "agrees with" : "is far from";
  const caveat =
    mismatch > off ? "; the weights are not quite at a minimum, so take this as an order of magnitude" : "";
  return `The prior precision of ${digits(chosen)} ${same} the weight decay that the weights' gradient shows, ${digits(precision)}${caveat}.`;
}
