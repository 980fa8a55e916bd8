/** A score that is no number is an error, not a result. */
import { type NumericArray, UsageError } from "@hessonite/core";

export interface ScorePlace {
  readonly queries: number;
  readonly rows: number;
  readonly positions: number;
  readonly firstRow: number;
}

/** @throws {UsageError} naming query and training row of the first score that is not finite. */
export function requireFiniteScores(scores: NumericArray, { rows, positions, firstRow }: ScorePlace): void {
  const at = (scores as Float64Array).findIndex((x) => !Number.isFinite(x));
  if (at < 0) return;
  const query = Math.floor(at / (rows * positions));
  const row = firstRow + Math.floor((at % (rows * positions)) / positions);
  throw new UsageError("Cannot give scores as one of them is not finite", {
    at: `query ${query}, training row ${row}`,
    found: scores[at]!,
    try: "a larger damping, or data of a smaller scale",
  });
}
