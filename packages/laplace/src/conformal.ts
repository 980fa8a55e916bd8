/**
 * Split conformal prediction: sets that hold the truth as often as stated, whatever the model, for rows that are exchangeable
 * with those that calibrated them.
 *
 *     classes      {c : 1 − p_c ≤ q}                       q the ⌈(n + 1)(coverage)⌉-th smallest of 1 − p_label
 *     regression   |y − f| ≤ q √(V + σ²)                    q likewise of |y − f| / √(V + σ²)
 *
 * Source: Angelopoulos & Bates (2023), Conformal prediction: a gentle introduction, Foundations and Trends in ML 16(4).
 */
import { UsageError } from "@hessonite/core";
import type { Outputs } from "./functionalVariance.ts";

/**
 * The score that a share of new rows stays below.
 *
 * @param scores Of calibration rows.
 * @throws {UsageError} if the coverage is not between 0 and 1, or so high that these rows cannot promise it.
 */
export function conformalThreshold(scores: ArrayLike<number>, coverage: number): number {
  if (!(coverage > 0 && coverage < 1)) {
    throw new UsageError("Cannot make conformal sets as the coverage is no share", {
      expected: "between 0 and 1",
      found: coverage,
    });
  }
  const rank = Math.ceil((scores.length + 1) * coverage);
  const sorted = Float64Array.from(scores).sort();
  if (rank <= sorted.length) return sorted[rank - 1]!;
  throw new UsageError("Cannot make conformal sets as there are too few rows to calibrate them", {
    expected: `${Math.ceil(coverage / (1 - coverage))} or more for a coverage of ${coverage}`,
    found: scores.length,
  });
}

/** 1 − p of each row's label. */
export function classScores(probabilities: Float64Array, labels: ArrayLike<number>): Float64Array {
  const classes = probabilities.length / labels.length;
  return Float64Array.from({ length: labels.length }, (_, row) => 1 - probabilities[row * classes + labels[row]!]!);
}

/** Classes in each row's set, `[rows, C]`: 1 where 1 − p ≤ threshold. */
export function classSets(probabilities: Float64Array, threshold: number): Uint8Array {
  return Uint8Array.from(probabilities, (p) => Number(1 - p <= threshold));
}

/** √(V + σ²) of each row, for outputs of one number. */
export function spreads({ rows, outputs, covariance }: Outputs, noise: number): Float64Array {
  if (outputs !== 1) {
    throw new UsageError("Cannot make conformal intervals as the outputs are not one number a row", { found: outputs });
  }
  return Float64Array.from({ length: rows }, (_, row) => Math.sqrt(covariance[row]! + noise ** 2));
}

/** |y − f| / √(V + σ²) of each row. */
export function intervalScores(outputs: Outputs, targets: ArrayLike<number>, noise: number): Float64Array {
  return spreads(outputs, noise).map((s, row) => Math.abs(targets[row]! - outputs.mean[row]!) / s);
}
