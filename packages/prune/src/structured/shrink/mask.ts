/** The dense model with some channels counted as zero: what a model without them has to agree with. */
import { editModel, type NewNode, type NewTensor, type NodeEdit } from "@hessonite/core";
import type { Axes } from "../groups/atoms.ts";
import type { ChannelGraph } from "../groups/channelGroups.ts";
import { keptAfter } from "./kept.ts";
import { nameSource } from "./names.ts";
import { keyOf } from "./shrink.ts";

/** Operators that sum over channels, or over their squares. */
const sums: ReadonlySet<string> = new Set([
  ...["Conv", "ConvTranspose", "Einsum", "GRU", "Gemm", "LSTM", "MatMul", "RMSNormalization", "RNN", "ReduceMean"],
  "SimplifiedLayerNormalization",
]);

/** Every activation that enters a product is multiplied by 0 at the channels and by 1 elsewhere; shapes stay. */
export function maskModel(file: Uint8Array, graph: ChannelGraph, removed: ReadonlySet<number>): Uint8Array {
  const { model, propagation } = graph;
  const kept = keptAfter(propagation.atoms.find, removed);
  const { fresh } = nameSource(model);
  const initializers = new Map<string, NewTensor>();
  const nodes = new Map<string, NodeEdit>();
  for (const node of propagation.nodes.filter(({ opType }) => sums.has(opType))) {
    const before: NewNode[] = [];
    const inputs = node.inputs.map((name) => {
      const axes = propagation.axes.get(name) ?? [];
      if (!kept.changes(axes)) return name;
      const mask = fresh(`${name}_mask`);
      const masked = fresh(`${name}_masked`);
      const shape = propagation.known.values.get(name)!.shape;
      const lengths = shape.map((length, axis) => (kept.indices(axes[axis] ?? null) ? length : 1));
      initializers.set(mask, { dtype: "float32", shape: lengths, data: maskData(axes, lengths, kept.indices) });
      before.push({ name: masked, opType: "Mul", inputs: [name, mask], outputs: [masked] });
      return masked;
    });
    if (before.length > 0) nodes.set(keyOf(node), { inputs, before });
  }
  return editModel(file, { nodes, initializers, irVersion: 4 });
}

function maskData(
  axes: Axes,
  lengths: readonly number[],
  indices: (axis: Axes[number]) => readonly number[] | null,
): Float32Array {
  const stay = axes.map((axis, i) => (lengths[i]! > 1 ? new Set(indices(axis)) : null));
  const count = lengths.reduce((n, d) => n * d, 1);
  return Float32Array.from({ length: count }, (_, flat) => {
    let rest = flat;
    for (let axis = lengths.length - 1; axis >= 0; axis--) {
      const at = rest % lengths[axis]!;
      rest = Math.floor(rest / lengths[axis]!);
      const own = stay[axis];
      if (own && !own.has(at)) return 0;
    }
    return 1;
  });
}
