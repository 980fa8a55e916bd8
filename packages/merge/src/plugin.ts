/** Merging as a plugin: a recipe in, a merged model and what it did to each task out. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { definePlugin, openingFacts, UsageError } from "@hessonite/core";
import { z } from "zod";
import { type MergeMethodName, mergeMethodNames } from "./job/options.ts";
import { parseRecipe, type Recipe, recipeSchema } from "./recipe/recipe.ts";
import { runRecipe } from "./recipe/runRecipe.ts";
import { mergeResult } from "./report/result.ts";

/**
 * @example
 * ```ts no-run
 * await using host = createHost();
 * const { method, compared } = await host.run(merge, { inputs: { recipe: "recipe.yaml" }, options: { out: "merged.onnx" } });
 * ```
 */
export const merge = definePlugin({
  name: "merge",
  summary: "Merges fine-tuned models of one architecture into one, by a recipe.",
  requires: {},
  inputs: {
    recipe: z.union([z.string().min(1), recipeSchema]).describe("a recipe's file, or the recipe itself"),
  },
  options: z.object({
    out: z.string().optional().describe("the merged model to write; nothing is written unless given"),
    compare: z
      .array(z.enum(mergeMethodNames as readonly [string, ...string[]]))
      .optional()
      .describe("methods to run beside the recipe's; the best by held-out loss is kept"),
    folder: z.string().optional().describe("where relative paths start; the recipe's folder unless said"),
  }),
  result: mergeResult,
  async run({ inputs, options, engine, signal, progress, note }) {
    const { out, compare, folder } = options;
    const { recipe, home } = await recipeOf(inputs.recipe);
    const total = 1 + (compare?.length ?? 0);
    let begun = 0;
    const { result } = await runRecipe(recipe, {
      folder: folder ?? home,
      engine,
      signal,
      onMethod: (method) => progress({ stage: `merging by ${method}`, done: begun++, total }),
      ...(out === undefined ? {} : { output: out }),
      ...(compare ? { compare: compare as MergeMethodName[] } : {}),
    });
    for (const text of result.notes) note(text);
    return result;
  },
});

async function recipeOf(given: string | Recipe): Promise<{ readonly recipe: Recipe; readonly home: string }> {
  if (typeof given !== "string") return { recipe: given, home: process.cwd() };
  const text = await readFile(given, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError("Cannot merge as the recipe cannot be opened", openingFacts(given, cause), { cause });
  });
  return { recipe: parseRecipe(text, given), home: dirname(resolve(given)) };
}
