/** Scores against what happened when single rows were removed and the model was trained again. */
import { MismatchError } from "@hessonite/core";
import { correlation, rankCorrelation } from "./rankCorrelation.ts";

export interface Removals {
  /** Numbers of the removed rows. */
  readonly rows: ArrayLike<number>;
  readonly queries: number;
  /** `[removed rows, queries]`: what the query's loss changed by. */
  readonly changes: ArrayLike<number>;
}

export interface LeaveOneOut {
  /** Over all rows and queries. */
  readonly correlation: number;
  /** Spearman's over rows, mean over queries. */
  readonly rankCorrelation: number;
}

/**
 * @param scores `[queries, trainingRows]`
 * @throws {MismatchError} if the two do not fit together.
 */
export function leaveOneOut(
  scores: ArrayLike<number>,
  trainingRows: number,
  { rows, queries, changes }: Removals,
): LeaveOneOut {
  if (scores.length !== queries * trainingRows || changes.length !== rows.length * queries) {
    throw new MismatchError("Cannot evaluate the scores as they do not fit the removals", {
      expected: `${queries} queries × ${trainingRows} rows, ${rows.length} × ${queries} changes`,
      found: `${scores.length} scores, ${changes.length} changes`,
    });
  }
  const predicted = (q: number): Float64Array => Float64Array.from(rows, (row) => scores[q * trainingRows + row]!);
  const actual = (q: number): Float64Array => Float64Array.from(rows, (_, i) => changes[i * queries + q]!);
  const all = Array.from({ length: queries }, (_, q) => q);
  return {
    correlation: correlation(
      all.flatMap((q) => [...predicted(q)]),
      all.flatMap((q) => [...actual(q)]),
    ),
    rankCorrelation: all.reduce((sum, q) => sum + rankCorrelation(predicted(q), actual(q)), 0) / queries,
  };
}
