/** Nothing that is read is written over. */
import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { UsageError } from "@hessonite/core";
import type { PruneOptions } from "./options.ts";

type Files = Pick<PruneOptions, "model" | "data" | "heldOut" | "out" | "report">;

/** @throws {UsageError} if the report or the model would go over the rows, or the report over a model. */
export async function requireOwnFiles({ model, data, heldOut, out, report }: Files): Promise<void> {
  const pairs = [
    { what: "the report", path: report, read: [model, out, data, heldOut] },
    { what: "the pruned model", path: out, read: [data, heldOut] }, // over its own model where the user says so
  ];
  for (const { what, path, read } of pairs) {
    if (path === undefined) continue;
    const own = await placeOf(path);
    const others = await Promise.all(read.map((other) => (other === undefined ? undefined : placeOf(other))));
    if (!others.includes(own)) continue;
    throw new UsageError(`Cannot write ${what} over another file of this run`, { at: path, try: "another file" });
  }
}

/** Links followed. */
const placeOf = (path: string): Promise<string> => realpath(path).catch(() => resolve(path));
