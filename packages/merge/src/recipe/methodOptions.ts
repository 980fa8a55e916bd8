/** A recipe's parameters as the methods take them. */
import { type OnnxModel, UsageError } from "@hessonite/core";
import type { FisherKind } from "../curvature/fisherDiagonal.ts";
import { isWeightMethod, type MergeMethodName, type MergeOptions } from "../job/options.ts";
import { spaceOf } from "../job/space.ts";
import type { MergeSetting } from "../job/task.ts";
import { type Place, placesOf } from "../models/layers.ts";
import { defaultParameters, type WeightParameters } from "../weights/methods.ts";
import { type ParameterValue, valueAt } from "./parameterValue.ts";
import type { Recipe } from "./recipe.ts";

export function methodOptions(recipe: Recipe, setting: MergeSetting, method: MergeMethodName): MergeOptions {
  const { parameters: p = {}, select } = recipe;
  if (!isWeightMethod(method)) requirePlainWeights(recipe, method);
  const places = placesOf(
    spaceOf(setting.tasks[0]?.model as OnnxModel, setting.parameters).parameters.map(({ name }) => name),
  );
  return {
    method,
    metric: select,
    ...(recipe.choose ? { choose: recipe.choose } : {}),
    weightParameters: (tensor) =>
      weightParameters(recipe, places.find(({ name }) => name === tensor) ?? { name: tensor, layer: tensor, depth: 0 }),
    ...(p.fisher ? { fisher: fisherOf(p.fisher, p.fisher_samples, p.seed) } : {}),
    ...(p.off_diagonal === undefined ? {} : { offDiagonal: p.off_diagonal }),
    ...(p.damping === undefined ? {} : { damping: p.damping }),
    ...(p.tolerance === undefined ? {} : { relativeTolerance: p.tolerance }),
    ...(p.max_iterations === undefined ? {} : { maxIterations: p.max_iterations }),
    ...(p.steps === undefined ? {} : { steps: p.steps }),
  };
}

/** @throws {UsageError} if a weight differs by layer: in a quadratic or a divergence a task has one. */
function requirePlainWeights({ models, parameters }: Recipe, method: MergeMethodName): void {
  const at = models.findIndex((model) => {
    const weight = model.parameters?.weight ?? parameters?.weight;
    return weight !== undefined && typeof weight !== "number";
  });
  if (at < 0) return;
  throw new UsageError(`Cannot weight tasks by layer as ${method} takes one weight a task`, {
    at: `models › ${at} › parameters › weight`,
    try: "a number, or `choose: [layers]`",
  });
}

function fisherOf(fisher: "type-2" | "mc" | "empirical", samples = 1, seed = 0): FisherKind {
  return fisher === "mc" ? { fisher, samples, seed } : { fisher };
}

/** A recipe's parameters at one tensor; what is said of a model goes before what is said of all. */
function weightParameters({ models, parameters: p = {} }: Recipe, place: Place): WeightParameters {
  const numberAt = (value: ParameterValue | undefined, key: string, otherwise: number): number =>
    value === undefined ? otherwise : Number(valueAt(value, place, key));
  return {
    weight: models.map((model) => numberAt(model.parameters?.weight ?? p.weight, "weight", 1)),
    density: models.map((model) => numberAt(model.parameters?.density ?? p.density, "density", 1)),
    t: numberAt(p.t, "t", defaultParameters.t),
    lambda: numberAt(p.lambda, "lambda", defaultParameters.lambda),
    gamma: numberAt(p.gamma, "gamma", defaultParameters.gamma),
    epsilon: numberAt(p.epsilon, "epsilon", defaultParameters.epsilon),
    rowWise: p.nuslerp_row_wise ?? defaultParameters.rowWise,
    flatten: p.nuslerp_flatten ?? defaultParameters.flatten,
    filterWise: p.filter_wise ?? defaultParameters.filterWise,
    seed: p.seed ?? defaultParameters.seed,
    ...(p.normalize === undefined ? {} : { normalize: p.normalize }),
    ...(p.rescale === undefined ? {} : { rescale: p.rescale }),
  };
}
