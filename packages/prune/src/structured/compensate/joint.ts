/** The best weights of the layers that read removed channels, for the inputs that the dense model gives them. */
import type { Tensor } from "@hessonite/core";
import { jointUpdate } from "../../layerwise/jointUpdate.ts";
import type { ChannelGraph } from "../groups/channelGroups.ts";
import { layerTensors } from "../layers/matrices.ts";
import { channelColumns, type ObsCosts } from "../select/obs.ts";

/** Stored tensors with the shapes of the dense model: what goes is 0 in them. The exact joint update, biases with it. */
export function jointCompensation(
  graph: ChannelGraph,
  removed: readonly number[],
  { prepared }: ObsCosts,
): Map<string, Tensor> {
  const columns = channelColumns(graph, [...prepared.keys()]);
  const values = new Map<string, Tensor>();
  const stored = (name: string): Tensor | undefined => values.get(name) ?? graph.propagation.stored(name);
  for (const [layer, ready] of prepared) {
    const gone = removed.flatMap((channel) =>
      (columns.get(channel) ?? []).filter((own) => own.layer === layer).flatMap((own) => own.columns),
    );
    if (gone.length === 0) continue;
    const { rows, columns: width } = ready.weights;
    const mask = new Uint8Array(rows * width);
    for (let r = 0; r < rows; r++) for (const column of gone) mask[r * width + column] = 1;
    const { weights } = jointUpdate(ready, mask);
    for (const [name, tensor] of layerTensors({ stored }, layer, weights)) values.set(name, tensor);
  }
  return values;
}
