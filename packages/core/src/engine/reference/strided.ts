/**
 * Strided views of row-major data, as explicit lists of offsets.
 *
 * Every operator that moves elements, and every one that works along axes, is a view: the element of index i lies at
 * start + Σ iₖ·strideₖ. Writing the offsets out costs four bytes an element and makes the kernels one loop each.
 */
import { type Shape, sizeOf, stridesOf } from "../../ir/shape.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { allocate } from "./storage.ts";

/** start + Σ iₖ·strideₖ for every index i of `shape`, in row-major order of i. */
export function offsetsOf(shape: Shape, strides: readonly number[], start = 0): Int32Array {
  let offsets: Int32Array = Int32Array.of(start);
  for (const [axis, length] of shape.entries()) {
    if (length !== 1) offsets = spread(offsets, length, strides[axis]!);
  }
  return offsets;
}

/** Each offset followed by its `length` − 1 neighbours at distance `stride`. */
function spread(offsets: Int32Array, length: number, stride: number): Int32Array {
  const result = new Int32Array(offsets.length * length);
  for (let i = 0, at = 0; i < offsets.length; i++) {
    for (let k = 0; k < length; k++, at++) result[at] = offsets[i]! + k * stride;
  }
  return result;
}

/** The elements of `x` at `offsets`. */
export function take({ dtype, data }: Tensor, offsets: Int32Array): Tensor["data"] {
  const y = allocate(dtype, offsets.length);
  for (let i = 0; i < y.length; i++) y[i] = data[offsets[i]!]!;
  return y;
}

/** The elements of `x` as they lie in the shape that it broadcasts to; its own data if none is repeated. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor["data"] {
  if (x.data.length === sizeOf(shape)) return x.data;
  const added = shape.length - x.shape.length;
  const own = stridesOf(x.shape);
  const strides = shape.map((_, axis) => (axis < added || x.shape[axis - added] === 1 ? 0 : own[axis - added]!));
  return take(x, offsetsOf(shape, strides));
}

/** The offsets that the given axes of `shape` span, from 0. */
export function offsetsAlong(shape: Shape, axes: readonly number[]): Int32Array {
  const strides = stridesOf(shape);
  return offsetsOf(
    axes.map((axis) => shape[axis]!),
    axes.map((axis) => strides[axis]!),
  );
}

/** The axes of `shape` that are not among `axes`. */
export function otherAxes(shape: Shape, axes: readonly number[]): number[] {
  return [...shape.keys()].filter((axis) => !axes.includes(axis));
}

/** The lines of a tensor along one axis: element i of a lane lies at its start + i·step. A scalar is one lane of one. */
export interface Lanes {
  readonly starts: Int32Array;
  readonly step: number;
  readonly length: number;
}

export function lanesOf(shape: Shape, axis: number): Lanes {
  return {
    starts: offsetsAlong(shape, otherAxes(shape, [axis])),
    step: stridesOf(shape)[axis] ?? 1,
    length: shape[axis] ?? 1,
  };
}
