/** A layer's weight and bias as one matrix [W | b], and back. */
import { type Matrix, matrix, type Tensor } from "@hessonite/core";
import type { Propagation } from "../groups/propagate.ts";
import type { WeightLayer } from "./weightLayer.ts";

/** `[out, in]`, or `[out, in + 1]` where the layer has a bias. */
export function layerMatrix({ stored }: Pick<Propagation, "stored">, layer: WeightLayer): Matrix {
  const w = layer.toMatrix(stored(layer.weight)!);
  if (layer.bias === undefined) return w;
  const b = stored(layer.bias)!.data;
  const joint = matrix(w.rows, w.columns + 1);
  for (let r = 0; r < w.rows; r++) {
    joint.data.set(w.data.subarray(r * w.columns, (r + 1) * w.columns), r * joint.columns);
    joint.data[r * joint.columns + w.columns] = b[layer.group.at * w.rows + r]!;
  }
  return joint;
}

/** The stored tensors that a matrix [W | b] stands for; what is another group's is as it was. */
export function layerTensors(
  { stored }: Pick<Propagation, "stored">,
  layer: WeightLayer,
  joint: Matrix,
): Map<string, Tensor> {
  const width = joint.columns - Number(layer.bias !== undefined);
  const w = matrix(joint.rows, width);
  for (let r = 0; r < w.rows; r++)
    w.data.set(joint.data.subarray(r * joint.columns, r * joint.columns + width), r * width);
  const tensors = new Map([[layer.weight, layer.toTensor(w, stored(layer.weight)!)]]);
  if (layer.bias !== undefined) {
    const like = stored(layer.bias)!;
    const data = Float32Array.from(like.data);
    for (let r = 0; r < joint.rows; r++) data[layer.group.at * joint.rows + r] = joint.data[r * joint.columns + width]!;
    tensors.set(layer.bias, { ...like, data });
  }
  return tensors;
}
