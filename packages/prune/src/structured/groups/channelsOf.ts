/** Channels by the layer that makes them and their number there. */
import { UsageError } from "@hessonite/core";
import type { ChannelGraph } from "./channelGroups.ts";

/**
 * The numbers that `ShrinkRequest.removed` takes.
 *
 * @param layer The node's name, or that of its weight.
 * @param indices Positions along the layer's outputs.
 * @throws {UsageError} if there is no such layer, or one of the channels has to stay.
 */
export function channelsOf({ propagation }: ChannelGraph, layer: string, indices: readonly number[]): number[] {
  const side = propagation.makers.find(({ node, weight }) => node.name === layer || node.inputs[weight] === layer);
  if (!side) {
    const known = [...new Set(propagation.makers.map(({ node }) => node.name))];
    throw new UsageError("Cannot find channels as no layer has that name", {
      at: `layer "${layer}"`,
      try: `one of ${known.slice(0, 8).join(", ")}${known.length > 8 ? ", …" : ""}`,
    });
  }
  return indices.map((index) => {
    const atom = side.channels[index];
    const reason = atom === undefined ? `it has ${side.channels.length}` : propagation.atoms.reason(atom);
    if (atom !== undefined && reason === undefined) return propagation.atoms.find(atom);
    throw new UsageError("Cannot remove a channel as it has to stay", {
      at: `channel ${index} of "${layer}"`,
      found: reason ?? "",
    });
  });
}
