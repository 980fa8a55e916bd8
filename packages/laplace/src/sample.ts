/** Weights drawn from the posterior: θ = θ* + R z, z standard normal. */
import { matrix, randomStream, UsageError } from "@hessonite/core";
import type { Laplace } from "./fit.ts";

export interface SampleOptions {
  /** How many draws. */
  readonly samples: number;
  /** 0 unless said; the same seed gives the same draws. */
  readonly seed?: number;
}

/**
 * @returns `[samples, P]`, row-major.
 *
 * @throws {UsageError} unless `samples` is a positive whole number.
 */
export function sampleWeights({ mean, posterior }: Laplace, { samples, seed = 0 }: SampleOptions): Float64Array {
  requireSamples(samples);
  const { length } = mean;
  const drawn = posterior.timesRootTransposed(
    matrix(samples, length, standardNormals(samples * length, seed, "weights")),
  ).data;
  return drawn.map((x, i) => x + mean[i % length]!);
}

export function standardNormals(count: number, seed: number, name: string): Float64Array {
  const stream = randomStream(seed, name);
  return Float64Array.from({ length: count }, () => stream.normal());
}

export function requireSamples(samples: number): void {
  if (Number.isInteger(samples) && samples > 0) return;
  throw new UsageError("Cannot draw samples as their number is not a positive whole number", { found: samples });
}
