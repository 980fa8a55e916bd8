/** Measures what a selection needs, and selects. */
import {
  createProblem,
  type Dataset,
  type Engine,
  kroneckerFactors,
  type Loss,
  type Matrix,
  readModel,
  storedName,
  UsageError,
} from "@hessonite/core";
import { gateCosts } from "../gates/gateCosts.ts";
import { type GateDirections, gateDirections } from "../gates/gateDirections.ts";
import { gateChannels } from "../gates/gates.ts";
import type { ChannelGraph } from "../groups/channelGroups.ts";
import { inputGrams } from "../layers/gram.ts";
import { groupLayers, type WeightLayer } from "../layers/weightLayer.ts";
import type { ChannelCosts } from "./channelCosts.ts";
import { magnitudeChannelCosts } from "./magnitude.ts";
import { channelColumns, type MeasuredLayer, type ObsCosts, obsChannelCosts } from "./obs.ts";
import { type SelectedChannels, type SelectOptions, selectChannels } from "./select.ts";

export const channelCostNames = ["magnitude", "obs", "kfac", "fisher", "ggn"] as const;
/**
 * Size of the weights; squared output error of the layers that read; the loss, by their Kronecker factors, or by the gates of
 * the channels: each alone by the gradients of labelled rows, or together by the exact GGN.
 */
export type ChannelCostName = (typeof channelCostNames)[number];

export interface ChannelSelection extends Pick<SelectOptions, "across" | "least" | "multiple"> {
  /** "obs" unless said. */
  readonly by?: ChannelCostName;
  /** Added to the diagonal of a layer's input moments, relative to its mean; 1e-4 unless said. */
  readonly damping?: number;
  /** Positions of a batch that a layer is looked at; 4,096 unless said. */
  readonly positions?: number;
}

export interface ChooseOptions extends ChannelSelection, SelectOptions {
  readonly data: Dataset;
  readonly loss?: Loss;
  readonly engine?: Engine;
}

export interface Chosen {
  readonly selected: SelectedChannels;
  /** The layers as measured, where the costs needed that or the update does. */
  readonly obs?: ObsCosts;
}

/** What the costs and the update need to know. */
export interface MeasuredChannels {
  /** Nothing of the weights' size. */
  readonly layers: readonly MeasuredLayer[];
  readonly gates?: GateDirections;
}

/** Whether costs are the loss's. */
export const foretellsLoss = (by: ChannelCostName): boolean => by === "kfac" || by === "fisher" || by === "ggn";

/** @throws {UsageError} if costs of the loss are asked for without one. */
export async function measureChannels(
  file: Uint8Array,
  graph: ChannelGraph,
  options: Omit<ChooseOptions, "budget">,
): Promise<MeasuredChannels> {
  const { by = "obs", data, signal, positions } = options;
  if (by === "magnitude") return { layers: [] };
  const gates = by === "fisher" || by === "ggn" ? await measureGates(file, graph, by, options) : undefined;
  const layers = readingLayers(graph);
  const grams = await inputGrams(file, layers, data, {
    ...(signal ? { signal } : {}),
    ...(positions === undefined ? {} : { positions }),
  });
  const sides = by === "kfac" ? await outputSides(file, layers, options) : undefined;
  const measured = layers.map((layer, i): MeasuredLayer => {
    const g = sides?.get(sideOf(layer.weight, layer.group.at));
    return { layer, gram: grams[i]!, ...(g ? { g } : {}) };
  });
  return { layers: sides ? measured.filter(({ g }) => g) : measured, ...(gates ? { gates } : {}) };
}

async function measureGates(
  file: Uint8Array,
  graph: ChannelGraph,
  by: "fisher" | "ggn",
  { data, loss, engine, signal }: Omit<ChooseOptions, "budget">,
): Promise<GateDirections> {
  const needed = requireLoss(loss, by);
  const kind = by === "ggn" ? "type-2" : "empirical";
  return gateDirections(gateChannels(file, graph), kind, { data, loss: needed, engine, signal });
}

function requireLoss(loss: Loss | undefined, by: ChannelCostName): Loss {
  if (loss) return loss;
  throw new UsageError(`Cannot measure "${by}" costs as no loss says what predictions are`);
}

export function chooseChannels(graph: ChannelGraph, measured: MeasuredChannels, options: ChooseOptions): Chosen {
  const { by = "obs", damping = 1e-4 } = options;
  if (by === "magnitude") {
    const restart = (): ChannelCosts => magnitudeChannelCosts(graph);
    return { selected: selectChannels(graph, restart(), { ...options, restart }) };
  }
  const obs = obsChannelCosts(graph, measured.layers, damping);
  const { gates } = measured;
  const restart = (): ChannelCosts => (gates ? gateCosts(gates, by === "ggn") : obs.restart());
  return { selected: selectChannels(graph, gates ? restart() : obs, { ...options, restart }), obs };
}

/** The layers that read a channel which may go. */
function readingLayers(graph: ChannelGraph): WeightLayer[] {
  const layers = groupLayers(graph.model, graph.propagation.nodes);
  const columns = channelColumns(graph, layers);
  const reading = new Set(
    graph.groups.flatMap(({ channels }) =>
      channels.flatMap((channel) => (columns.get(channel) ?? []).map(({ layer }) => layer)),
    ),
  );
  return layers.filter((layer) => reading.has(layer));
}

/** Where a layer's G is: by the stored name of its weight, and the group. */
export const sideOf = (weight: string, group: number): string => `${weight} ${group}`;

/** G of each layer, as `sideOf` names it. */
export async function outputSides(
  file: Uint8Array,
  layers: readonly WeightLayer[],
  { data, loss, engine, signal }: Pick<ChooseOptions, "data" | "loss" | "engine" | "signal">,
): Promise<Map<string, Matrix>> {
  await using problem = await createProblem({
    model: await readModel(file),
    data,
    loss: requireLoss(loss, "kfac"),
    parameters: [...new Set(layers.map(({ weight }) => weight))],
    checks: { deterministic: false },
    ...(engine ? { engine } : {}),
    ...(signal ? { signal } : {}),
  });
  const { blocks } = await kroneckerFactors(problem, { bias: "separate", ...(signal ? { signal } : {}) });
  const stored = new Map([...problem.model.initializers.values()].map((one) => [one.name, storedName(one)]));
  return new Map(
    blocks.flatMap(({ name, kind, group, g }) => {
      const weight = group === null ? name : name.slice(0, name.lastIndexOf("["));
      return kind === "matrix" ? [[sideOf(stored.get(weight) ?? weight, group ?? 0), g] as const] : [];
    }),
  );
}
