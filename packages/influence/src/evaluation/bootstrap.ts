/** Standard error and interval of a statistic by resampling its parts. */
import { randomStream } from "@hessonite/core";

export interface BootstrapOptions {
  /** Resamples; 1000 unless said. */
  readonly resamples?: number;
  readonly seed?: number;
  /** Of the interval; 0.95 unless said. */
  readonly level?: number;
}

export interface Resampled {
  readonly standardError: number;
  readonly interval: readonly [low: number, high: number];
}

/**
 * Draws `count` parts with replacement and takes `statistic` of each draw.
 *
 * Source: Efron & Tibshirani (1993), An introduction to the bootstrap; percentile interval.
 */
export function bootstrap(
  count: number,
  statistic: (parts: Int32Array) => number,
  { resamples = 1000, seed = 0, level = 0.95 }: BootstrapOptions = {},
): Resampled {
  const stream = randomStream(seed, "bootstrap");
  const values = Float64Array.from({ length: resamples }, () =>
    statistic(Int32Array.from({ length: count }, () => stream.integer(count))),
  ).sort();
  const mean = values.reduce((sum, x) => sum + x, 0) / resamples;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / Math.max(1, resamples - 1);
  const at = (quantile: number): number => values[Math.min(resamples - 1, Math.floor(quantile * resamples))]!;
  return { standardError: Math.sqrt(variance), interval: [at((1 - level) / 2), at((1 + level) / 2)] };
}
