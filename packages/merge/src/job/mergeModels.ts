/**
 * Merges models by a named method: the one door to all of them.
 *
 * | methods                                                   | need |
 * |-----------------------------------------------------------|------|
 * | those of weights/methods.ts                               | weights, some the base |
 * | fisher, regmean, kfac, ekfac, block-diagonal, ggn         | data (labels for `empirical` alone) or curvature artefacts |
 * | regmean++                                                 | data |
 * | gradient-matching                                         | data of the tasks and of the base, or artefacts |
 * | function                                                  | unlabelled data, some hundred rows a task |
 */
import { type ParameterSpace, UsageError } from "@hessonite/core";
import { requireSameArchitecture } from "../models/sameArchitecture.ts";
import type { WeightMethodName } from "../weights/methods.ts";
import { byCurvature } from "./byCurvature.ts";
import { byFunctions } from "./byFunctions.ts";
import { type Knobs, type Maker, withChoices } from "./byHeldOut.ts";
import { lacksData } from "./measureTask.ts";
import { mergeWeights } from "./mergeWeights.ts";
import { isWeightMethod, type Merged, type MergeOptions } from "./options.ts";
import { regmeanPlus } from "./regmeanPlus.ts";
import { spaceOf } from "./space.ts";
import { type MergeSetting, weightsOf } from "./task.ts";

/**
 * @throws {MismatchError} if the models differ in graph or parameters, or an artefact is of another model or kind.
 * @throws {UsageError} if the method lacks what it needs.
 */
export async function mergeModels(setting: MergeSetting, options: MergeOptions): Promise<Merged> {
  const { tasks, base, heads } = setting;
  requireSameArchitecture([...tasks, ...(base ? [{ name: "base", model: base }] : [])], heads ? { heads } : {});
  const [first] = tasks;
  if (!first) throw new UsageError("Cannot merge as there are no models");
  const space = spaceOf(first.model, setting.parameters);
  const { method } = options;
  if (isWeightMethod(method)) return withChoices(setting, options, space, weightsAlone(method));
  if (method === "function") return withChoices(setting, options, space, byFunctions);
  if (method === "regmean++") return withChoices(setting, options, space, layerwise);
  return byCurvature(setting, options, method, space);
}

function weightsAlone(method: WeightMethodName): Maker {
  return async (setting, { weightParameters }, space, { factors }) => {
    const values = mergeWeights(setting, space, method, weightParameters, factors);
    return { method, space, values, choices: [], notes: [] };
  };
}

async function layerwise(
  setting: MergeSetting,
  options: MergeOptions,
  space: ParameterSpace,
  { factors, damping = options.damping ?? 1e-3 }: Knobs,
): Promise<Merged> {
  const lacking = setting.tasks.find(({ data }) => !data);
  if (lacking) throw lacksData(lacking.name, "regmean++");
  const weights = weightsOf(setting);
  const values = await regmeanPlus(setting, {
    offDiagonal: options.offDiagonal ?? 0.9,
    damping,
    factors,
    ...(weights ? { weights } : {}),
  });
  return { method: "regmean++", space, values, choices: [], notes: [] };
}
