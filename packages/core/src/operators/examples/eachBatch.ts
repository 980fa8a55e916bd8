/** Works on batches, as many at once as the engine has lanes, and yields the results in the batches' order. */
import type { PreparedBatch } from "../batches.ts";
import type { Problem } from "../problem.ts";

/** Whether a batch is worked on. */
export type WantedBatches = (batch: {
  readonly index: number;
  readonly firstRow: number;
  readonly rows: number;
}) => boolean;

export async function* eachBatch<Result>(
  problem: Problem,
  signal: AbortSignal | undefined,
  work: (batch: PreparedBatch) => Promise<Result>,
  wanted: WantedBatches = () => true,
): AsyncGenerator<Result> {
  const pending: Promise<Result>[] = [];
  try {
    for await (const batch of problem.batches(signal)) {
      signal?.throwIfAborted();
      if (!wanted(batch)) continue;
      pending.push(work(batch));
      if (pending.length >= problem.engine.lanes) yield await pending.shift()!;
    }
    while (pending.length > 0) yield await pending.shift()!;
  } finally {
    await Promise.allSettled(pending);
  }
}
