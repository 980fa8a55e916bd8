/** Where scores go as they come, batch by batch. */
import type { NumericArray } from "@hessonite/core";

/** Scores of some training rows. */
export interface ScoreSlice {
  readonly firstRow: number;
  readonly rows: number;
  readonly positions: number;
  /** `[queries, rows, positions]`; with "module" one for each block. */
  readonly scores: readonly NumericArray[];
}

export interface ScoreSink {
  add(slice: AveragedSlice): void | Promise<void>;
}

/** Scores of some rows, of one or averaged over several checkpoints. */
export interface AveragedSlice extends ScoreSlice {
  /** Of the mean, for each of `scores`; with several checkpoints alone. */
  readonly standardErrors?: readonly NumericArray[];
}

/** `[queries, rows]`: modules and positions summed. */
export function rowTotals({ rows, positions, scores }: ScoreSlice, queries: number): Float64Array {
  const totals = new Float64Array(queries * rows);
  for (const one of scores) for (const [at, x] of one.entries()) totals[Math.floor(at / positions)]! += x;
  return totals;
}
