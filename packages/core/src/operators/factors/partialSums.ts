/**
 * Parts of a sum over batches: a shard of them alone, and a sum that goes on where an earlier run was stopped.
 *
 * Statistics are scaled by what the whole data count, so that those of all shards add up to the whole.
 */

/** What was summed up of the batches that were done, in their order. */
export interface PartialSum {
  readonly done: number;
  readonly sums: readonly Float64Array[];
}

export interface PartialSums {
  /** Which batches count, by their position among all; all unless said. */
  readonly batches?: (index: number) => boolean;
  /** Keeps what is summed up: what is not kept yet is never more than a second's work or a batch, whichever is longer. */
  readonly keeper?: {
    load(): Promise<PartialSum | undefined>;
    save(sum: PartialSum): Promise<void>;
  };
}

/** Between two saves in milliseconds, so that keeping costs little beside summing. */
const pause = 1000;

/** Adds batches up in their order, beginning with what was kept. */
export async function partialSum({ batches = () => true, keeper }: PartialSums): Promise<{
  /** Whether a batch is still to be added. */
  wanted(index: number): boolean;
  /** Called once for each batch, in order, added or not. */
  added(index: number): Promise<void>;
  readonly sums: Float64Array[];
}> {
  const before = await keeper?.load();
  const sums = before?.sums.map((data) => Float64Array.from(data)) ?? [];
  const done = before?.done ?? 0;
  let saved = performance.now();
  let last = saved;
  let longest = 0; // batch since then
  return {
    sums,
    wanted: (index) => index >= done && batches(index),
    async added(index) {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      if (!keeper || index < done || now + longest - saved < pause) return;
      await keeper.save({ done: index + 1, sums });
      saved = performance.now();
      last = saved;
      longest = 0;
    },
  };
}
