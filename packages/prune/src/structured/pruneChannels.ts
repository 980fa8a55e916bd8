/**
 * A model's file with fewer channels, compensated: measured, selected, written, fitted.
 *
 * Shots: the FLOPs (or whatever the budget counts) shrink by the same factor each time, and the layers are measured anew on
 * what the shot before left.
 */
import {
  type Dataset,
  type Engine,
  type Loss,
  type MatchStep,
  type OnnxModel,
  readModelFile,
  UsageError,
} from "@hessonite/core";
import { keptEnergies } from "./compensate/energies.ts";
import { jointCompensation } from "./compensate/joint.ts";
import { type FittedLayer, type KeptChannels, leastSquares } from "./compensate/leastSquares.ts";
import { restoreMeans } from "./compensate/means.ts";
import { refitted } from "./compensate/refit.ts";
import { type ChannelGraph, type ChannelGroup, channelGroups } from "./groups/channelGroups.ts";
import { shortNotes } from "./layers/gram.ts";
import { shapesOf } from "./layers/shapes.ts";
import {
  type ChannelSelection,
  chooseChannels,
  foretellsLoss,
  type MeasuredChannels,
  measureChannels,
} from "./select/choose.ts";
import { costModel, type ModelCost } from "./select/cost.ts";
import type { ChannelBudget } from "./select/select.ts";
import { keptAfter } from "./shrink/kept.ts";
import { shrinkModel } from "./shrink/shrink.ts";
import type { Shrunk, ShrunkPart } from "./shrunk.ts";

/**
 * none; means restored by biases and BatchNorm statistics; the exact update of the layers that read what went; that and a fit
 * of every layer; all that and a refit of the function.
 */
export const channelCompensations = ["none", "bias", "joint", "least-squares", "function-space"] as const;
export type ChannelCompensation = (typeof channelCompensations)[number];

export interface PruneChannelsOptions extends ChannelSelection {
  /** Calibration rows; labels are not needed. */
  readonly data: Dataset;
  readonly budget: ChannelBudget;
  /** Attention heads alone, or all else; both unless said. */
  readonly only?: ChannelGroup["kind"];
  /** "least-squares" unless said. */
  readonly compensate?: ChannelCompensation;
  /** Of costs that are the loss's and of "function-space": what predictions are. */
  readonly loss?: Loss;
  /** 1 unless said. */
  readonly shots?: number;
  readonly engine?: Engine;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly stage: string; readonly done: number; readonly total: number }) => void;
}

export interface PrunedGroup extends ShrunkPart {
  readonly kind: ChannelGroup["kind"];
}

/** What was predicted is after the exact update by "kfac", and without one by gates. */
export interface PrunedChannels extends Shrunk {
  readonly groups: readonly PrunedGroup[];
  /** Layers as "least-squares" left them. */
  readonly fitted: readonly FittedLayer[];
  readonly refit?: { readonly before: number; readonly after: number; readonly steps: readonly MatchStep[] };
}

/**
 * @param source A model's file, or its bytes.
 * @throws {UsageError} if nothing can go, there are no calibration rows, or a loss is needed and not given.
 *
 * @example
 * ```ts no-run
 * const small = await pruneChannels("resnet.onnx", { data, budget: { of: "flops", share: 0.5 } });
 * await writeFile("small.onnx", small.file);
 * ```
 */
export async function pruneChannels(
  source: string | Uint8Array,
  options: PruneChannelsOptions,
): Promise<PrunedChannels> {
  return (await openChannelPruning(source, options))(options.budget);
}

/** Measures the dense model once; what it gives prunes it by any budget. */
export async function openChannelPruning(
  source: string | Uint8Array,
  options: Omit<PruneChannelsOptions, "budget">,
): Promise<(budget: ChannelBudget) => Promise<PrunedChannels>> {
  const dense = await readModelFile(source);
  const shapes = await shapesOf(dense.model, options.data);
  const graph = groupsOf(dense.model, shapes, options.only);
  if (graph.groups.length === 0) throw nothingToPrune(graph, options.only);
  const measured = await measureChannels(dense.bytes, graph, options);
  return (budget) => prune({ source, dense: dense.bytes, shapes, first: graph, measured }, { ...options, budget });
}

function groupsOf(
  model: OnnxModel,
  shapes: Readonly<Record<string, readonly number[]>>,
  only: ChannelGroup["kind"] | undefined,
): ChannelGraph {
  const graph = channelGroups(model, shapes);
  return only ? { ...graph, groups: graph.groups.filter(({ kind }) => kind === only) } : graph;
}

interface Opened {
  readonly source: string | Uint8Array;
  readonly dense: Uint8Array;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly first: ChannelGraph;
  readonly measured: MeasuredChannels;
}

async function prune(opened: Opened, options: PruneChannelsOptions): Promise<PrunedChannels> {
  const { source, dense, shapes, first, measured } = opened;
  const { compensate = "least-squares", by = "obs", only } = options;
  const taken = await takeShots(opened, options);
  const fitted =
    compensate === "least-squares" || compensate === "function-space"
      ? await fit(dense, taken.file, taken.kept, options)
      : undefined;
  const bare = compensate === "bias" ? await restored(dense, taken.file, taken.kept, options) : taken.file;
  const matched = compensate === "function-space" ? await refitted(source, fitted?.file ?? bare, options) : undefined;
  const file = matched?.file ?? fitted?.file ?? bare;
  const left = groupsOf((await readModelFile(file)).model, shapes, only);
  return {
    file,
    groups: groupsAfter(first, left),
    skipped: [
      ...skippedOf(first, only),
      ...taken.unknown.map(({ name, channels }) => ({
        layer: name,
        count: channels.length,
        reason: "is not made or read by layers whose costs are known",
      })),
    ],
    before: costModel(first, dense.length).dense,
    after: costModel(left, file.length).dense,
    ...(foretellsLoss(by) ? { predicted: taken.predicted } : {}),
    met: taken.met,
    notes: shortNotes(measured.layers, options.damping ?? 1e-4),
    fitted: fitted?.layers ?? [],
    ...(matched ? { refit: { before: matched.before, after: matched.after, steps: matched.steps } } : {}),
  };
}

interface Taken {
  readonly file: Uint8Array;
  readonly kept: KeptChannels;
  readonly met: boolean;
  readonly predicted: number;
  readonly unknown: readonly ChannelGroup[];
}

/** Selects, updates and writes, as often as there are shots. */
async function takeShots({ dense, shapes, first, measured }: Opened, options: PruneChannelsOptions): Promise<Taken> {
  const { budget, compensate = "least-squares", shots = 1, data, signal, onProgress } = options;
  const whole = costModel(first, dense.length).dense;
  let taken: Taken = { file: dense, kept: () => null, met: true, predicted: 0, unknown: [] };
  for (let shot = 1; shot <= shots; shot++) {
    signal?.throwIfAborted();
    const graph = shot === 1 ? first : groupsOf((await readModelFile(taken.file)).model, shapes, options.only);
    const fileBytes = taken.file.length;
    const now = costModel(graph, fileBytes).dense;
    const share = shareLeft(
      1 - (1 - budget.share) ** (shot / shots),
      budget,
      { graph, now },
      { graph: first, now: whole },
    );
    if (share <= 0) continue;
    const known = shot === 1 ? measured : await measureChannels(taken.file, graph, options);
    const { selected, obs } = chooseChannels(graph, known, {
      ...options,
      fileBytes,
      budget: { of: budget.of, share },
    });
    const removed = new Set(selected.removed);
    const values =
      compensate === "none" || compensate === "bias" || !obs
        ? undefined
        : jointCompensation(graph, selected.removed, obs);
    const energies = compensate === "none" ? undefined : await keptEnergies(taken.file, graph, removed, data, signal);
    taken = {
      file: shrinkModel(taken.file, {
        graph,
        removed,
        ...(values ? { values } : {}),
        ...(energies ? { energies } : {}),
      }),
      kept: composed(taken.kept, graph, removed),
      met: selected.met,
      unknown: shot === 1 ? selected.unknown : taken.unknown,
      predicted: taken.predicted + (selected.predicted.at(-1) ?? 0),
    };
    onProgress?.({ stage: "selecting channels", done: shot, total: shots });
  }
  return taken;
}

/** What a shot has to take off what is left, so that `goal` of the whole is gone. */
function shareLeft(
  goal: number,
  { of }: ChannelBudget,
  left: { readonly graph: ChannelGraph; readonly now: ModelCost },
  whole: { readonly graph: ChannelGraph; readonly now: ModelCost },
): number {
  const count = ({ groups }: ChannelGraph): number => groups.reduce((sum, { channels }) => sum + channels.length, 0);
  const amount = ({ graph, now }: typeof left): number => (of === "channels" ? count(graph) : now[of]);
  return 1 - ((1 - goal) * amount(whole)) / amount(left);
}

/** Channels of the dense model that are still there after one more shot. */
function composed(before: KeptChannels, { propagation }: ChannelGraph, removed: ReadonlySet<number>): KeptChannels {
  const kept = keptAfter(propagation.atoms.find, removed);
  return (value, axis) => {
    const earlier = before(value, axis);
    const now = kept.indices(propagation.axes.get(value)?.[axis] ?? null);
    if (!now) return earlier;
    return earlier ? now.map((i) => earlier[i]!) : now;
  };
}

async function fit(
  dense: Uint8Array,
  file: Uint8Array,
  kept: KeptChannels,
  { data, signal, onProgress, positions }: PruneChannelsOptions,
): ReturnType<typeof leastSquares> {
  return leastSquares(dense, file, data, kept, {
    ...(positions === undefined ? {} : { positions }),
    ...(signal ? { signal } : {}),
    onProgress: ({ done, total }) => onProgress?.({ stage: "fitting layers", done, total }),
  });
}

async function restored(
  dense: Uint8Array,
  file: Uint8Array,
  kept: KeptChannels,
  { data, signal, onProgress }: PruneChannelsOptions,
): Promise<Uint8Array> {
  return restoreMeans(dense, file, data, kept, {
    ...(signal ? { signal } : {}),
    onProgress: ({ done, total }) => onProgress?.({ stage: "restoring means", done, total }),
  });
}

function groupsAfter(before: ChannelGraph, after: ChannelGraph): PrunedGroup[] {
  const left = new Map(after.groups.map(({ name, channels }) => [name, channels.length]));
  return before.groups.map(({ name, kind, channels }) => ({
    name,
    kind,
    before: channels.length,
    after: left.get(name) ?? 1,
  }));
}

function nothingToPrune(graph: ChannelGraph, only: ChannelGroup["kind"] | undefined): UsageError {
  const at = graph.model.source;
  if (only === "heads" && graph.propagation.headAtoms.length === 0) {
    return new UsageError("Cannot prune attention heads as the model has none", {
      at,
      found: "no two activations that are multiplied matrix by matrix along the channels of a layer",
      try: "granularity channel",
    });
  }
  const what =
    only === "heads"
      ? "Cannot prune attention heads as all of the model's have to stay"
      : "Cannot prune channels as all of the model's have to stay";
  const reasons = skippedOf(graph, only).map(({ layer, reason }) => `${layer}: ${reason}`);
  return new UsageError(what, { at, found: reasons.slice(0, 4).join("; ") });
}

/** What has to stay: of the layers that make heads alone, where it is heads that are wanted. */
function skippedOf(
  { skipped, propagation: { makers, headAtoms, atoms } }: ChannelGraph,
  only: ChannelGroup["kind"] | undefined,
): ChannelGraph["skipped"] {
  if (only !== "heads") return skipped;
  const heads = new Set(headAtoms.map(atoms.find));
  const layers = new Set(
    makers.filter(({ channels }) => channels.some((atom) => heads.has(atoms.find(atom)))).map(({ node }) => node.name),
  );
  return skipped.filter(({ layer }) => layers.has(layer));
}
