/** Opens what a recipe names: models, data, artefacts. */
import { basename } from "node:path";
import { type Dataset, datasetFromFile, isParameterRole, lossByName, type OnnxModel } from "@hessonite/core";
import { loadCurvature } from "../curvature/artefact.ts";
import { spaceOf, vectorOf } from "../job/space.ts";
import type { MergeSetting, MergeTask } from "../job/task.ts";
import { alignedModels, type ModelOpening, pathOf, plainModels } from "./openModels.ts";
import { matches, type ParameterValue } from "./parameterValue.ts";
import type { Recipe, RecipeData } from "./recipe.ts";
import type { RunOptions } from "./runRecipe.ts";

export async function settingOf(recipe: Recipe, options: RunOptions): Promise<MergeSetting> {
  const { engine, memory, signal } = options;
  const opening = recipe.align ? await alignedModels(recipe, options) : plainModels;
  const tasks: MergeTask[] = [];
  const names = recipe.models.map(({ name, model }) => name ?? basename(model, ".onnx"));
  for (const [i, entry] of recipe.models.entries()) {
    const name = names[i] ?? "";
    tasks.push(await taskOf(recipe, options, opening, entry, names.indexOf(name) === i ? name : `${name} (${i + 1})`));
  }
  return {
    tasks,
    loss: lossByName(recipe.loss),
    engine,
    ...(await baseOf(recipe, options, opening)),
    ...selectionOf(recipe),
    notes: opening.notes,
    ...(recipe.output === undefined ? {} : { output: recipe.output }),
    ...(memory ? { memory } : {}),
    ...(signal ? { signal } : {}),
  };
}

async function taskOf(
  recipe: Recipe,
  options: RunOptions,
  { open: openModel }: ModelOpening,
  entry: Recipe["models"][number],
  name: string,
): Promise<MergeTask> {
  const model = await openModel(pathOf(entry.model, options));
  const weight = plainWeight(entry.parameters?.weight ?? recipe.parameters?.weight);
  return {
    name,
    model,
    ...(entry.data ? { data: await open(entry.data, model, options) } : {}),
    ...(entry.held_out ? { heldOut: await open(entry.held_out, model, options) } : {}),
    ...(entry.curvature ? { curvature: await artefactOf(recipe, name, model, pathOf(entry.curvature, options)) } : {}),
    ...(weight === undefined ? {} : { weight }),
  };
}

async function baseOf(
  recipe: Recipe,
  options: RunOptions,
  { open: openModel }: ModelOpening,
): Promise<Pick<MergeSetting, "base" | "baseData" | "baseCurvature">> {
  if (!recipe.base_model) return {};
  const given = typeof recipe.base_model === "string" ? { model: recipe.base_model } : recipe.base_model;
  const base = await openModel(pathOf(given.model, options));
  return {
    base,
    ...(given.data ? { baseData: await open(given.data, base, options) } : {}),
    ...(given.curvature
      ? { baseCurvature: await artefactOf(recipe, "base", base, pathOf(given.curvature, options)) }
      : {}),
  };
}

/** Which initializers are merged: the named ones or those with a parameter's role, without the heads. */
function selectionOf({ tensors, heads }: Recipe): Pick<MergeSetting, "parameters" | "heads"> {
  if (!heads) return tensors ? { parameters: tensors } : {};
  const isHead = (name: string): boolean => heads.some((glob) => matches(glob, name));
  const named = (name: string): boolean => !tensors || tensors.some((glob) => matches(glob, name));
  return {
    heads: isHead,
    parameters: ({ initializer: { name }, role }) => (tensors ? named(name) : isParameterRole(role)) && !isHead(name),
  };
}

/** A weight that is one number weights tasks too, in methods by curvature. */
function plainWeight(value: ParameterValue | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}

const defaultBatch = 256;

function open(data: RecipeData, model: OnnxModel, options: RunOptions): Promise<Dataset> {
  const {
    file,
    batch_size = defaultBatch,
    rows,
    target,
    weights,
    mask,
    scale,
  } = typeof data === "string" ? { file: data } : data;
  const fixed = model.inputs.map((port) => port.shape?.[0]).find((d) => typeof d === "number");
  return datasetFromFile(pathOf(file, options), {
    modelInputs: inputsOf(model),
    batchSize: fixed === undefined ? batch_size : Math.min(batch_size, fixed),
    target,
    weights,
    mask,
    scale,
    signal: options.signal,
    ...(rows ? { rows: { start: rows[0], end: rows[1] } } : {}),
  });
}

function inputsOf(model: OnnxModel): Parameters<typeof datasetFromFile>[1]["modelInputs"] {
  return model.inputs.map(({ name, dtype, shape }) => ({
    name,
    dtype,
    ...(shape ? { shape: shape.map((d) => (typeof d === "number" ? d : null)) } : {}),
  }));
}

/** Shapes of a model's inputs without rows, open lengths null. */
export function inputShapes(model: OnnxModel): Record<string, (number | null)[]> {
  return Object.fromEntries(
    model.inputs.map(({ name, shape }) => [
      name,
      (shape ?? []).slice(1).map((d) => (typeof d === "number" ? d : null)),
    ]),
  );
}

function artefactOf(recipe: Recipe, name: string, model: OnnxModel, path: string): ReturnType<typeof loadCurvature> {
  const space = spaceOf(model, selectionOf(recipe).parameters);
  return loadCurvature(path, {
    name,
    space,
    values: vectorOf(space, model),
    lossName: recipe.loss,
    inputs: inputShapes(model),
  });
}
