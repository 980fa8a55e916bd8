/** Scores batch by batch, those that an earlier run kept taken from there: a run that was stopped goes on. */
import { type Problem, UsageError } from "@hessonite/core";
import type { Curvature } from "./curvature.ts";
import { type PairwiseOptions, type PairwiseRun, pairwiseRun } from "./pairwise.ts";
import type { ScoreSlice } from "./sinks/sink.ts";

/** Keeps the scores of each batch as they are made. */
export interface SliceKeeper {
  load(firstRow: number): Promise<ScoreSlice | undefined>;
  save(slice: ScoreSlice): Promise<void>;
}

/** As `pairwiseRun`; only batches that `keeper` has not are computed, and given to it. */
export async function keptRun(
  curvature: Curvature,
  problems: { readonly train: Problem; readonly query: Problem },
  options: PairwiseOptions,
  keeper: SliceKeeper | undefined,
): Promise<PairwiseRun> {
  if (!keeper) return pairwiseRun(curvature, problems, options);
  const { rows, batchRows } = problems.train.survey;
  const { batches = () => true } = options;
  const all = Array.from({ length: Math.ceil(rows / batchRows) }, (_, index) => {
    const firstRow = index * batchRows;
    return { index, firstRow, rows: Math.min(batchRows, rows - firstRow) };
  }).filter(batches);
  const known = new Set<number>();
  for (const { firstRow } of all) if (await keeper.load(firstRow)) known.add(firstRow);
  const wanted: NonNullable<PairwiseOptions["batches"]> = (batch) => !known.has(batch.firstRow) && batches(batch);
  const run = await pairwiseRun(curvature, problems, { ...options, batches: wanted });
  return {
    ...run,
    async *slices() {
      const fresh = run.slices();
      for (const { firstRow } of all) {
        if (known.has(firstRow)) yield await loaded(keeper, firstRow);
        else {
          const { value } = await fresh.next();
          if (!value) return;
          await keeper.save(value);
          yield value;
        }
      }
    },
  };
}

async function loaded(keeper: SliceKeeper, firstRow: number): Promise<ScoreSlice> {
  const slice = await keeper.load(firstRow);
  if (slice) return slice;
  throw new UsageError("Cannot go on with kept scores as they went away while they were used", {
    at: `training row ${firstRow}`,
    try: "run again, and leave the cache alone meanwhile",
  });
}
