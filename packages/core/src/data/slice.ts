/** Parts of a dataset. */
import { UsageError } from "../errors.ts";
import type { Tensor } from "../ir/tensor.ts";
import { rowsOf } from "./column.ts";
import type { Batch, Dataset } from "./dataset.ts";

/**
 * Rows [start, end) of a dataset; its batches are those of the whole, the first and last cut. All from `start` on where
 * no end is given.
 *
 * The rows before `start` are passed over one batch at a time: where the data are arrays or a file, give the option
 * `rows` there instead.
 *
 * @throws {UsageError} if the range is empty, or, once that shows, begins beyond the last row.
 */
export function slice(
  dataset: Dataset,
  start: number,
  end: number = dataset.rows ?? Number.POSITIVE_INFINITY,
): Dataset {
  const known = dataset.rows === undefined ? end : Math.min(end, dataset.rows);
  if (!(start >= 0 && known > start)) throw noRows(dataset.name, start, end, dataset.rows);
  return {
    name: dataset.name,
    ...(Number.isFinite(known) && dataset.rows !== undefined && { rows: known - start }),
    ...(dataset.ignoreIndex !== undefined && { ignoreIndex: dataset.ignoreIndex }),
    ...(dataset.batchSize !== undefined && { batchSize: Math.min(dataset.batchSize, known - start) }),
    async *batches() {
      let first = 0;
      let yielded = 0;
      for await (const batch of dataset.batches()) {
        const [from, to] = [Math.max(start - first, 0), Math.min(known - first, batch.rows)];
        if (to > from) {
          yielded += to - from;
          yield from === 0 && to === batch.rows ? batch : batchRows(batch, from, to);
        }
        first += batch.rows;
        if (first >= known) return;
      }
      if (yielded === 0) throw noRows(dataset.name, start, end, first);
    },
  };
}

/** The first `count` rows, or all where there are fewer. */
export function take(dataset: Dataset, count: number): Dataset {
  return slice(dataset, 0, count);
}

/** Rows [start, end) of a batch, as views. */
export function batchRows({ inputs, target, weights }: Batch, start: number, end: number): Batch {
  const part = (tensor: Tensor): Tensor => rowsOf(tensor, start, end);
  return {
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, part(tensor)])),
    ...(target && { target: part(target) }),
    ...(weights && { weights: part(weights) }),
    rows: end - start,
  };
}

function noRows(at: string, start: number, end: number, total: number | undefined): UsageError {
  return new UsageError("Cannot use part of the data as no rows are in it", {
    at,
    expected: "1 row or more",
    found: `rows ${start} to ${end}${total === undefined ? "" : ` of ${total}`}`,
  });
}
