/** Runs `hessonite merge`. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { openingFacts, UsageError } from "@hessonite/core";
import { type MergeMethodName, type MergeResult, mergeMethodNames, parseRecipe, runRecipe } from "@hessonite/merge";
import type { CommandContext } from "../command.ts";
import { openEngine } from "../options/engine.ts";
import { writeReport } from "../report/writeReport.ts";
import { nearest } from "../schema/nearest.ts";
import type { MergeCommandOptions } from "./options.ts";

export async function runMerge(
  options: MergeCommandOptions,
  { signal, progress, note }: CommandContext,
): Promise<MergeResult> {
  const { recipe: path, out, report, maxMemory } = options;
  const compare = methodsOf(options.compare);
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError("Cannot merge as the recipe cannot be opened", openingFacts(path, cause), { cause });
  });
  const recipe = parseRecipe(text, path);
  await using engine = await openEngine(options);
  const total = 1 + (compare?.length ?? 0);
  const { result } = await progress.stage("merging", total, (done) => {
    let begun = 0;
    return runRecipe(recipe, {
      folder: dirname(resolve(path)),
      engine,
      memory: maxMemory,
      signal,
      onMethod: () => done(begun++),
      ...(out === undefined ? {} : { output: out }),
      ...(compare ? { compare } : {}),
    });
  });
  if (out !== undefined) note(`Merged model: ${resolve(out)}`);
  if (report !== undefined) await writeReport(report, await reportOf(result), note);
  return result;
}

async function reportOf(result: MergeResult): Promise<string> {
  const { mergeReport } = await import("./report.ts"); // only a report needs the chart library
  return mergeReport(result);
}

/** `--compare average,ggn function` */
function methodsOf(words: readonly string[] | undefined): MergeMethodName[] | undefined {
  return words
    ?.flatMap((word) => word.split(","))
    .filter((word) => word !== "")
    .map((word) => {
      const known = mergeMethodNames.find((name) => name === word);
      if (known) return known;
      const guess = nearest(word, mergeMethodNames);
      throw new UsageError("Cannot compare by a method that is not known", {
        found: word,
        try: guess ? `${guess}?` : `one of ${mergeMethodNames.join(", ")}`,
      });
    });
}
