/** All scores in memory. */
import type { NumericArray } from "@hessonite/core";
import type { AveragedSlice, ScoreSink } from "./sink.ts";

export interface Collected {
  readonly positions: number;
  /** `[queries, rows, positions]`, one or one for each module; rows that never came are 0. */
  readonly scores: readonly Float64Array[];
  readonly standardErrors: readonly Float64Array[];
}

export function collectScores(queries: number, rows: number): ScoreSink & { result(): Collected } {
  let positions = 1;
  const scores: Float64Array[] = [];
  const standardErrors: Float64Array[] = [];
  const place = (
    into: Float64Array[],
    parts: readonly NumericArray[],
    { firstRow, rows: some }: AveragedSlice,
  ): void => {
    const width = some * positions;
    for (const [i, data] of parts.entries()) {
      const whole = into[i] ?? new Float64Array(queries * rows * positions);
      into[i] = whole;
      for (let q = 0; q < queries; q++) {
        whole.set(data.subarray(q * width, (q + 1) * width), (q * rows + firstRow) * positions);
      }
    }
  };
  return {
    add(slice) {
      positions = slice.positions;
      place(scores, slice.scores, slice);
      place(standardErrors, slice.standardErrors ?? [], slice);
    },
    result: () => ({
      positions,
      scores: scores.length > 0 ? scores : [new Float64Array(queries * rows)],
      standardErrors,
    }),
  };
}
