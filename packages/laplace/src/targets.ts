/** The targets of a dataset, all rows in order. */
import { type Dataset, UsageError } from "@hessonite/core";

/** @throws {UsageError} if a batch has none. */
export async function targetsOf(data: Dataset): Promise<Float64Array> {
  const parts: ArrayLike<number>[] = [];
  for await (const { target } of data.batches()) {
    if (!target)
      throw new UsageError("Cannot compare predictions with the data as these have no target", {
        at: data.name,
        try: 'add an array "y" to the data file, or name the target',
      });
    parts.push(target.data);
  }
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
