/**
 * What RMSNorms lose with channels: Σ x² / Σ_kept x² of what enters, over the calibration rows.
 *
 * With it their outputs keep the scale that they had (shrink/norms.ts), as the root of kept over all energy.
 */
import type { Dataset, OnnxNode } from "@hessonite/core";
import type { ChannelGraph } from "../groups/channelGroups.ts";
import { activations } from "../layers/activations.ts";
import { keptAfter } from "../shrink/kept.ts";

const norms: ReadonlySet<string> = new Set(["RMSNormalization", "ReduceMean", "SimplifiedLayerNormalization"]);

/**
 * @param file The bytes that `graph` was read from.
 *
 * Cost: a forward pass, where a norm loses channels.
 */
export async function keptEnergies(
  file: Uint8Array,
  { propagation }: ChannelGraph,
  removed: ReadonlySet<number>,
  data: Dataset,
  signal?: AbortSignal,
): Promise<ReadonlyMap<OnnxNode, number>> {
  const kept = keptAfter(propagation.atoms.find, removed);
  const losing = propagation.nodes.flatMap((node) => {
    const name = node.inputs[0] ?? "";
    const axis = propagation.axes.get(name)?.at(-1) ?? null;
    const passes = node.opType === "ReduceMean" && propagation.axes.get(node.outputs[0]!)?.at(-1) === axis;
    const indices = norms.has(node.opType) && !passes ? kept.indices(axis) : null;
    return indices ? [{ node, name, indices: new Set(indices), whole: 0, left: 0 }] : [];
  });
  if (losing.length === 0) return new Map();
  const names = losing.map(({ name }) => name);
  for await (const { values } of activations(file, names, data, signal ? { signal } : {})) {
    for (const sums of losing) {
      const { data: x, shape } = values[sums.name]!;
      const width = shape.at(-1) ?? 1;
      const squared = sums.node.opType === "ReduceMean"; // what enters is x² already
      for (let k = 0; k < x.length; k++) {
        const energy = squared ? x[k]! : x[k]! ** 2;
        sums.whole += energy;
        if (sums.indices.has(k % width)) sums.left += energy;
      }
    }
  }
  return new Map(losing.map(({ node, whole, left }) => [node, left > 0 ? whole / left : 1] as const));
}
