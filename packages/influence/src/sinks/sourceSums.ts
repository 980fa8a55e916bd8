/** Scores summed over the rows of each source: an author, a file, a cluster. To first order that of removing them all. */
import { MismatchError } from "@hessonite/core";
import { rowTotals, type ScoreSink } from "./sink.ts";

export interface SourceSums {
  /** In the order of their first row. */
  readonly sources: readonly string[];
  /** `[queries, sources]` */
  readonly scores: Float64Array;
}

/**
 * @param sources One for each training row.
 * @throws {MismatchError} unless there is one a row.
 */
export function sourceSums(
  queries: number,
  rows: number,
  sources: readonly string[],
): ScoreSink & { result(): SourceSums } {
  if (sources.length !== rows) {
    throw new MismatchError("Cannot sum scores by source as there is not one source a training row", {
      expected: rows,
      found: sources.length,
    });
  }
  const distinct = [...new Set(sources)];
  const place = new Map(distinct.map((source, i) => [source, i]));
  const sums = new Float64Array(queries * distinct.length);
  return {
    add(slice) {
      const totals = rowTotals(slice, queries);
      for (const [at, score] of totals.entries()) {
        const [q, row] = [Math.floor(at / slice.rows), slice.firstRow + (at % slice.rows)];
        sums[q * distinct.length + place.get(sources[row]!)!]! += score;
      }
    },
    result: () => ({ sources: distinct, scores: sums }),
  };
}
