/**
 * Fits in files: safetensors with the curvature's arrays, and a manifest in their metadata.
 *
 * A fit is loaded for a model: names, shapes and values of the weights must be those that it was made for.
 */
import { createHash } from "node:crypto";
import {
  layersIfAll,
  MismatchError,
  type Problem,
  readTensors,
  type Tensor,
  UsageError,
  writeSafetensors,
} from "@hessonite/core";
import { z } from "zod";
import { type Laplace, precisionScale } from "./fit.ts";
import { likelihoodByName, likelihoodNames } from "./likelihood/byName.ts";
import type { Likelihood } from "./likelihood/likelihood.ts";
import { diagonalCurvature } from "./posterior/diagonal.ts";
import { fullCurvature } from "./posterior/full.ts";
import { type Curvature, structures } from "./posterior/posterior.ts";
import { embedded, spaceOf } from "./posterior/subnetwork.ts";
import { priorKinds, priorOf } from "./prior.ts";
import { asMatrix, asVector, forms, indices, vector } from "./storedForms.ts";

const version = 1;

const manifestSchema = z.object({
  version: z.literal(version),
  kind: z.literal("laplace"),
  weights: z.string(),
  parameters: z.array(z.string()),
  output: z.string(),
  likelihood: z.enum([...likelihoodNames, "custom"]),
  structure: z.enum(structures),
  loss: z.number(),
  entries: z.number(),
  rows: z.number(),
  base: z.number(),
  noise: z.number(),
  temperature: z.number(),
  prior: z.object({ kind: z.enum(priorKinds), precision: z.array(z.number()) }),
  /** What the structure needs beside its arrays. */
  facts: z.any(),
  progress: z.object({ done: z.number(), rows: z.number() }).optional(),
});

type Manifest = z.output<typeof manifestSchema>;

/** How far a fit in parts has come. */
export interface Progress {
  /** Rows that are in it, from the first on. */
  readonly done: number;
  /** Rows of the data in all. */
  readonly rows: number;
}

/** Writes a fit, whole or not at all. */
export async function saveLaplace(path: string, fit: Laplace, progress?: Progress): Promise<void> {
  const { curvature, problem, likelihood, loss, entries, rows, base, noise, temperature, prior, gradient } = fit;
  const { subnetwork } = curvature;
  const { arrays, facts } = forms[curvature.structure].store(subnetwork?.inner ?? curvature);
  const manifest: z.input<typeof manifestSchema> = {
    version,
    kind: "laplace",
    weights: weightsHash(problem),
    parameters: problem.space.parameters.map(({ name }) => name),
    output: problem.output,
    likelihood: likelihood.name as Manifest["likelihood"],
    structure: curvature.structure,
    loss,
    entries,
    rows,
    base,
    noise,
    temperature,
    prior: { kind: prior.groups.kind, precision: [...prior.precision] },
    facts,
    ...(progress && { progress: { ...progress } }),
  };
  const all = {
    ...arrays,
    gradient: vector(gradient),
    ...(subnetwork && { subnetwork: indices(subnetwork.indices) }),
  };
  await writeSafetensors(path, new Map(Object.entries(all)), { metadata: { hessonite: JSON.stringify(manifest) } });
}

/**
 * The parameters and the output that a stored fit is of: what a problem for it is made with.
 *
 * @param custom The likelihood of a fit that has one of its own: files know the others by name.
 */
export async function storedChoice(
  path: string,
  custom?: Likelihood,
): Promise<{
  readonly parameters: readonly string[];
  readonly output: string;
  readonly likelihood: Likelihood;
  readonly progress: Progress | undefined;
}> {
  const { parameters, output, likelihood, progress } = await manifestOf(path);
  return { parameters, output, likelihood: likelihoodOf(likelihood, custom, path), progress };
}

function likelihoodOf(name: Manifest["likelihood"], custom: Likelihood | undefined, at: string): Likelihood {
  if (name !== "custom") return likelihoodByName(name);
  if (custom) return custom;
  throw new UsageError("Cannot read a posterior as its likelihood is a graph that the file does not hold", {
    at,
    try: "give the likelihood it was fitted with",
  });
}

/**
 * Reads a fit for a problem, which stays the caller's to release; its data serve shapes alone.
 *
 * @throws {UsageError} if the file holds no fit.
 * @throws {MismatchError} if it is of another model: other names, shapes or values of the weights.
 */
export async function loadLaplace(path: string, problem: Problem, custom?: Likelihood): Promise<Laplace> {
  const manifest = await manifestOf(path);
  const expected = weightsHash(problem);
  if (manifest.weights !== expected) {
    throw new MismatchError("Cannot use the posterior as it is of another model or checkpoint", {
      at: path,
      expected: `${expected.slice(0, 12)}…`,
      found: `${manifest.weights.slice(0, 12)}…`,
      try: "fit it again for this model",
    });
  }
  const file = await readTensors(path);
  const arrays = new Map<string, Tensor>();
  for (const [name, stored] of file.tensors) arrays.set(name, await stored.read());
  const curvature = await curvatureOf(arrays, manifest, problem);
  const { loss, entries, rows, base, noise, temperature } = manifest;
  const prior = priorOf(curvature.groups(manifest.prior.kind), manifest.prior.precision);
  const mean = new Float64Array(problem.space.size);
  problem.space.parameters.forEach(({ offset }, i) => {
    mean.set(problem.values[i]!.data, offset);
  });
  return {
    curvature,
    loss,
    entries,
    rows,
    base,
    noise,
    temperature,
    prior,
    mean,
    gradient: Float64Array.from(arrays.get("gradient")!.data),
    likelihood: likelihoodOf(manifest.likelihood, custom, path),
    problem,
    posterior: await curvature.posterior(precisionScale({ noise, temperature }), prior),
    async [Symbol.asyncDispose]() {},
  };
}

async function curvatureOf(
  arrays: ReadonlyMap<string, Tensor>,
  { structure, facts }: Manifest,
  problem: Problem,
): Promise<Curvature> {
  const array = (name: string): Tensor => arrays.get(name)!;
  const chosen = arrays.get("subnetwork");
  if (!chosen) return forms[structure].load(array, facts, problem);
  const places = Int32Array.from(chosen.data);
  const own = spaceOf(places, problem.space);
  const inner =
    structure === "full"
      ? fullCurvature(asMatrix(array("h")), own)
      : diagonalCurvature(asVector(array("diagonal")), own);
  return embedded(inner, places, problem.space.size, layersIfAll(problem));
}

async function manifestOf(path: string): Promise<Manifest> {
  const { metadata } = await readTensors(path);
  const text = metadata?.["hessonite"];
  const parsed = manifestSchema.safeParse(text === undefined ? undefined : JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new UsageError("Cannot read a posterior as the file has no manifest of one", {
    at: path,
    try: "give a file that saveLaplace wrote",
  });
}

/** SHA-256 of names, shapes and values of the model's weights, those that are certain too, and of which are not. */
function weightsHash({ choices }: Pick<Problem, "choices">): string {
  const hash = createHash("sha256");
  for (const { initializer, chosen } of choices) {
    hash.update(`${initializer.name} ${initializer.shape.join(",")} ${chosen}\n`);
    hash.update(new Uint8Array(Float64Array.from(initializer.read().data).buffer));
  }
  return hash.digest("hex");
}
