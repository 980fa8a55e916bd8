/** Pruning as a plugin: a model and calibration rows in, a smaller model and what that cost out. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import {
  type Dataset,
  datasetRef,
  definePlugin,
  lossSpec,
  modelRef,
  openDataset,
  openLoss,
  readModel,
  UsageError,
} from "@hessonite/core";
import { parsePattern, patternName } from "./layerwise/pattern.ts";
import { sparsityFor } from "./network/budget.ts";
import { type Compensation, type MethodName, modelCompensations } from "./network/method.ts";
import { prunableLayers } from "./network/prunable.ts";
import { type PrunedModel, type PruneOptions, pruneModel } from "./network/pruneModel.ts";
import { type Job, openJob, type PruneSetting } from "./network/setting.ts";
import { type methodChoices, type PruneRunOptions, pruneOptions } from "./options.ts";
import { choiceNotes } from "./report/choiceNotes.ts";
import { type MethodResult, type PruneResult, pruneResult } from "./report/result.ts";
import { methodResultOf } from "./report/resultOf.ts";
import { unitNamed } from "./structured/units.ts";
import { structuredRun } from "./structuredRun.ts";
import { type WrittenModel, writeModel } from "./written/writeModel.ts";

/**
 * @example
 * ```ts no-run
 * await using host = createHost();
 * const { best, methods } = await host.run(prune, {
 *   inputs: { model: "model.onnx", data: "calibration.npz", loss: "cross-entropy" },
 *   options: { maxDrop: 0.005, out: "small.onnx" },
 * });
 * ```
 */
export const prune = definePlugin({
  name: "prune",
  summary: "Makes a trained model smaller, with the loss that costs known beforehand.",
  requires: {},
  inputs: {
    model: modelRef,
    data: datasetRef.describe("calibration rows: curvature comes from them"),
    heldOut: datasetRef
      .optional()
      .describe("labelled rows to choose and measure by; every fifth calibration row unless given"),
    loss: lossSpec,
  },
  options: pruneOptions,
  result: pruneResult,
  async run({ inputs, options, engine, signal, progress, note }) {
    requireOwnFile(inputs.model, options);
    requireForm(options);
    const model = typeof inputs.model === "string" ? await readModel(inputs.model) : inputs.model;
    const unit = unitNamed(options.granularity);
    if (unit) {
      const heldOut = inputs.heldOut ? await openDataset(inputs.heldOut, model, signal) : undefined;
      const data = await openDataset(inputs.data, model, signal);
      const loss = openLoss(inputs.loss);
      return structuredRun(unit, { source: inputs.model, data, heldOut, loss, engine, signal, progress }, options);
    }
    requireElementOptions(options);
    const setting: PruneSetting = {
      model,
      ...(typeof inputs.model === "string" ? { source: inputs.model } : {}),
      data: await openDataset(inputs.data, model, signal),
      augment: options.augment,
      ...(inputs.heldOut ? { heldOut: await openDataset(inputs.heldOut, model, signal) } : {}),
      loss: openLoss(inputs.loss),
      engine,
      signal,
    };
    await using job = await openJob(setting);
    const sparsity = await sparsityOf(inputs.model, job, options);
    const names = [...new Set([methodOf(job, options), ...(options.compare ?? []).map(elementMethod)])];
    const runs: { readonly found: PrunedModel; readonly result: MethodResult }[] = [];
    for (const [i, method] of names.entries()) {
      progress({ stage: method, done: i, total: names.length });
      const start = performance.now();
      const found = await pruneModel(job, { ...optionsFor({ ...options, sparsity }, method), signal });
      runs.push({ found, result: methodResultOf(found, (performance.now() - start) / 1000) });
    }
    progress({ stage: "writing", done: names.length, total: names.length });
    const best = bestOf(runs);
    const out = await written(inputs.model, job, best.found, options, setting.heldOut ?? setting.data);
    for (const text of job.notes) note(text);
    return resultOf(job, options, runs, best, out);
  },
});

/** For hosts that load plugins by the package's name. */
export const plugin = prune;

type Run = { readonly found: PrunedModel; readonly result: MethodResult };

/** @throws {UsageError} if the result would go over the model it comes from. */
function requireOwnFile(model: unknown, { out, overwrite }: PruneRunOptions): void {
  if (out === undefined) return;
  if (typeof model !== "string") {
    throw new UsageError("Cannot write the pruned model as the model was not given as a file", { at: out });
  }
  if (resolve(out) === resolve(model) && !overwrite) {
    throw new UsageError("Cannot write the pruned model over the model it comes from", {
      at: out,
      try: "another file, or the option overwrite",
    });
  }
}

/** @throws {UsageError} if a form is asked for that nothing is written in. */
function requireForm({ bits, compact, out, granularity }: PruneRunOptions): void {
  if (bits === undefined && compact === "none") return;
  const found = bits === undefined ? `compact ${compact}` : `bits ${bits}`;
  if (out === undefined) {
    throw new UsageError("Cannot round or pack the model as it is not to be written", {
      found,
      try: "a file to write",
    });
  }
  if (unitNamed(granularity)) {
    throw new UsageError("Cannot round or pack the model as its shapes change", {
      found: `${found}, granularity ${granularity}`,
      try: "element or n:m granularity on the smaller model afterwards",
    });
  }
}

/** Of the prunable weights, where the share that was asked for is of something else. */
async function sparsityOf(
  source: unknown,
  { problem }: Job,
  { sparsity, budget, granularity, compact, bits }: PruneRunOptions,
): Promise<number | undefined> {
  if (budget === undefined) return sparsity;
  if (sparsity === undefined) {
    throw new UsageError("Cannot keep to a budget as no share of it is given", { found: `budget ${budget}` });
  }
  return sparsityFor(prunableLayers(problem, parsePattern(granularity)), {
    of: budget,
    share: sparsity,
    parameters: problem.space.size,
    ...(typeof source === "string" ? { bytes: (await stat(source)).size } : {}),
    compact,
    ...(bits === undefined ? {} : { bits }),
  });
}

/** @throws {UsageError} if an option is one of what changes shapes. */
function requireElementOptions({ across, granularity }: PruneRunOptions): void {
  if (across === undefined) return;
  throw new UsageError("Cannot share out by this option as weights only become 0 at this granularity", {
    found: `across ${across}, granularity ${granularity}`,
    try: "the method: obc shares out by dynamic programming",
  });
}

function elementMethod(method: (typeof methodChoices)[number]): MethodName {
  if (method !== "obs") return method;
  throw new UsageError("Cannot choose weights by this method as it is for what changes shapes", {
    found: method,
    try: "obc, which is its greedy order for weights",
  });
}

function elementCompensation(compensation: NonNullable<PruneRunOptions["compensation"]>): Compensation {
  const known = modelCompensations.find((name) => name === compensation);
  if (known) return known;
  throw new UsageError("Cannot compensate for weights that become 0 in this way", {
    found: compensation,
    expected: modelCompensations.join(", "),
  });
}

function methodOf(job: Job, { method }: PruneRunOptions): MethodName {
  if (method !== "auto") return elementMethod(method);
  const { space, survey, memory } = job.problem;
  const outputs = survey.binding.prediction.shape.slice(1).reduce((n, d) => n * d, 1);
  const directions = Math.min(survey.rows * outputs, Math.max(outputs, 1000));
  const fits = directions * space.size * 8 <= memory / 2 && outputs <= 1000;
  job.notes.push(
    `auto: ${fits ? "ggn" : "kfac"}, as ${directions} directions of ${space.size} weights ${fits ? "fit" : "are too many"}.`,
  );
  return fits ? "ggn" : "kfac";
}

function optionsFor(options: PruneRunOptions, method: MethodName): PruneOptions {
  const { granularity, sparsity, maxDrop, shots, schedule, compensation, refit, fineTune, distil, refine } = options;
  const { lambda, blockSize, rounds, curvatureRows, sequential } = options;
  return {
    method,
    pattern: parsePattern(granularity),
    shots,
    schedule,
    refit,
    rounds,
    sequential,
    ...(sparsity === undefined ? {} : { sparsity }),
    ...(maxDrop === undefined ? {} : { maxDrop }),
    ...(compensation === undefined ? {} : { compensation: elementCompensation(compensation) }),
    ...(fineTune > 0 ? { fineTune: { epochs: fineTune, distil } } : {}),
    ...(refine === "none" ? {} : { refinement: refine === "beam" ? { kind: refine, width: 32 } : { kind: refine } }),
    ...(lambda === undefined ? {} : { lambda }),
    ...(blockSize === undefined ? {} : { blockSize }),
    ...(curvatureRows === undefined ? {} : { curvatureRows }),
  };
}

/** The sparsest model within the drop; without a drop, or where none is within it, the one of least loss at the last level. */
function bestOf(runs: readonly Run[]): Run {
  const lossOf = ({ found: { points, chosen } }: Run): number =>
    (chosen ?? points[0])?.measured.loss ?? Number.POSITIVE_INFINITY;
  const zerosOf = ({ found: { chosen } }: Run): number => chosen?.zeros ?? -1;
  return runs.reduce((best, run) => {
    const more = zerosOf(run) - zerosOf(best);
    return more > 0 || (more === 0 && lossOf(run) < lossOf(best)) ? run : best;
  });
}

async function written(
  source: unknown,
  job: Job,
  { points, chosen, method, dense }: PrunedModel,
  { out, granularity, bits, standard, compact, overwrite }: PruneRunOptions,
  rows: Dataset,
): Promise<WrittenModel | null> {
  const point = chosen ?? points[0];
  if (out === undefined || typeof source !== "string" || !point) return null;
  const record = { method, granularity, sparsity: point.sparsity, ...(bits === undefined ? {} : { bits }) };
  return writeModel(job, point, {
    source,
    out,
    ...(bits === undefined ? {} : { bits: bits === 4 ? 4 : 8 }),
    standard,
    compact,
    overwrite,
    metadata: { "hessonite.prune": JSON.stringify(record) },
    dense,
    rows,
  });
}

function resultOf(
  job: Job,
  { granularity, maxDrop }: PruneRunOptions,
  runs: readonly Run[],
  { found }: Run,
  out: WrittenModel | null,
): PruneResult {
  const { dense, prunable, method } = found;
  const beyond = maxDrop !== undefined && out?.rounded ? out.rounded.drop > maxDrop + 1e-12 : false;
  const met = found.met && !beyond;
  const candidates = Math.max(1, ...runs.flatMap(({ found: { points } }) => points.map((point) => point.candidates)));
  const notes = [...job.notes, ...choiceNotes({ candidates, drop: maxDrop !== undefined, methods: runs.length })];
  if (beyond) notes.push("Rounding takes the model beyond the accepted drop.");
  if (found.met === false)
    notes.push("No model within the accepted drop does what was asked for: the nearest is given.");
  if (out && !out.rounded)
    notes.push("Weights that are 0 make the file smaller where it is packed, and the model no faster.");
  return {
    granularity: patternName(parsePattern(granularity)),
    weights: prunable.weights,
    dense: { loss: dense.loss, accuracy: dense.accuracy ?? null },
    judged: { rows: job.judge.rows, candidates },
    maxDrop: maxDrop ?? null,
    met,
    best: method,
    methods: runs.map(({ result }) => result),
    skipped: [...prunable.skipped],
    out: out && {
      file: out.file,
      weights: out.weights,
      bytes: out.bytes,
      before: out.before,
      latency: [...out.latency],
    },
    rounded: out?.rounded ? roundedResult(out.rounded) : null,
    channels: null,
    notes,
  };
}

function roundedResult({ bits, layers, predicted, measured, drop }: NonNullable<WrittenModel["rounded"]>) {
  return {
    bits,
    layers: [...layers],
    predicted,
    loss: measured.loss,
    accuracy: measured.accuracy ?? null,
    drop,
  };
}
