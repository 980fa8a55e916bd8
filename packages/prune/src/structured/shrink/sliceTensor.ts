/** A tensor with some indices of its axes. */
import type { Tensor } from "@hessonite/core";

/** @param kept For each axis the indices that stay; null for all. */
export function sliceTensor(tensor: Tensor, kept: readonly (readonly number[] | null)[]): Tensor {
  return kept.reduce((now: Tensor, indices, axis) => (indices ? takeAlong(now, axis, indices) : now), tensor);
}

function takeAlong({ dtype, shape, data }: Tensor, axis: number, indices: readonly number[]): Tensor {
  const length = shape[axis] ?? 1;
  const inner = shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  const outer = shape.slice(0, axis).reduce((n, d) => n * d, 1);
  const taken = data.slice(0, outer * indices.length * inner);
  for (let o = 0; o < outer; o++) {
    indices.forEach((index, i) => {
      const from = (o * length + index) * inner;
      taken.set(data.subarray(from, from + inner), (o * indices.length + i) * inner);
    });
  }
  return { dtype, shape: shape.map((d, i) => (i === axis ? indices.length : d)), data: taken };
}
