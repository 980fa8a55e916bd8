/**
 * A model in which every channel has a factor of 1 of its own, a gate, wherever a stored weight sums over it.
 *
 *     x_c → m_c x_c,  m_c = 1        the channel is gone at m_c = 0
 *
 * The loss's derivatives by the gates are what a channel that goes costs, whatever layers it couples.
 *
 * Source: Molchanov et al. (2019), Importance estimation for neural network pruning, arXiv:1906.10771.
 */
import { editModel, type NewNode, type NewTensor, type OnnxNode } from "@hessonite/core";
import type { ChannelGraph } from "../groups/channelGroups.ts";
import type { LayerSide } from "../groups/ruleContext.ts";
import { nameSource } from "../shrink/names.ts";
import { keyOf } from "../shrink/shrink.ts";

export interface Gate {
  /** The stored tensor of ones. */
  readonly name: string;
  /** The channel of each of its entries; −1 for one that has to stay. */
  readonly channels: readonly number[];
}

export interface GatedModel {
  readonly file: Uint8Array;
  readonly gates: readonly Gate[];
}

/** An activation that a weight sums over, and the axis. */
interface Reading {
  readonly node: OnnxNode;
  readonly position: number;
  readonly axis: number;
}

/** @param file The bytes that `graph` was read from. */
export function gateChannels(file: Uint8Array, graph: ChannelGraph): GatedModel {
  const { model, propagation } = graph;
  const open = new Set(graph.groups.flatMap(({ channels }) => channels));
  const { fresh } = nameSource(model);
  const initializers = new Map<string, NewTensor>();
  const gates: Gate[] = [];
  const before = new Map<OnnxNode, NewNode[]>();
  const inputs = new Map<OnnxNode, Map<number, string>>();
  /** Values that are gated already, by name and axis. */
  const known = new Map<string, string>();
  for (const { node, position, axis } of readingsOf(graph)) {
    const value = node.inputs[position]!;
    const key = `${axis} ${value}`;
    let gated = known.get(key);
    if (gated === undefined) {
      const channels = Array.from(propagation.axes.get(value)?.[axis] ?? [], (atom) => {
        const root = propagation.atoms.find(atom);
        return open.has(root) ? root : -1;
      });
      if (channels.every((channel) => channel < 0)) continue;
      const name = fresh(`${value}_gate`);
      gated = fresh(`${value}_gated`);
      known.set(key, gated);
      const rank = propagation.known.values.get(value)!.shape.length;
      const shape = Array.from({ length: rank - axis }, (_, i) => (i === 0 ? channels.length : 1));
      initializers.set(name, { dtype: "float32", shape, data: new Float32Array(channels.length).fill(1) });
      gates.push({ name, channels });
      const mul: NewNode = { name: gated, opType: "Mul", inputs: [value, name], outputs: [gated] };
      before.set(node, [...(before.get(node) ?? []), mul]);
    }
    inputs.set(node, (inputs.get(node) ?? new Map<number, string>()).set(position, gated));
  }
  const nodes = new Map(
    [...inputs].map(([node, own]) => [
      keyOf(node),
      { inputs: node.inputs.map((name, i) => own.get(i) ?? name), before: before.get(node) ?? [] },
    ]),
  );
  return { file: editModel(file, { nodes, initializers, irVersion: 4 }), gates };
}

/** In the file's order, so that a gate stands in front of all that need it. */
function readingsOf({ propagation: { readers, nodes, axes, known } }: ChannelGraph): Reading[] {
  const places = new Map(nodes.map((node, i) => [node, i]));
  return readers
    .flatMap((side) => readingOf(side, (name) => known.values.get(name)?.shape.length ?? 0) ?? [])
    .filter(({ node, position }) => axes.has(node.inputs[position] ?? ""))
    .sort((a, b) => places.get(a.node)! - places.get(b.node)!);
}

/** Undefined where the weight meets more than one activation. */
function readingOf({ node, weight, weightAxis }: LayerSide, rankOf: (name: string) => number): Reading | undefined {
  const rank = (position: number): number => rankOf(node.inputs[position] ?? "");
  const int = (name: string): number => {
    const attr = node.attrs[name];
    return attr?.kind === "int" ? attr.value : 0;
  };
  switch (node.opType) {
    case "Conv":
    case "ConvTranspose":
      return { node, position: 0, axis: 1 };
    case "Gemm":
      return { node, position: 0, axis: int("transA") ? 0 : 1 };
    case "GRU":
    case "LSTM":
    case "RNN":
      return { node, position: 0, axis: 2 };
    case "MatMul":
      return weight === 1
        ? { node, position: 0, axis: rank(0) - 1 }
        : { node, position: 1, axis: Math.max(0, rank(1) - 2) };
    case "Einsum": {
      const equation = node.attrs["equation"];
      const terms = equation?.kind === "string" ? equation.value.replaceAll(" ", "").split("->")[0]!.split(",") : [];
      const position = 1 - weight;
      const axis = terms[position]?.indexOf(terms[weight]?.[weightAxis] ?? "") ?? -1;
      return terms.length === 2 && axis >= 0 ? { node, position, axis } : undefined;
    }
    default:
      return undefined;
  }
}
