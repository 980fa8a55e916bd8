/** Runs a recipe: opens models and data, merges by one method or several, writes the merged model and measures it. */
import { type Engine, type ParameterSpace, readModel, UsageError, type Vector } from "@hessonite/core";
import { mergeModels } from "../job/mergeModels.ts";
import type { Merged, MergeMethodName, MergeOptions } from "../job/options.ts";
import type { MergeSetting } from "../job/task.ts";
import { layersOf } from "../models/layers.ts";
import { permutedParameters } from "../models/permuted.ts";
import { type Benches, judgeMerge, linesOf, openBenches } from "../report/measureMerge.ts";
import type { LossByMethod, MergeResult } from "../report/result.ts";
import { risesOf } from "../report/rises.ts";
import { methodOptions } from "./methodOptions.ts";
import { pathOf } from "./openModels.ts";
import { settingOf } from "./openRecipe.ts";
import type { Recipe } from "./recipe.ts";
import { writeMerged } from "./writeMerged.ts";

export interface RunOptions {
  /** Relative paths of the recipe start here. */
  readonly folder: string;
  readonly engine: Engine;
  /** Methods to run beside the recipe's own; the best by held-out loss is what is merged. */
  readonly compare?: readonly MergeMethodName[];
  /** Where the merged model goes; nothing is written unless given. */
  readonly output?: string;
  readonly memory?: number;
  readonly signal?: AbortSignal;
  readonly onMethod?: (method: string) => void;
}

export interface RecipeRun {
  readonly result: MergeResult;
  readonly space: ParameterSpace;
  readonly values: Vector;
}

/**
 * @throws {UsageError | MismatchError} for whatever is wrong with recipe, models or data; see mergeModels.
 */
export async function runRecipe(recipe: Recipe, options: RunOptions): Promise<RecipeRun> {
  const setting = await settingOf(recipe, options);
  const own = recipe.merge_method as MergeMethodName;
  const methods = [...new Set([own, ...(options.compare ?? [])])];
  await using benches = await openBenches(setting);
  const runs: Run[] = [];
  for (const method of methods) {
    options.onMethod?.(method);
    runs.push(await runMethod(recipe, options, setting, benches, method));
  }
  const ranked =
    benches.judged === "nothing"
      ? runs
      : [...runs].sort((a, b) => measureOf(a.judged, recipe) - measureOf(b.judged, recipe));
  const best = options.compare && benches.judged !== "nothing" ? ranked[0] : runs[0];
  if (!best) throw new UsageError("Cannot merge as no method is named");
  const { merged } = best;
  if (options.output !== undefined) await writeMerged(recipe, options, setting, merged, options.output);
  const result = {
    ...describe(setting, merged),
    rises: best.rises ?? (await risesOf(setting, merged)),
    judged: benches.judged,
    lines: await linesOf(setting, benches, merged),
    compared: ranked.map(({ judged }) => judged),
  };
  return { result, space: merged.space, values: merged.values };
}

interface Run {
  readonly merged: Merged;
  readonly judged: LossByMethod;
  /** Of methods by curvature. */
  readonly rises?: MergeResult["rises"];
}

async function runMethod(
  recipe: Recipe,
  options: RunOptions,
  setting: MergeSetting,
  benches: Benches,
  method: MergeMethodName,
): Promise<Run> {
  const started = performance.now();
  let rises: MergeResult["rises"] | undefined;
  let apart = 0;
  const inspect = async (merged: Merged): Promise<void> => {
    const before = performance.now();
    rises = await risesOf(setting, merged);
    apart = performance.now() - before;
  };
  const merged = await mergeModels(setting, {
    ...methodOptions(recipe, setting, method),
    ...(await anchorModel(recipe, options)),
    inspect,
  });
  const seconds = (performance.now() - started - apart) / 1000;
  const judged = await judgeMerge(setting, benches, merged, seconds);
  return { merged, judged, ...(rises ? { rises } : {}) };
}

const measureOf = ({ mean, worst }: LossByMethod, { select }: Recipe): number => (select === "worst" ? worst : mean);

async function anchorModel(recipe: Recipe, options: RunOptions): Promise<Pick<MergeOptions, "anchor">> {
  const anchor = recipe.parameters?.anchor;
  if (typeof anchor !== "object") return anchor ? { anchor } : {};
  return { anchor: await readModel(pathOf(anchor.model, options)) };
}

function describe(
  setting: MergeSetting,
  { method, space, curvature, match, choices, notes }: Merged,
): Omit<MergeResult, "rises" | "judged" | "lines" | "compared"> {
  const { tasks } = setting;
  const permuted = permutedParameters(tasks).map(
    ({ model, parameter, moved }) =>
      `${model}: ${Math.round(100 * moved)} % of "${parameter}" stands elsewhere in ${tasks[0]?.name}: its units look permuted, and merging mixes unrelated ones unless the recipe says "align: true"`,
  );
  const given = tasks.map(({ weight }) => weight ?? 1);
  const total = given.reduce((sum, w) => sum + w, 0);
  const chosen = curvature && "relativeDamping" in curvature ? curvature : undefined;
  return {
    method,
    tasks: tasks.map(({ name }) => name),
    weights: [...(curvature?.weights ?? given.map((w) => w / total))],
    parameters: space.parameters.map(({ name }) => name),
    layers: layersOf(space).map(({ layer }) => layer),
    notes: [...(setting.notes ?? []), ...notes, ...permuted],
    damping: chosen
      ? {
          relative: chosen.relativeDamping,
          absolute: chosen.damping,
          chosenBy: chosen.chosenBy,
          curve: chosen.curve.map(({ regulariser, value }) => ({ damping: regulariser, value })),
        }
      : null,
    choices: choices.map(({ curve, ...choice }) => ({ ...choice, curve: curve.map((point) => ({ ...point })) })),
    objective: curvature ? { ...curvature.objective, tasks: [...curvature.objective.tasks] } : null,
    solve: curvature?.solve ?? null,
    match: match
      ? {
          before: match.before,
          after: match.after,
          fewestRows: match.fewestRows,
          steps: match.steps.map(({ divergence, heldOut, damping, length }) => ({
            divergence,
            heldOut,
            damping,
            length,
          })),
        }
      : null,
  };
}
