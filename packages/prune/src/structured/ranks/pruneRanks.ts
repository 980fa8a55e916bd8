/**
 * A model's file with weights as two thin matrices, where that saves: each layer's rank by its curve of losses, all of them
 * together by dynamic programming.
 */
import {
  type Dataset,
  type Engine,
  type Loss,
  type MatchStep,
  type Matrix,
  matmul,
  matrix,
  readModelFile,
  UsageError,
} from "@hessonite/core";
import { allocate, type Choice } from "../../layerwise/allocate.ts";
import { type FittedLayer, leastSquares } from "../compensate/leastSquares.ts";
import { refitted } from "../compensate/refit.ts";
import { type ChannelGraph, channelGroups, type SkippedChannels } from "../groups/channelGroups.ts";
import { type InputGram, inputGrams, shortNotes } from "../layers/gram.ts";
import { shapesOf } from "../layers/shapes.ts";
import { type WeightLayer, weightLayers } from "../layers/weightLayer.ts";
import { outputSides, sideOf } from "../select/choose.ts";
import { costModel, elementBytes, nodeFlops } from "../select/cost.ts";
import type { ChannelBudget } from "../select/select.ts";
import type { ShrinkBy, Shrunk } from "../shrunk.ts";
import { type LowRank, lowRank } from "./lowRank.ts";
import { type ThinLayer, withThinLayers } from "./thinLayers.ts";

export const rankCostNames = ["obs", "kfac"] as const;
/** Squared error of the layers' outputs; the loss, by their Kronecker factors. */
export type RankCostName = (typeof rankCostNames)[number];

export const rankCompensations = ["none", "bias", "least-squares", "function-space"] as const;
export type RankCompensation = (typeof rankCompensations)[number];

export interface PruneRanksOptions {
  readonly data: Dataset;
  /** "kfac" unless said. */
  readonly by?: RankCostName;
  /** "least-squares" unless said; all but "none" also keep the mean of each layer's outputs. */
  readonly compensate?: RankCompensation;
  /** Of "kfac" costs and of "function-space": what predictions are. */
  readonly loss?: Loss;
  /** Added to the diagonals of both factors, relative to their means; 1e-4 unless said. */
  readonly damping?: number;
  /** Positions of a batch that a layer is looked at; 4,096 unless said. */
  readonly positions?: number;
  readonly engine?: Engine;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly stage: string; readonly done: number; readonly total: number }) => void;
}

export interface PrunedRanks extends Shrunk {
  readonly fitted: readonly FittedLayer[];
  readonly refit?: { readonly before: number; readonly after: number; readonly steps: readonly MatchStep[] };
}

interface Curve {
  readonly layer: WeightLayer;
  readonly weights: Matrix;
  readonly low: LowRank;
  /** Mean of the inputs, where a bias can take it. */
  readonly mean: Float64Array | undefined;
  /** Ranks that save, the largest first; before them the layer as it is. */
  readonly ranks: readonly number[];
}

/**
 * Measures the dense model once; what it gives prunes it by any budget.
 *
 * @throws {UsageError} if no layer has a rank that saves, there are no calibration rows, or a loss is needed and not given.
 *
 * @example
 * ```ts no-run
 * const thin = await (await openRankPruning("mlp.onnx", { data, loss }))({ of: "bytes", share: 0.5 });
 * ```
 */
export async function openRankPruning(
  source: string | Uint8Array,
  options: PruneRanksOptions,
): Promise<ShrinkBy<PrunedRanks>> {
  const { bytes, model } = await readModelFile(source);
  const shapes = await shapesOf(model, options.data);
  const graph = channelGroups(model, shapes);
  const { curves, notes } = await measureCurves(bytes, graph, options);
  if (curves.every(({ ranks }) => ranks.length === 0)) {
    throw new UsageError("Cannot factorise weights as no layer has a rank that saves", { at: model.source });
  }
  const before = costModel(graph, bytes.length).dense;
  return async (budget) => {
    const { chosen, met } = chooseRanks(graph, curves, budget, before[countedOf(budget)]);
    const thin = curves.flatMap((curve, i) => thinned(curve, chosen[i]) ?? []);
    const { file, ...fits } = await compensated(source, bytes, withThinLayers(bytes, graph, thin), options);
    const predicted = curves.reduce(
      (sum, { low }, i) => sum + (chosen[i] === undefined ? 0 : low.losses[chosen[i]]!),
      0,
    );
    return {
      file,
      groups: curves.map(({ layer, low }, i) => {
        const full = low.losses.length - 1;
        return { name: layer.node.name, before: full, after: chosen[i] ?? full };
      }),
      skipped: skippedLayers(graph, curves),
      before,
      after: costModel(channelGroups((await readModelFile(file)).model, shapes), file.length).dense,
      ...(options.by === "obs" ? {} : { predicted }),
      met,
      notes,
      ...fits,
    };
  };
}

interface Measured {
  readonly curves: readonly Curve[];
  readonly notes: readonly string[];
}

async function measureCurves(file: Uint8Array, graph: ChannelGraph, options: PruneRanksOptions): Promise<Measured> {
  const { data, by = "kfac", damping = 1e-4, signal, positions } = options;
  const layers = weightLayers(graph.model, graph.propagation.nodes);
  const grams = await inputGrams(file, layers, data, {
    ...(signal ? { signal } : {}),
    ...(positions === undefined ? {} : { positions }),
  });
  const sides = by === "kfac" ? await outputSides(file, layers, options) : undefined;
  const curves: Curve[] = [];
  for (const [i, layer] of layers.entries()) {
    signal?.throwIfAborted();
    const g = sides?.get(sideOf(layer.weight, 0));
    if (sides && !g) continue;
    const { centred, mean } = centredMoment(layer, grams[i]!, options.compensate !== "none");
    const weights = layer.toMatrix(graph.propagation.stored(layer.weight)!);
    const low = await lowRank(weights, damped(centred, damping), g && damped(g, damping), signal);
    curves.push({ layer, weights, low, mean, ranks: savingRanks(layer) });
    options.onProgress?.({ stage: "factorising layers", done: i + 1, total: layers.length });
  }
  const seen = layers.map((layer, i) => ({ layer, gram: grams[i]! }));
  return { curves, notes: shortNotes(seen, damping) };
}

/** Ranks a layer is tried at, at most. */
const mostRanks = 64;

/** r (in + out) < in · out, the largest first. */
function savingRanks({ in: width, out }: WeightLayer): number[] {
  const most = Math.ceil((width * out) / (width + out)) - 1;
  const step = Math.max(1, most / mostRanks);
  return Array.from({ length: Math.floor(most / step) }, (_, i) => Math.floor(most - i * step));
}

/** Without the mean where a bias makes up for it: XᵀX / n − μ μᵀ. */
function centredMoment(
  { bias, in: width }: WeightLayer,
  { a }: InputGram,
  corrected: boolean,
): { readonly centred: Matrix; readonly mean: Float64Array | undefined } {
  const own = bias !== undefined && corrected;
  const centred = matrix(width, width);
  const mean = own ? a.data.slice(width * a.columns, width * a.columns + width) : undefined;
  for (let i = 0; i < width; i++)
    for (let j = 0; j < width; j++)
      centred.data[i * width + j] = a.data[i * a.columns + j]! - (mean ? mean[i]! * mean[j]! : 0);
  return { centred, mean };
}

function damped(m: Matrix, relative: number): Matrix {
  const data = m.data.slice();
  let mean = 0;
  for (let i = 0; i < m.rows; i++) mean += data[i * (m.rows + 1)]! / m.rows;
  const floor = Math.max(relative, 1e-12) * mean || Number.MIN_VALUE ** 0.5;
  for (let i = 0; i < m.rows; i++) data[i * (m.rows + 1)]! += floor;
  return { ...m, data };
}

function countedOf({ of }: ChannelBudget): Exclude<ChannelBudget["of"], "channels"> {
  if (of !== "channels") return of;
  throw new UsageError("Cannot count channels as weights become two thin matrices", {
    found: of,
    expected: "flops, parameters, bytes",
  });
}

/** The rank of each layer, undefined for one that stays; the most that can be saved where that is less than asked for. */
function chooseRanks(
  graph: ChannelGraph,
  curves: readonly Curve[],
  budget: ChannelBudget,
  whole: number,
): { readonly chosen: readonly (number | undefined)[]; readonly met: boolean } {
  if (!(budget.share > 0 && budget.share < 1))
    throw new UsageError("Cannot prune by a share that is not between 0 and 1", { found: budget.share });
  const flops = nodeFlops(graph.propagation);
  const savedBy = ({ layer }: Curve, rank: number): number => {
    const share = 1 - (rank * (layer.in + layer.out)) / (layer.in * layer.out);
    const each = elementBytes(graph.propagation.storedDtype(layer.weight) ?? "float32");
    const amounts = { parameters: layer.in * layer.out, bytes: each * layer.in * layer.out };
    return share * (budget.of === "flops" ? (flops.get(layer.node) ?? 0) : amounts[budget.of as "bytes"]);
  };
  const choices = curves.map((curve): Choice[] => [
    { saving: 0, loss: 0 },
    ...curve.ranks.map((rank) => ({ saving: savedBy(curve, rank), loss: curve.low.losses[rank]! })),
  ]);
  const possible = choices.reduce((sum, list) => sum + Math.max(...list.map(({ saving }) => saving)), 0);
  const wanted = budget.share * whole;
  const met = possible * (1 - 1e-3) >= wanted; // savings are rounded as they are shared out
  const picks = met ? allocate(choices, wanted) : choices.map((list) => list.length - 1);
  return { chosen: picks.map((pick, i) => (pick === 0 ? undefined : curves[i]!.ranks[pick - 1])), met };
}

/** What is lost on average, (W − L R) μ, goes into the bias. */
function thinned({ layer, weights, low, mean }: Curve, rank: number | undefined): ThinLayer | undefined {
  if (rank === undefined) return undefined;
  const { left, right } = low.cut(rank);
  if (!mean) return { layer, left, right };
  const column = matrix(mean.length, 1, mean);
  const [whole, thin] = [matmul(weights, column).data, matmul(left, matmul(right, column)).data];
  return { layer, left, right, shift: whole.map((v, o) => v - thin[o]!) };
}

async function compensated(
  source: string | Uint8Array,
  dense: Uint8Array,
  thin: Uint8Array,
  options: PruneRanksOptions,
): Promise<Pick<PrunedRanks, "file" | "fitted" | "refit">> {
  const { compensate = "least-squares", data, signal, positions, onProgress } = options;
  if (compensate === "none" || compensate === "bias") return { file: thin, fitted: [] };
  const values = new Set((await readModelFile(dense)).model.nodes.flatMap(({ outputs }) => outputs));
  const { file, layers: fitted } = await leastSquares(dense, thin, data, () => null, {
    fits: ({ output }) => values.has(output), // the first of two thin layers has nothing in the dense model to be fitted to
    ...(positions === undefined ? {} : { positions }),
    ...(signal ? { signal } : {}),
    onProgress: ({ done, total }) => onProgress?.({ stage: "fitting layers", done, total }),
  });
  if (compensate === "least-squares") return { file, fitted };
  const { file: matched, before, after, steps } = await refitted(source, file, options);
  return { file: matched, fitted, refit: { before, after, steps } };
}

function skippedLayers({ propagation }: ChannelGraph, curves: readonly Curve[]): SkippedChannels[] {
  const known = new Map(curves.map(({ layer, ranks }) => [layer.node, ranks.length]));
  return propagation.makers
    .filter(({ node }) => !known.get(node))
    .map(({ node }) => ({
      layer: node.name,
      count: 1,
      reason: known.has(node) ? "has no rank that saves" : "is no layer with a matrix of its own",
    }));
}
