/** The plugin's run by units that change shapes: the model is smaller and faster, and both are measured. */
import { stat, writeFile } from "node:fs/promises";
import { type Dataset, type Engine, everyNth, type Loss, readModel, UsageError } from "@hessonite/core";
import { latencies } from "./latency/batches.ts";
import { moreRows } from "./network/augment.ts";
import { countRows } from "./network/countRows.ts";
import { dropOf } from "./network/pruneModel.ts";
import { requireLabels, taught, unlabelledNote } from "./network/taught.ts";
import type { PruneRunOptions } from "./options.ts";
import { choiceNotes } from "./report/choiceNotes.ts";
import type { MethodResult, PruneResult } from "./report/result.ts";
import type { Shrunk } from "./structured/shrunk.ts";
import { type PrunedToDrop, qualityOf, shrinkToDrop } from "./structured/toDrop.ts";
import { type StructuredUnit, type StructuredUnitName, structuredUnits, type UnitSetting } from "./structured/units.ts";

export interface StructuredSetting {
  readonly source: unknown;
  readonly data: Dataset;
  readonly heldOut?: Dataset | undefined;
  readonly loss: Loss;
  readonly engine: Engine;
  readonly signal: AbortSignal;
  readonly progress?: (at: { readonly stage: string; readonly done: number; readonly total: number }) => void;
}

/**
 * @throws {UsageError} if the model is no file, neither a share nor a drop is given, or an option is none that the unit takes.
 */
export async function structuredRun(
  granularity: StructuredUnitName,
  setting: StructuredSetting,
  options: PruneRunOptions,
): Promise<PruneResult> {
  const { source, engine, loss, signal, progress } = setting;
  const unit: StructuredUnit = structuredUnits[granularity];
  if (typeof source !== "string") {
    throw new UsageError(`Cannot prune ${unit.words} as the model was not given as a file`);
  }
  const { maxDrop, shots, out, across, budget: of = "flops" } = options;
  const compensate = compensationOf(unit, options);
  if (across && !unit.sharedOut) {
    throw new UsageError(`Cannot share ${unit.words} out in another way`, {
      found: across,
      expected: "granularity channel or head",
    });
  }
  const names = [...new Set([options.method, ...(options.compare ?? [])].map((method) => costNameOf(unit, method)))];
  const parted = setting.heldOut ? undefined : everyNth(setting.data, 5);
  const made = await moreRows(parted?.rest ?? setting.data, options.augment);
  const model = await readModel(source);
  const { labelled, ...known } = await taught({ model, data: made.rowsAt(0), loss, engine, signal });
  if (names.includes("fisher")) requireLabels({ labelled, data: known.data });
  const rows = { data: known.data, heldOut: setting.heldOut ?? parted?.apart ?? setting.data };
  const runs: Run[] = [];
  for (const [i, by] of names.entries()) {
    progress?.({ stage: by, done: i, total: names.length });
    const start = performance.now();
    const shared: UnitSetting = { ...known, engine, signal, shots, ...(across ? { across } : {}) };
    const found = await search(
      source,
      () => unit.open(source, by, compensate, shared),
      { ...rows, loss, engine, of },
      options,
    );
    runs.push({ by, found, seconds: (performance.now() - start) / 1000 });
  }
  progress?.({ stage: "latency", done: names.length, total: names.length });
  const best = bestOf(runs, of);
  const { dense, met, pruned } = best.found;
  return {
    granularity,
    weights: pruned?.before.parameters ?? 0,
    dense: { loss: dense.loss, accuracy: dense.accuracy ?? null },
    judged: { rows: await countRows(rows.heldOut), candidates: 1 },
    maxDrop: maxDrop ?? null,
    met: maxDrop === undefined ? null : met,
    best: best.by,
    methods: runs.map(methodResultOf),
    skipped: (pruned?.skipped ?? []).map(({ layer, count, reason }) => ({
      name: granularity === "layer" ? layer : `${layer}, ${count} channels`,
      why: reason,
    })),
    out: out !== undefined && pruned ? await written(source, pruned.file, out) : null,
    channels: pruned
      ? {
          before: pruned.before,
          after: pruned.after,
          latency: await latencies(source, pruned.file, rows.heldOut, signal),
        }
      : null,
    notes: [
      `Shares are of the ${countedWords[of]}.`,
      ...(parted ? ["No held-out rows were given: every fifth calibration row was kept aside."] : []),
      ...made.notes,
      ...(labelled || made.anew ? [] : [unlabelledNote]),
      ...(met
        ? []
        : [
            pruned
              ? "The share that was asked for is not within the accepted drop: the largest that is was taken."
              : `No share of the ${unit.words} is within the accepted drop: nothing was written.`,
          ]),
      ...(pruned?.notes ?? []),
      ...(pruned?.met === false ? [`No more ${unit.words} can go: less is removed than was asked for.`] : []),
      ...choiceNotes({ candidates: 1, drop: maxDrop !== undefined, methods: runs.length }),
    ],
  };
}

const countedWords = { flops: "FLOPs", parameters: "parameters", bytes: "file's bytes" } as const;
type Of = keyof typeof countedWords;

interface Run {
  readonly by: string;
  readonly found: PrunedToDrop<Shrunk>;
  readonly seconds: number;
}

/** The costs of a method's name. */
function costNameOf({ words, costs, auto }: StructuredUnit, method: PruneRunOptions["method"]): string {
  if (method === "auto") return auto;
  if (costs.includes(method)) return method;
  throw new UsageError(`Cannot choose ${words} by this method`, {
    found: method,
    expected: `auto, which is ${auto}, or ${costs.join(", ")}`,
  });
}

function compensationOf(unit: StructuredUnit, { refit, compensation, fineTune }: PruneRunOptions): string {
  if (fineTune > 0) {
    throw new UsageError(`Cannot train between shots as ${unit.words} go`, {
      try: "the function-space refit, or train the smaller model",
    });
  }
  if (refit === "function") return "function-space";
  const found = compensation ?? "least-squares";
  if (unit.compensations.includes(found)) return found;
  throw new UsageError(`Cannot compensate for ${unit.words} in this way`, {
    found,
    expected: unit.compensations.filter((name) => name !== "function-space").join(", "),
  });
}

/** The most gone of what is counted where a drop was accepted, else the least loss. */
function bestOf(runs: readonly Run[], of: Of): Run {
  const gone = ({ found: { pruned } }: Run): number => (pruned ? 1 - pruned.after[of] / pruned.before[of] : -1);
  return runs.reduce((best, run) => {
    const more = Math.abs(gone(run) - gone(best)) < sameShare ? 0 : gone(run) - gone(best);
    return more > 0 || (more === 0 && run.found.quality.loss < best.found.quality.loss) ? run : best;
  });
}

/** Shares closer than this differ by a channel or so: the loss decides. */
const sameShare = 0.01;

const curvatureWords: Readonly<Record<string, string>> = {
  magnitude: "magnitude",
  obs: "layers' inputs",
  kfac: "KFAC",
  fisher: "empirical Fisher of the units' gates",
  ggn: "GGN of the units' gates",
};

function methodResultOf({ by, found: { pruned, tried, dense }, seconds }: Run): MethodResult {
  const chosen = tried.findLastIndex(({ accepted }) => accepted);
  return {
    method: by,
    curvature: curvatureWords[by] ?? by,
    points: tried.map(({ share, drop, loss, accuracy, predicted }) => ({
      sparsity: share,
      zeros: 0,
      predicted: predicted === undefined ? null : dense.loss + predicted,
      loss,
      accuracy: accuracy ?? null,
      drop,
    })),
    chosen: chosen < 0 ? null : chosen,
    layers: (pruned?.groups ?? []).map(({ name, before, after }) => ({
      name,
      out: before,
      in: 1,
      zeros: before - after,
    })),
    costs: { edges: [], counts: [] },
    seconds,
  };
}

interface Judged {
  readonly heldOut: Dataset;
  readonly loss: Loss;
  readonly engine: Engine;
  readonly of: Of;
}

/** By drop where one is given, else to the share. */
async function search(
  source: string,
  open: Parameters<typeof shrinkToDrop>[1],
  { heldOut, loss, engine, of }: Judged,
  { maxDrop, sparsity }: PruneRunOptions,
): Promise<PrunedToDrop<Shrunk>> {
  const most = sparsity === undefined ? {} : { most: sparsity };
  if (maxDrop !== undefined) return shrinkToDrop(source, open, { heldOut, loss, engine, of, maxDrop, ...most });
  if (sparsity === undefined) {
    throw new UsageError("Cannot prune as neither a share nor a drop is given", {
      try: `a sparsity, which is of the ${countedWords[of]} here, or a drop`,
    });
  }
  const dense = await qualityOf(source, heldOut, loss, engine);
  const pruned = await (await open())({ of, share: sparsity });
  const quality = await qualityOf(pruned.file, heldOut, loss, engine);
  const share = 1 - pruned.after[of] / pruned.before[of];
  const { predicted } = pruned;
  const tried = { share, drop: dropOf(dense, quality), accepted: true, ...quality };
  return { pruned, dense, quality, tried: [predicted === undefined ? tried : { ...tried, predicted }], met: true };
}

async function written(source: string, file: Uint8Array, out: string): Promise<PruneResult["out"]> {
  const before = (await stat(source)).size;
  await writeFile(out, file);
  return { file: out, bytes: file.length, before };
}
