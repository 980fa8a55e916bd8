/** Merges by the tasks' quadratics: measured or read, damping, anchor, task weights and layers chosen, then solved. */
import { type OnnxModel, type ParameterSpace, UsageError, type Vector } from "@hessonite/core";
import {
  type Anchor,
  type CurvatureMerge,
  exactSize,
  mergeByCurvature,
  objectiveAt,
} from "../curvature/mergeByCurvature.ts";
import type { CurvatureKind, TaskCurvature } from "../curvature/task.ts";
import { weightedMean } from "../curvature/vectors.ts";
import type { Choice } from "./choices.ts";
import { mergeAtBest, type Place, type Placed } from "./damping.ts";
import { heldOutJudge, type Judge } from "./judge.ts";
import { chooseLayerCoefficients } from "./layerCoefficients.ts";
import { baseCurvatureOf, curvatureOfTask } from "./measureTask.ts";
import { type CurvatureMethodName, curvatureOf, defaultChoices, type Merged, type MergeOptions } from "./options.ts";
import { vectorOf } from "./space.ts";
import { type MergeSetting, weightsOf } from "./task.ts";
import { chooseTaskWeights } from "./taskWeights.ts";

type Method = CurvatureMethodName | "gradient-matching";

export async function byCurvature(
  setting: MergeSetting,
  options: MergeOptions,
  method: Method,
  space: ParameterSpace,
): Promise<Merged> {
  const kind = kindOf(setting, method);
  const held: AsyncDisposable[] = [];
  try {
    const tasks: TaskCurvature[] = [];
    for (const task of setting.tasks) tasks.push(await curvatureOfTask(setting, options, kind, task, held));
    const base = method === "gradient-matching" ? await baseCurvatureOf(setting, options, kind, held) : undefined;
    const judge = needsJudge(setting, options) ? await heldOutJudge(setting, options.metric ?? "mean") : undefined;
    if (judge) held.unshift(judge);
    const { merge, place, choices, notes } = await chosen(setting, options, { tasks, base, judge });
    const { values, layers } = await byLayers(options, space, merge, place, tasks, judge);
    const moved = values !== merge.values;
    const objective = moved ? await objectiveAt(tasks, values, quadraticOf(merge, place)) : merge.objective;
    const curvature = { ...merge, values, objective, tasks };
    const merged = { method, space, values, curvature, choices: [...choices, ...layers], notes };
    await options.inspect?.(merged);
    return merged;
  } finally {
    for (const one of held) await one[Symbol.asyncDispose]();
  }
}

/** Gradient matching takes any curvature: that of the artefacts, KFAC unless there are some. */
function kindOf({ tasks, baseCurvature }: MergeSetting, method: Method): CurvatureKind {
  if (method !== "gradient-matching") return curvatureOf(method);
  return [...tasks.map(({ curvature }) => curvature), baseCurvature].find((one) => one)?.kind ?? "kfac";
}

function needsJudge({ base }: MergeSetting, { damping, anchor, choose = defaultChoices }: MergeOptions): boolean {
  const open = { damping: damping === undefined, anchor: base && anchor === undefined, weights: true, layers: true };
  return choose.some((name) => open[name]);
}

interface Parts {
  readonly tasks: readonly TaskCurvature[];
  readonly base: TaskCurvature | undefined;
  readonly judge: Judge | undefined;
}

interface Chosen {
  readonly merge: Placed;
  readonly place: Place;
  readonly choices: readonly Choice[];
  readonly notes: readonly string[];
}

const byEvidence = "no held-out data: damping and anchor are what the quadratic model's own evidence says";
const asGiven = "no held-out data: task weights and layers stay as they are";

async function chosen(setting: MergeSetting, options: MergeOptions, parts: Parts): Promise<Chosen> {
  const { tasks, judge } = parts;
  const { choose = defaultChoices } = options;
  const places = placesOf(setting, options, parts);
  const shares = weightsOf(setting) ?? tasks.map(({ rows }) => rows);
  const solve = (damping: number, place: Place, factors: readonly number[]): Promise<CurvatureMerge> =>
    mergeByCurvature(tasks, {
      weights: shares.map((weight, i) => weight * (factors[i] ?? 1)),
      ...solverOptions(options, tasks),
      anchor: { damping, relative: true, ...pointOf(place) },
      ...(setting.signal ? { signal: setting.signal } : {}),
    });
  const equal = tasks.map(() => 1);
  const found = await mergeAtBest(
    tasks,
    places,
    remembered((damping, place) => solve(damping, place, equal)),
    judge,
    options.damping ?? (choose.includes("damping") ? undefined : unchosenDamping),
  );
  const notes = [
    ...(found.chosenBy === "evidence" || found.choices.some(({ by }) => by === "evidence") ? [byEvidence] : []),
    ...(!judge && (choose.includes("weights") || choose.includes("layers")) ? [asGiven] : []),
  ];
  if (!judge || !choose.includes("weights")) return { merge: found, place: found.place, choices: found.choices, notes };
  const at = (factors: readonly number[]): Promise<CurvatureMerge> =>
    factors.every((factor) => factor === 1)
      ? Promise.resolve(found)
      : solve(found.relativeDamping, found.place, factors);
  const names = tasks.map(({ name }) => name);
  const { factors, choices } = await chooseTaskWeights(names, async (tried) => (await at(tried)).values, judge);
  const merge = { ...found, ...(await at(factors)) };
  return { merge, place: found.place, choices: [...found.choices, ...choices], notes };
}

/** Small systems are solved exactly, as mergeByCurvature does; in large ones a merge is as good at 1e-3. */
function solverOptions(
  { relativeTolerance, maxIterations }: MergeOptions,
  [first]: readonly TaskCurvature[],
): Pick<MergeOptions, "relativeTolerance" | "maxIterations"> {
  const usual = (first?.space.size ?? 0) <= exactSize ? {} : { relativeTolerance: 1e-3, maxIterations: 100 };
  return {
    ...usual,
    ...(relativeTolerance === undefined ? {} : { relativeTolerance }),
    ...(maxIterations === undefined ? {} : { maxIterations }),
  };
}

/** δ relative to the mean curvature where it is neither given nor to be chosen. */
const unchosenDamping = 1e-3;

function remembered(
  mergeAt: (damping: number, place: Place) => Promise<CurvatureMerge>,
): (damping: number, place: Place) => Promise<CurvatureMerge> {
  const known = new Map<string, CurvatureMerge>();
  return async (damping, place) => {
    const key = `${damping} ${place.name}`;
    const merge = known.get(key) ?? (await mergeAt(damping, place));
    known.set(key, merge);
    return merge;
  };
}

/** The anchor that is given, or those that are to choose from. */
function placesOf(
  { base: model }: MergeSetting,
  { anchor, choose = defaultChoices }: MergeOptions,
  { tasks, base }: Parts,
): readonly [Place, ...Place[]] {
  const space = tasks[0]?.space;
  const curved = base ? { base } : {};
  const at = (found: OnnxModel): Pick<Place, "at" | "base"> => ({
    ...(space ? { at: vectorOf(space, found) } : {}),
    ...curved,
  });
  if (anchor === "base") {
    if (model) return [{ name: "base", ...at(model) }];
    throw new UsageError("Cannot anchor the merge to the base as no base model is given", {
      try: "add a base model, or anchor to the average",
    });
  }
  if (typeof anchor === "object") return [{ name: "the given model", ...at(anchor) }];
  const average: Place = { name: "average", ...curved };
  if (anchor === "average" || base || !model || !choose.includes("anchor")) return [average];
  return [average, { name: "base", ...at(model) }];
}

function pointOf({ at, base }: Place): Pick<Anchor, "at" | "base"> {
  return { ...(at ? { at } : {}), ...(base ? { base } : {}) };
}

/** What the merge minimised, its damping in units of curvature. */
function quadraticOf({ damping, weights }: CurvatureMerge, place: Place): Parameters<typeof objectiveAt>[2] {
  return { weights, anchor: { damping, ...pointOf(place) } };
}

async function byLayers(
  { choose = defaultChoices }: MergeOptions,
  space: ParameterSpace,
  merge: Placed,
  { at }: Place,
  tasks: readonly TaskCurvature[],
  judge: Judge | undefined,
): Promise<{ readonly values: Vector; readonly layers: readonly Choice[] }> {
  if (!judge || !choose.includes("layers")) return { values: merge.values, layers: [] };
  const average = weightedMean(
    tasks.map(({ values }) => values),
    merge.weights,
  );
  const { values, choices } = await chooseLayerCoefficients(space, at ?? average, merge.values, judge);
  return { values, layers: choices };
}
