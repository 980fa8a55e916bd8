/** Latencies at the batch sizes that are reported. */
import { type Batch, type Dataset, readModelFile, slice, type Tensor } from "@hessonite/core";
import { fixedBatch, padded } from "../fixedBatch.ts";
import { compareLatency } from "./latency.ts";

/** Median milliseconds of a run, and the median of the ratios of neighbours: 2 is twice as fast. */
export interface LatencyAt {
  readonly rows: number;
  readonly before: number;
  readonly after: number;
  readonly ratio: number;
}

const batchSizes = [1, 32] as const;

/** Before and after, in turn in one run. A model whose file fixes the batch is timed at that one, in place of 1 and 32. */
export async function latencies(
  before: Uint8Array | string,
  after: Uint8Array | string,
  data: Dataset,
  signal: AbortSignal | undefined,
): Promise<LatencyAt[]> {
  const list: LatencyAt[] = [];
  const { model } = await readModelFile(before);
  const fixed = fixedBatch(model);
  for (const rows of fixed === undefined ? batchSizes : [fixed]) {
    const feeds = await firstRows(data, rows, fixed !== undefined);
    if (!feeds) continue;
    const found = await compareLatency(before, after, feeds, { rounds: 60, ...(signal ? { signal } : {}) });
    list.push({ rows, before: found.before, after: found.after, ratio: found.ratio });
  }
  return list;
}

/** The first rows as one batch, where a batch holds as many or may be filled up. */
async function firstRows(
  data: Dataset,
  rows: number,
  filled: boolean,
): Promise<Readonly<Record<string, Tensor>> | undefined> {
  for await (const batch of slice(data, 0, rows).batches() as AsyncIterable<Batch>) {
    if (batch.rows !== rows && !filled) return undefined;
    const inputs = Object.entries(batch.inputs);
    return Object.fromEntries(inputs.map(([name, tensor]) => [name, padded(tensor, batch.rows, rows)]));
  }
  return undefined;
}
