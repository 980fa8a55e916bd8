/**
 * Entries of a prediction that a model hides: numbers that stand for −∞, as the scores of padded positions or of tokens that
 * must not be said.
 *
 * Nothing is learnt from them, and a squared error of 10³⁸ leaves nothing else to see: a check holds them at 0.
 */
import type { Vector } from "../operators/linearOperator.ts";

/** The least that stands for −∞. */
const least = -1e4;

/** How much larger they are than all else. */
const apart = 1e3;

/** A loss from which on there may be such entries. */
export const suspiciousLoss = 1e6;

/** Which entries are hidden; undefined if none is, or nothing else is left. */
export function maskedEntries(prediction: Vector): readonly boolean[] | undefined {
  let size = 0;
  for (const x of prediction) if (!(x <= least)) size = Math.max(size, Math.abs(x));
  const masked = Array.from(prediction, (x) => x <= Math.min(least, -apart * size));
  return masked.includes(true) && masked.includes(false) ? masked : undefined;
}
