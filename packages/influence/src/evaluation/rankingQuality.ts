/** How well scores tell marked rows (mislabelled ones) from the others. */
import { UsageError } from "@hessonite/core";
import { ranksOf } from "./rankCorrelation.ts";

/**
 * The area under the ROC curve: the chance that a marked row scores higher than another one, ties counting half.
 *
 * @throws {UsageError} unless there are rows of both kinds.
 */
export function rankingQuality(scores: ArrayLike<number>, marked: ArrayLike<number | boolean>): number {
  const ranks = ranksOf(scores);
  const positives = Array.from(marked).filter(Boolean).length;
  const negatives = ranks.length - positives;
  if (positives === 0 || negatives === 0) {
    throw new UsageError("Cannot measure how well rows are told apart as all are of one kind", {
      found: `${positives} marked of ${ranks.length}`,
    });
  }
  const sum = ranks.reduce((total, rank, i) => total + (marked[i] ? rank : 0), 0);
  return (sum - (positives * (positives + 1)) / 2) / (positives * negatives);
}
