/** Rows of a dataset by their number: a part to compute with and a part to judge by. */
import type { Batch, Dataset } from "../data/dataset.ts";
import { pickRows } from "../data/pickRows.ts";

/** The rows whose number `keep` accepts, in order; batches that keep none are left out. */
export function rowsWhere(data: Dataset, keep: (row: number) => boolean): Dataset {
  return {
    name: data.name,
    ...(data.batchSize === undefined ? {} : { batchSize: data.batchSize }),
    async *batches() {
      let first = 0;
      for await (const batch of data.batches()) {
        const chosen = Array.from({ length: batch.rows }, (_, row) => row).filter((row) => keep(first + row));
        first += batch.rows;
        if (chosen.length > 0) yield pick(batch, chosen);
      }
    },
  };
}

/** Rows n−1, 2n−1, … as `apart`, all others as `rest`. */
export function everyNth(data: Dataset, n: number): { readonly apart: Dataset; readonly rest: Dataset } {
  const isApart = (row: number): boolean => row % n === n - 1;
  return { apart: rowsWhere(data, isApart), rest: rowsWhere(data, (row) => !isApart(row)) };
}

function pick({ inputs, target, weights }: Batch, rows: readonly number[]): Batch {
  return {
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, pickRows(value, rows)])),
    ...(target ? { target: pickRows(target, rows) } : {}),
    ...(weights ? { weights: pickRows(weights, rows) } : {}),
    rows: rows.length,
  };
}
