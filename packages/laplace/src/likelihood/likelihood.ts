/**
 * What the model's outputs say about the data: p(y | f, σ), and what a prediction with uncertain outputs becomes.
 *
 *     −log p(y | f, σ) = unit/σ² · ℓ(f, y) + normaliser(σ)        ℓ the loss, summed over a term's entries
 *
 * The curvature of −log p in θ is then unit/σ² times the loss's, so one pass at σ = 1 serves every noise.
 */
import type { Dataset, Loss } from "@hessonite/core";
import type { RowLikelihood } from "./rowwise.ts";

export interface Likelihood {
  readonly name: string;
  /** With reduction "sum". */
  readonly loss: Loss;
  /** ½ for squared error, which has no factor ½ of its own. */
  readonly unit: number;
  /** True if σ is a parameter; else it stays 1. */
  readonly noisy: boolean;
  /** log of what p is divided by, for `entries` predicted numbers (or loss terms) in all. */
  logNormaliser(entries: number, noise: number): number;
  /** What of −log p does not depend on f, beside the normaliser: log y! of counts; 0 unless given. */
  logBase?(data: Dataset): Promise<number>;
  /** What is predicted where f ~ N(mean, covariance). */
  readonly kind: "regression" | "classes" | "labels" | "counts" | "spread" | "custom";
  /** True where ∂²ℓ/∂f² may be indefinite and its expectation over y, the Fisher matrix, is taken instead. */
  readonly expected?: boolean;
  /** Row by row; absent for a loss that is known as a graph alone. */
  readonly rowwise?: RowLikelihood;
}

/** log p(all y | f) = −unit/(σ² T) · L − log normaliser − base */
export function logLikelihood(
  { unit, logNormaliser }: Likelihood,
  {
    loss,
    entries,
    noise,
    temperature,
    base,
  }: {
    readonly loss: number;
    readonly entries: number;
    readonly noise: number;
    readonly temperature: number;
    readonly base: number;
  },
): number {
  return (-unit / (noise ** 2 * temperature)) * loss - logNormaliser(entries, noise) - base;
}
