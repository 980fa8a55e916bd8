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
  /**
   * Keeps what is summed up after each batch, so that a run that is killed loses the batch it was in. Where writing is so slow
   * beside a batch that it would take more than a second in all and 4 % of the time, it waits: then at most 25 times what one
   * writing takes is lost, or a batch.
   */
  readonly keeper?: {
    load(): Promise<PartialSum | undefined>;
    save(sum: PartialSum): Promise<void>;
  };
}

/** Milliseconds that writing may take whatever the share. */
const free = 1000;

/** Time without writing for each that writing takes. */
const sparing = 25;

/** A sum on its way. */
export interface SumOnItsWay {
  /** Whether a batch is still to be added. */
  wanted(index: number): boolean;
  /** Called once for each batch, in order, added or not. */
  added(index: number): Promise<void>;
  /** Keeps what is not kept yet: when all are added, or the work is stopped. */
  keep(): Promise<void>;
  readonly sums: Float64Array[];
}

/** Adds batches up in their order, beginning with what was kept. */
export async function partialSum({ batches = () => true, keeper }: PartialSums): Promise<SumOnItsWay> {
  const before = await keeper?.load();
  const sums = before?.sums.map((data) => Float64Array.from(data)) ?? [];
  const begun = before?.done ?? 0;
  let [done, kept] = [begun, begun];
  let last = performance.now();
  let since = 0; // work that is not kept
  let longest = 0; // batch of it
  let [spent, cost] = [0, 0]; // by writing: in all, the last time
  const keep = async (): Promise<void> => {
    if (!keeper || kept === done) return;
    const start = performance.now();
    await keeper.save({ done, sums });
    kept = done;
    [since, longest] = [0, 0];
    last = performance.now();
    cost = last - start;
    spent += cost;
  };
  return {
    sums,
    keep,
    wanted: (index) => index >= begun && batches(index),
    async added(index) {
      const now = performance.now();
      const took = now - last;
      last = now;
      if (index < begun) return;
      done = index + 1;
      since += took;
      longest = Math.max(longest, took);
      if (spent + cost <= free || since + longest >= sparing * cost) await keep();
    },
  };
}
