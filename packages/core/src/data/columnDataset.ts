/** A dataset from columns of equal length, cut into batches. */
import { MismatchError, throwIfAborted, UsageError } from "../errors.ts";
import { type Column, showRows } from "./column.ts";
import type { Batch, Dataset } from "./dataset.ts";

/** How rows become batches. */
export interface BatchOptions {
  /** Rows a batch; the last may have fewer. */
  readonly batchSize?: number | undefined;
  /** Rows [start, end) of the data alone, in whole numbers; all unless given. An end beyond the last row is the last row. */
  readonly rows?: { readonly start?: number; readonly end?: number } | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Columns {
  /** By the model's input names. */
  readonly inputs: ReadonlyMap<string, Column>;
  readonly target?: Column | undefined;
  readonly weights?: Column | undefined;
}

export const defaultBatchSize = 64;

/**
 * The dataset.
 *
 * @throws {MismatchError} if the columns differ in length; {UsageError} if no row is left or the options are impossible.
 */
export function columnDataset(columns: Columns, name: string, options: BatchOptions = {}): Dataset {
  const { batchSize = defaultBatchSize, signal } = options;
  checkBatchSize(batchSize);
  const [start, end] = chosenRows(equalLength(columns, name), options.rows, name);
  return {
    name,
    rows: end - start,
    batchSize: Math.min(batchSize, end - start),
    async *batches() {
      for (let from = start; from < end; from += batchSize) {
        throwIfAborted(signal);
        yield await batchOf(columns, from, Math.min(from + batchSize, end));
      }
    },
  };
}

/** @throws {UsageError} unless it is a whole number of at least one row. */
export function checkBatchSize(batchSize: number): void {
  if (Number.isSafeInteger(batchSize) && batchSize >= 1) return;
  throw new UsageError("Cannot cut data into batches as their size is no positive whole number", {
    expected: "1 or more",
    found: batchSize,
  });
}

async function batchOf({ inputs, target, weights }: Columns, start: number, end: number): Promise<Batch> {
  const named: Batch["inputs"] = Object.fromEntries(
    await Promise.all([...inputs].map(async ([name, column]) => [name, await column.rows(start, end)] as const)),
  );
  return {
    inputs: named,
    ...(target && { target: await target.rows(start, end) }),
    ...(weights && { weights: await weights.rows(start, end) }),
    rows: end - start,
  };
}

function equalLength({ inputs, target, weights }: Columns, name: string): number {
  const all = [...inputs.values(), ...[target, weights].filter((column) => column !== undefined)];
  const [rows = 0, ...others] = all.map(({ shape }) => shape.at(0) ?? 0);
  if (others.every((length) => length === rows)) return rows;
  throw new MismatchError("Cannot use data as its arrays have different numbers of rows", {
    at: name,
    expected: "one length of all first axes",
    found: showRows(all),
  });
}

function chosenRows(
  total: number,
  { start = 0, end = total }: BatchOptions["rows"] = {},
  name: string,
): [number, number] {
  if (!Number.isSafeInteger(start) || start < 0 || !(Number.isSafeInteger(end) || end === Number.POSITIVE_INFINITY)) {
    throw new UsageError("Cannot choose rows as their range is not made of row numbers", {
      at: name,
      found: `${start} to ${end}`,
    });
  }
  const last = Math.min(end, total);
  if (last > start) return [start, last];
  throw new UsageError("Cannot use data as no rows are in them", {
    at: name,
    expected: "1 row or more",
    found: start === 0 && end === total ? "0 rows" : `rows ${start} to ${end} of ${total}`,
  });
}
