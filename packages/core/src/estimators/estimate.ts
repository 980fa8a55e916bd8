/** What every estimator takes and gives: a budget and a seed, a number and how far it may be off. */
import { UsageError } from "../errors.ts";

/** An estimate that says how far it may be off and what it cost. */
export interface Estimate {
  readonly mean: number;
  /** Standard deviation of `mean` over seeds, as its own samples show it; 0 where the answer is exact. */
  readonly standardError: number;
  /** Products A v spent. */
  readonly products: number;
  readonly seed: number;
}

export interface EstimatorProgress {
  readonly done: number;
  readonly total: number;
}

export interface EstimatorOptions {
  /** The same seed gives the same numbers; 0 unless said. */
  readonly seed?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called after each product, in products. */
  readonly onProgress?: ((progress: EstimatorProgress) => void) | undefined;
}

export interface SamplingOptions extends EstimatorOptions {
  /** Random vectors; at least 2, as one shows no error. */
  readonly samples: number;
}

/** An answer that took no sampling. */
export function exactly(value: number, seed: number, products = 0): Estimate {
  return { mean: value, standardError: 0, products, seed };
}

/** Mean of independent terms, and √(Σ (tᵢ − mean)² / (n (n − 1))). */
export function meanAndError(terms: ArrayLike<number>): Pick<Estimate, "mean" | "standardError"> {
  const list = Array.from(terms);
  const mean = list.reduce((sum, t) => sum + t, 0) / list.length;
  const squares = list.reduce((sum, t) => sum + (t - mean) ** 2, 0);
  return { mean, standardError: Math.sqrt(squares / (list.length * (list.length - 1))) };
}

/** @throws {UsageError} unless `samples` is an integer from `least` to `most`. */
export function requireSamples(
  samples: number,
  action: string,
  { least = 2, most = Number.POSITIVE_INFINITY, try: hint }: { least?: number; most?: number; try?: string } = {},
): void {
  if (Number.isInteger(samples) && samples >= least && samples <= most) return;
  throw new UsageError(`Cannot ${action} with that many samples`, {
    expected: Number.isFinite(most) ? `an integer from ${least} to ${most}` : `an integer of at least ${least}`,
    found: samples,
    ...(hint === undefined ? {} : { try: hint }),
  });
}
