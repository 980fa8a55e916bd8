/** Choices on held-out data for methods that have no quadratics: damping where there is one, task weights, layers. */
import type { ParameterSpace, Vector } from "@hessonite/core";
import { bestOnGrid, type Choice, worth } from "./choices.ts";
import { dampingGrid } from "./damping.ts";
import { heldOutJudge, type Judge } from "./judge.ts";
import { chooseLayerCoefficients } from "./layerCoefficients.ts";
import { mergeWeights } from "./mergeWeights.ts";
import { defaultChoices, type Merged, type MergeMethodName, type MergeOptions } from "./options.ts";
import { vectorOf } from "./space.ts";
import type { MergeSetting } from "./task.ts";
import { chooseTaskWeights } from "./taskWeights.ts";

/** What a single merge by such a method is told. */
export interface Knobs {
  /** What each task's weight is multiplied by. */
  readonly factors: readonly number[];
  /** δ relative to the mean curvature; the method's own unless given. */
  readonly damping?: number;
}

export type Maker = (
  setting: MergeSetting,
  options: MergeOptions,
  space: ParameterSpace,
  knobs: Knobs,
) => Promise<Merged>;

/** These take no weights. */
const unweighted: readonly MergeMethodName[] = ["slerp", "model_stock"];

/** What of the recipe's choices the method leaves open; the average is a baseline and leaves nothing. */
function openIn({ method, damping, choose = defaultChoices }: MergeOptions): {
  damping: boolean;
  weights: boolean;
  layers: boolean;
} {
  const asked = (name: "damping" | "weights" | "layers"): boolean => method !== "average" && choose.includes(name);
  return {
    damping: method === "regmean++" && damping === undefined && asked("damping"),
    weights: !unweighted.includes(method) && asked("weights"),
    layers: asked("layers"),
  };
}

const asGiven = "no held-out data: task weights and layers stay as they are";

export async function withChoices(
  setting: MergeSetting,
  options: MergeOptions,
  space: ParameterSpace,
  make: Maker,
): Promise<Merged> {
  const open = openIn(options);
  const equal = setting.tasks.map(() => 1);
  if (!Object.values(open).includes(true)) return make(setting, options, space, { factors: equal });
  await using judge = await heldOutJudge(setting, options.metric ?? "mean");
  if (!judge) {
    const merged = await make(setting, options, space, { factors: equal });
    return open.weights || open.layers ? { ...merged, notes: [...merged.notes, asGiven] } : merged;
  }
  const choices: Choice[] = [];
  let knobs: Knobs = { factors: equal };
  const at = (changes: Partial<Knobs>): Promise<Merged> => make(setting, options, space, { ...knobs, ...changes });
  if (open.damping) {
    const found = await bestOnGrid(dampingGrid, async (damping) => worth(judge, (await at({ damping })).values));
    const curve = found.curve.map(({ regulariser, value }) => ({ at: regulariser, value }));
    choices.push({ what: "damping", of: "", by: "held-out data", chosen: found.regulariser, curve });
    knobs = { ...knobs, damping: found.regulariser };
  }
  if (open.weights) {
    const names = setting.tasks.map(({ name }) => name);
    const found = await chooseTaskWeights(names, async (factors) => (await at({ factors })).values, judge);
    choices.push(...found.choices);
    knobs = { ...knobs, factors: found.factors };
  }
  const merged = await at({});
  const layers = open.layers ? await byLayers(setting, space, merged.values, judge) : undefined;
  return {
    ...merged,
    values: layers?.values ?? merged.values,
    choices: [...choices, ...(layers?.choices ?? [])],
  };
}

/** Layers go from the base, or without one from the average. */
function byLayers(
  setting: MergeSetting,
  space: ParameterSpace,
  merged: Vector,
  judge: Judge,
): ReturnType<typeof chooseLayerCoefficients> {
  const origin = setting.base ? vectorOf(space, setting.base) : mergeWeights(setting, space, "average");
  return chooseLayerCoefficients(space, origin, merged, judge);
}
