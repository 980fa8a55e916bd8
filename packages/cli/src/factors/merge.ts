/** `hessonite factors merge`: the factors of all data from those of its parts. */
import {
  MismatchError,
  mergeFactors,
  readFactors,
  type StoredFactors,
  UsageError,
  writeFactors,
} from "@hessonite/core";
import { z } from "zod";
import { count } from "../terminal/quantity.ts";
import { facts } from "../terminal/table.ts";
import type { Paint } from "../terminal/terminal.ts";

export const mergedResult = z.object({
  file: z.string(),
  parts: z.int(),
  rows: z.number(),
  lossTerms: z.number(),
  blocks: z.int(),
});

export type MergedResult = z.output<typeof mergedResult>;

/**
 * @throws {MismatchError} if the files are of other models, layers or options.
 * @throws {UsageError} if a part comes twice.
 */
export async function runMerge({
  files,
  out,
}: {
  readonly files: readonly string[];
  readonly out: string;
}): Promise<MergedResult> {
  const parts = await Promise.all(files.map(readFactors));
  requireOneModel(files, parts);
  requireOnce(files, parts);
  const [first, ...others] = parts as [StoredFactors, ...StoredFactors[]];
  const factors = others.reduce((whole, part) => mergeFactors(whole, part.factors), first.factors);
  await writeFactors(out, { factors, model: first.model, data: parts.map(({ data }) => data ?? "").join("; ") });
  const { rows, count: lossTerms, blocks } = factors;
  return { file: out, parts: parts.length, rows, lossTerms, blocks: blocks.length };
}

function requireOneModel(files: readonly string[], parts: readonly StoredFactors[]): void {
  const odd = parts.findIndex(({ model }) => model !== parts[0]?.model);
  if (odd < 0) return;
  throw new MismatchError("Cannot merge factors as a file is of another model or checkpoint", {
    at: files[odd] ?? "",
    expected: `${parts[0]?.model.slice(0, 12)}… as in ${files[0]}`,
    found: `${parts[odd]?.model.slice(0, 12)}…`,
  });
}

function requireOnce(files: readonly string[], parts: readonly StoredFactors[]): void {
  const twice = parts.findIndex(({ data }, i) => data && parts.findIndex((other) => other.data === data) < i);
  if (twice < 0) return;
  throw new UsageError("Cannot merge factors as two files are of the same part of the data", {
    at: files[twice] ?? "",
    found: parts[twice]?.data ?? "",
  });
}

export function showMerged({ file, parts, rows, lossTerms, blocks }: MergedResult, paint: Paint): string {
  return facts(
    [
      ["factors", `${paint.bold(file)}, ${count(blocks)} blocks`],
      ["merged", `${parts} parts, ${count(rows)} rows, ${count(lossTerms)} loss terms`],
    ],
    paint,
  );
}
