/** Datasets from batches that the caller makes: a list, an iterable, or a function that starts one anew. */
import { throwIfAborted, UsageError } from "../errors.ts";
import type { Batch, Dataset } from "./dataset.ts";
import { type Arrays, type ArraysOptions, datasetFromArrays } from "./fromArrays.ts";

type Batches = Iterable<Arrays> | AsyncIterable<Arrays>;

/** Batches, or a function that starts them anew for every pass. */
export type BatchSource = Batches | (() => Batches);

export interface BatchesOptions extends Omit<ArraysOptions, "batchSize" | "rows"> {
  /** Rows in all, where known; a pass that gives another number is an error. */
  readonly length?: number | undefined;
  /** The most rows that a batch has, where known: saves a pass over the data. */
  readonly batchSize?: number | undefined;
}

/**
 * A dataset of the caller's batches, in their order and sizes; each is checked as it comes.
 *
 * Most curvature computations pass through the data more than once: give a list or a function. A generator object can be
 * passed through once; the second pass is an error, never an empty dataset.
 *
 * @throws {UsageError} while iterating, if an iterator is used up, a pass has no rows or other rows than the one before, an
 * input is missing, or NaN or an infinity is among the data.
 * @throws {MismatchError} while iterating, if a batch's arrays differ in rows or do not fit the model's inputs.
 *
 * @example
 * ```ts
 * const data = datasetFromBatches(function* () {
 *   yield { inputs: { x: [[0, 1]] }, target: [1] };
 *   yield { inputs: { x: [[2, 3], [4, 5]] }, target: [0, 1] };
 * });
 * expect(await countRows(data)).toBe(3);
 * ```
 */
export function datasetFromBatches(source: BatchSource, options: BatchesOptions = {}): Dataset {
  const { name = "batches", length, batchSize, signal } = options;
  const begun = new WeakSet<object>();
  let expected = length;
  let passes = 0;
  return {
    name,
    ...(length !== undefined && { rows: length }),
    ...(batchSize !== undefined && { batchSize }),
    async *batches() {
      const batches = begin(source, begun, name);
      const pass = passes++;
      let [rows, count] = [0, 0];
      for await (const arrays of batches) {
        throwIfAborted(signal);
        const batch = await checkedBatch(arrays, options, `${name}, batch ${count++}`);
        rows += batch.rows;
        yield batch;
      }
      checkPass(rows, expected, pass, options, name);
      expected = rows;
    },
  };
}

/** One pass over the source. Its iterator must be a new one. */
function begin(source: BatchSource, begun: WeakSet<object>, name: string): AsyncIterable<Arrays> | Iterable<Arrays> {
  const batches = typeof source === "function" ? source() : source;
  const iterator = Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
  if (begun.has(iterator)) throw usedUp(name, "an iterator that was begun before");
  begun.add(iterator);
  return Symbol.asyncIterator in batches
    ? { [Symbol.asyncIterator]: () => iterator as AsyncIterator<Arrays> }
    : { [Symbol.iterator]: () => iterator as Iterator<Arrays> };
}

async function checkedBatch(arrays: Arrays, options: BatchesOptions, name: string): Promise<Batch> {
  const { modelInputs, scale, nonFinite } = options;
  const whole = datasetFromArrays(arrays, { modelInputs, scale, nonFinite, name, batchSize: Number.MAX_SAFE_INTEGER });
  for await (const batch of whole.batches()) return batch;
  throw new Error("internal: a dataset from arrays has a batch");
}

function checkPass(
  rows: number,
  expected: number | undefined,
  pass: number,
  { length }: BatchesOptions,
  name: string,
): void {
  if (expected !== undefined && rows !== expected) {
    if (rows === 0 && pass > 0) throw usedUp(name, "no rows");
    throw new UsageError("Cannot use data as a pass through them gives another number of rows than expected", {
      at: name,
      expected: `${expected} rows, ${length === undefined ? "as in an earlier pass" : "the length given"}`,
      found: `${rows} rows`,
      try: "give the same rows in the same order each time",
    });
  }
  if (rows > 0) return;
  throw new UsageError("Cannot use data as no rows are in them", {
    at: name,
    expected: "1 row or more",
    found: "0 rows",
  });
}

function usedUp(name: string, found: string): UsageError {
  return new UsageError("Cannot pass through the data again as their iterator is used up", {
    at: name,
    expected: "batches that can be iterated more than once",
    found,
    try: "give a list, or a function that returns a new iterator: () => batches()",
  });
}
