/** How many rows a dataset has. */
import type { Dataset } from "./dataset.ts";

const counted = new WeakMap<Dataset, number>();

/**
 * The number of rows: as the dataset says, or counted by one pass through it, once. A dataset of a one-shot iterator is
 * used up by that: give its length when you make it.
 */
export async function countRows(dataset: Dataset): Promise<number> {
  if (dataset.rows !== undefined) return dataset.rows;
  const known = counted.get(dataset);
  if (known !== undefined) return known;
  let rows = 0;
  for await (const batch of dataset.batches()) rows += batch.rows;
  counted.set(dataset, rows);
  return rows;
}
