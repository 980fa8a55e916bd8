/** What happened when single rows were removed, and which rows are marked, from files. */
import { MismatchError, readTensors, UsageError } from "@hessonite/core";
import type { Removals } from "./leaveOneOut.ts";

/** Arrays `removed [k]` (row numbers) and `changes [k, queries]`. @throws {UsageError | MismatchError} unless they are there. */
export async function readRemovals(path: string): Promise<Removals> {
  const { tensors } = await readTensors(path);
  const [removed, changes] = await Promise.all(["removed", "changes"].map(async (name) => tensors.get(name)?.read()));
  if (!removed || changes?.shape.length !== 2) {
    throw new UsageError("Cannot evaluate against removals as an array is missing or of another rank", {
      at: path,
      expected: '"removed" [k] and "changes" [k, queries]',
      found: [...tensors.keys()].join(", "),
    });
  }
  const [found = 0, queries = 0] = changes.shape;
  if (found !== removed.data.length) {
    throw new MismatchError("Cannot evaluate against removals as there is not one line of changes for each", {
      at: path,
      expected: removed.data.length,
      found,
    });
  }
  return { rows: removed.data, queries, changes: changes.data };
}
