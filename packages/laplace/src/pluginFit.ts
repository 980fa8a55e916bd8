/** The fit that the plugin's options ask for: measured, read from a file, gone on with, or brought up to date. */
import { createProblem, type Dataset, type Engine, type OnnxModel, readModel, UsageError } from "@hessonite/core";
import { type FitOptions, fitLaplace, type Laplace, withHyperparameters } from "./fit.ts";
import { likelihoodByName } from "./likelihood/byName.ts";
import { customLikelihood } from "./likelihood/custom.ts";
import type { Likelihood } from "./likelihood/likelihood.ts";
import { mergeFits } from "./merge.ts";
import type { LaplaceOptions } from "./pluginSchema.ts";
import type { Subnetwork } from "./posterior/subnetwork.ts";
import { fitInParts, updateLaplace } from "./resume.ts";
import { loadLaplace, storedChoice } from "./store.ts";
import { tuneByEvidence } from "./tune.ts";
import { tuneByHeldOut } from "./tuneHeldOut.ts";

export interface FitRequest {
  readonly model: OnnxModel;
  readonly options: LaplaceOptions;
  readonly engine: Engine;
  readonly signal: AbortSignal;
  readonly train: Dataset | undefined;
  /** For shapes, where there are no training rows. */
  readonly heldOut: Dataset | undefined;
}

/** @throws {UsageError} if there is neither a training set nor a saved fit. */
export async function requestedFit(request: FitRequest): Promise<Laplace> {
  const { model, options, engine, signal, train } = request;
  const likelihood = await likelihoodOf(options);
  const [first, ...others] = options.fit ?? [];
  if (first !== undefined) return fromFiles(request, [first, ...others], likelihood);
  if (!train) {
    throw new UsageError("Cannot fit as there are no training rows", {
      try: "give the training data, or a fit that was saved",
    });
  }
  const { structure, weights, bias, rank, subset, probes, steps, output, seed, checkpoint, rowsAtOnce } = options;
  const subnetwork = subnetworkOf(options);
  const wanted: FitOptions = {
    model,
    data: train,
    likelihood,
    structure,
    weights,
    bias,
    rank,
    subset,
    probes,
    steps,
    seed,
    engine,
    signal,
    ...(subnetwork && { subnetwork }),
    ...(output === undefined ? {} : { output }),
  };
  return checkpoint === undefined ? fitLaplace(wanted) : fitInParts({ ...wanted, checkpoint, rowsAtOnce });
}

async function likelihoodOf({ likelihood, lossGraph, convex }: LaplaceOptions): Promise<Likelihood> {
  if (likelihood !== "custom") return likelihoodByName(likelihood);
  if (lossGraph !== undefined) return customLikelihood(await readModel(lossGraph), { convex });
  throw new UsageError("Cannot use a custom likelihood as its loss was not given", {
    try: "an ONNX file (prediction, target) → terms as the loss graph",
  });
}

function subnetworkOf({ subnetwork, subnetworkSize, subnetworkIndices, seed }: LaplaceOptions): Subnetwork | undefined {
  if (subnetwork === undefined) return undefined;
  if (subnetwork === "given") return { by: "given", indices: subnetworkIndices ?? [] };
  return { by: subnetwork, count: subnetworkSize, seed };
}

/** Saved fits as one, over a problem of the rows at hand, and training rows added. */
async function fromFiles(
  { model, engine, signal, train, heldOut }: FitRequest,
  [first, ...others]: readonly [string, ...string[]],
  likelihood: Likelihood,
): Promise<Laplace> {
  const data = train ?? heldOut;
  if (!data) {
    throw new UsageError("Cannot use a saved fit as there are no rows that show the model's shapes", {
      at: first,
      try: "give held-out or training rows",
    });
  }
  const stored = await storedChoice(first, likelihood);
  if (stored.likelihood.name !== likelihood.name) {
    throw new UsageError("Cannot use a saved fit as its likelihood is another one", {
      at: first,
      expected: likelihood.name,
      found: stored.likelihood.name,
    });
  }
  const problem = await createProblem({
    model,
    data,
    loss: likelihood.loss,
    engine,
    parameters: stored.parameters,
    output: stored.output,
    checks: { deterministic: false, independent: false },
    signal,
  });
  try {
    const loaded: Laplace[] = [];
    for (const path of [first, ...others]) loaded.push(await loadLaplace(path, problem, likelihood));
    const together = others.length > 0 ? await mergeFits(loaded) : loaded[0]!;
    const fit = train ? await updateLaplace(together, train, { signal }) : together;
    return { ...fit, [Symbol.asyncDispose]: () => problem[Symbol.asyncDispose]() };
  } catch (error) {
    await problem[Symbol.asyncDispose]();
    throw error;
  }
}

export interface Tuning {
  readonly fit: Laplace;
  /** What chose the hyperparameters. */
  readonly by: string;
  readonly note?: string;
}

/** Hyperparameters as given, and tuned where not. @param select Rows to tune by; none for the evidence. */
export async function atHyperparameters(
  fitted: Laplace,
  options: LaplaceOptions,
  select: Dataset | undefined,
  signal: AbortSignal,
): Promise<Tuning> {
  const { prior, noise, temperature, tune, priorKind } = options;
  if (noise !== undefined && !fitted.likelihood.noisy) {
    throw new UsageError("Cannot set the noise as the likelihood has none", {
      at: `${fitted.likelihood.name} likelihood`,
    });
  }
  const given = {
    ...(prior === undefined ? {} : { prior }),
    ...(noise === undefined ? {} : { noise }),
    ...(temperature === undefined ? {} : { temperature }),
  };
  const start = await withHyperparameters(fitted, given);
  const tuneNoise = fitted.likelihood.noisy && noise === undefined;
  if (prior !== undefined && !tuneNoise) return { fit: start, by: "given" };
  const { fit } = await tuneByEvidence(start, {
    kind: priorKind,
    prior: prior === undefined,
    noise: tuneNoise,
    signal,
  });
  if (tune === "evidence" || prior !== undefined) return { fit, by: "evidence" };
  return byHeldOut(fit, options, select, { noise: tuneNoise, signal });
}

async function byHeldOut(
  fit: Laplace,
  { priorKind, temperature }: LaplaceOptions,
  select: Dataset | undefined,
  { noise, signal }: { readonly noise: boolean; readonly signal: AbortSignal },
): Promise<Tuning> {
  if (priorKind === "diagonal") {
    throw new UsageError("Cannot tune a precision for each weight by held-out rows as these cannot determine them", {
      try: "a scalar or layerwise prior, or tuning by evidence",
    });
  }
  if (!select) {
    return { fit, by: "evidence", note: "Held-out rows to tune by were too few or none: the evidence chose instead." };
  }
  const tuned = await tuneByHeldOut(fit, select, {
    kind: priorKind,
    noise,
    temperature: temperature === undefined,
    signal,
  });
  return { fit: tuned.fit, by: "held-out rows" };
}
