/**
 * Channels by Optimal Brain Surgeon: the loss that the layers which read them are left with, at their best other weights.
 *
 *     cost = ½ Σ_layers tr(G W_P ([A⁻¹]_PP)⁻¹ W_Pᵀ)      P the columns of the channel, all its kernel positions and uses
 *
 * A is the second moment of a layer's inputs, with a constant for its bias, so that what a channel adds on average costs
 * nothing; G is that of the gradients of its outputs (KFAC), or 2I for the squared error of the outputs. A channel that goes
 * moves the weights of the others to their optimum: costs are exact for the quadratic, whatever went before.
 *
 * Sources: Hassibi & Stork (1993), Second order derivatives for network pruning; van der Ouderaa et al. (2024), The LLM
 * Surgeon, arXiv:2312.17244.
 */
import { choleskySync, type Matrix, matmul, type OnnxNode } from "@hessonite/core";
import { type PreparedLayer, prepareLayer } from "../../layerwise/layer.ts";
import { changeOf, sweep, type Tableau, tableauOf } from "../../layerwise/tableau.ts";
import type { ChannelGraph } from "../groups/channelGroups.ts";
import type { InputGram } from "../layers/gram.ts";
import { layerMatrix } from "../layers/matrices.ts";
import type { WeightLayer } from "../layers/weightLayer.ts";
import type { ChannelCosts } from "./channelCosts.ts";

export interface MeasuredLayer {
  readonly layer: WeightLayer;
  readonly gram: InputGram;
  /** Second moment of the gradients by the outputs, `[out, out]`; squared error unless given. */
  readonly g?: Matrix;
}

export interface ObsCosts extends ChannelCosts {
  readonly predicted: number;
  /** The layers with H = 2A or A, for the update once the channels are chosen. */
  readonly prepared: ReadonlyMap<WeightLayer, PreparedLayer>;
  /** The same costs with nothing gone. */
  restart(): ObsCosts;
}

/** @param damping Added to A's diagonal, relative to its mean. */
export function obsChannelCosts(graph: ChannelGraph, measured: readonly MeasuredLayer[], damping: number): ObsCosts {
  const prepared = new Map<WeightLayer, PreparedLayer>();
  const rooted = new Map<WeightLayer, Matrix>();
  for (const { layer, gram, g } of measured) {
    const weights = layerMatrix(graph.propagation, layer);
    const ready = prepareLayer(weights, { ...gram.a, data: gram.a.data.map((v) => (g ? v : 2 * v)) }, { damping });
    prepared.set(layer, ready);
    rooted.set(layer, g ? scaled(g, ready.weights) : ready.weights);
  }
  return startCosts(prepared, rooted, channelColumns(graph, [...prepared.keys()]));
}

function startCosts(
  prepared: ReadonlyMap<WeightLayer, PreparedLayer>,
  weights: ReadonlyMap<WeightLayer, Matrix>,
  readings: ReturnType<typeof channelColumns>,
): ObsCosts {
  const tableaus = new Map<WeightLayer, Tableau>();
  const tableau = (layer: WeightLayer): Tableau => {
    const known = tableaus.get(layer) ?? tableauOf(prepared.get(layer)!.inverse, weights.get(layer)!);
    tableaus.set(layer, known);
    return known;
  };
  let predicted = 0;
  /** Costs that are known until a layer that reads the channel changes. */
  const known = new Map<number, number>();
  const readersOf = new Map<WeightLayer, number[]>();
  for (const [channel, list] of readings)
    for (const { layer } of list) readersOf.set(layer, [...(readersOf.get(layer) ?? []), channel]);
  const cost = (channel: number): number => {
    const before = known.get(channel);
    if (before !== undefined) return before;
    const list = readings.get(channel) ?? [];
    const sum = list.reduce((total, { layer, columns }) => total + changeOf(tableau(layer), columns), 0);
    const found = list.length === 0 ? Number.POSITIVE_INFINITY : Math.max(0, sum);
    known.set(channel, found);
    return found;
  };
  return {
    cost,
    prepared,
    restart: () => startCosts(prepared, weights, readings),
    get predicted() {
      return predicted;
    },
    remove(channel) {
      predicted += cost(channel);
      for (const { layer, columns } of readings.get(channel) ?? []) {
        for (const column of columns) sweep(tableau(layer), column);
        for (const other of readersOf.get(layer) ?? []) known.delete(other);
      }
    },
  };
}

/** Lᵀ W with G = L Lᵀ: squares of its rows are the loss. */
function scaled(g: Matrix, weights: Matrix): Matrix {
  const mean = Array.from({ length: g.rows }, (_, i) => g.data[i * (g.rows + 1)]!).reduce((a, b) => a + b, 0) / g.rows;
  const data = g.data.slice();
  for (let i = 0; i < g.rows; i++) data[i * (g.rows + 1)]! += 1e-8 * (mean || 1);
  return matmul(choleskySync({ ...g, data }).lower, weights, { a: true });
}

export interface ChannelColumns {
  readonly layer: WeightLayer;
  readonly columns: readonly number[];
}

/**
 * For each channel the layers that read it, and its columns there. A group of a convolution that makes nothing else goes with
 * the channel: it does not count.
 */
export function channelColumns(
  { propagation }: ChannelGraph,
  layers: readonly WeightLayer[],
): ReadonlyMap<number, readonly ChannelColumns[]> {
  const byNode = new Map<OnnxNode, WeightLayer[]>();
  for (const layer of layers) byNode.set(layer.node, [...(byNode.get(layer.node) ?? []), layer]);
  const made = new Map(propagation.makers.map(({ node, channels }) => [node, rootsOf(propagation, channels)]));
  const found = new Map<number, ChannelColumns[]>();
  for (const { node, channels } of propagation.readers) {
    const roots = rootsOf(propagation, channels);
    for (const layer of byNode.get(node) ?? []) {
      const makes = made.get(node)?.slice(layer.group.at * layer.out, (layer.group.at + 1) * layer.out) ?? [];
      for (const [root, columns] of columnsOf(layer, roots)) {
        if (layer.group.of > 1 && makes.every((own) => own === root)) continue;
        found.set(root, [...(found.get(root) ?? []), { layer, columns }]);
      }
    }
  }
  return found;
}

function rootsOf({ atoms }: ChannelGraph["propagation"], channels: Int32Array): number[] {
  return Array.from(channels, atoms.find);
}

/** @param roots Of all channels that enter the node. */
function columnsOf({ group, perChannel }: WeightLayer, roots: readonly number[]): ReadonlyMap<number, number[]> {
  const width = roots.length / group.of;
  const columns = new Map<number, number[]>();
  roots.slice(group.at * width, (group.at + 1) * width).forEach((root, i) => {
    const own = columns.get(root) ?? [];
    columns.set(root, own);
    for (let k = 0; k < perChannel; k++) own.push(i * perChannel + k);
  });
  return columns;
}
