/** Writes the merged model, and the recipe that it came from beside it. */
import { writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { tensorsOf, writePatchedModel } from "@hessonite/core";
import { stringify } from "yaml";
import type { Merged } from "../job/options.ts";
import type { MergeSetting } from "../job/task.ts";
import { pathOf } from "./openModels.ts";
import type { Recipe } from "./recipe.ts";
import type { RunOptions } from "./runRecipe.ts";

/** The first model's file with the merged weights and the recipe in its metadata; with heads apart, every model's. */
export async function writeMerged(
  recipe: Recipe,
  options: RunOptions,
  { tasks, heads }: MergeSetting,
  { method, space, values }: Merged,
  output: string,
): Promise<void> {
  const replayed = { ...recipe, merge_method: method };
  const metadata = { "hessonite.merge": JSON.stringify(replayed) };
  const targets = heads
    ? tasks.map(({ name }) => join(dirname(output), `${basename(output, ".onnx")}-${name}.onnx`))
    : [output];
  for (const [i, target] of targets.entries()) {
    const model = tasks[i]?.model;
    const source = pathOf(recipe.models[i]?.model ?? "", options);
    await writePatchedModel(source, target, tensorsOf(space, values), { metadata, ...(model && { model }) });
  }
  await writeFile(recipePath(output), stringify(replayed));
}

/** Kept beside the merged model. */
export function recipePath(output: string): string {
  return join(dirname(output), `${basename(output, ".onnx")}.recipe.yaml`);
}
