import type { Dataset } from "@hessonite/core";

/** As the dataset says, or by a pass through it. */
export async function countRows(data: Dataset): Promise<number> {
  if (data.rows !== undefined) return data.rows;
  let counted = 0;
  for await (const batch of data.batches()) counted += batch.rows;
  return counted;
}
