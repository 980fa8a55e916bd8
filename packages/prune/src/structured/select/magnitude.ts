/** Channels by the size of the weights that make them: ‖w‖² over all layers that do, the baseline of the field. */
import type { ChannelGraph } from "../groups/channelGroups.ts";
import { takenMatrix } from "../layers/takenMatrix.ts";
import type { ChannelCosts } from "./channelCosts.ts";

/** Relative to the mean of the layer, so that layers of different scales compare. */
export function magnitudeChannelCosts({ model, propagation }: ChannelGraph): ChannelCosts {
  const { atoms, makers, nodes, stored } = propagation;
  const madeBy = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const sums = new Map<number, number>();
  for (const { node, weight, weightAxis: axis, channels } of makers) {
    const name = node.inputs[weight] ?? "";
    const taken = takenMatrix(model, name, (value) => madeBy.get(value));
    const tensor = stored(taken?.name ?? name);
    const weightAxis = taken?.turned ? 1 - axis : axis;
    if (!tensor || tensor.shape[weightAxis] !== channels.length) continue;
    const inner = tensor.shape.slice(weightAxis + 1).reduce((n, d) => n * d, 1);
    const norms = new Float64Array(channels.length);
    tensor.data.forEach((w: number, at: number) => {
      norms[Math.floor(at / inner) % channels.length]! += w * w;
    });
    const mean = norms.reduce((sum, n) => sum + n, 0) / channels.length || 1;
    channels.forEach((atom, i) => {
      const root = atoms.find(atom);
      sums.set(root, (sums.get(root) ?? 0) + norms[i]! / mean);
    });
  }
  return { cost: (channel) => sums.get(channel) ?? Number.POSITIVE_INFINITY, remove: () => {} };
}
