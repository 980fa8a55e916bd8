/**
 * A dense array with a shape, as it travels between files, graphs and engines.
 *
 * Elements are row-major. Numbers of every dtype are held in a numeric array: floats in Float64Array or
 * Float32Array, all integers and booleans (0/1) in Int32Array or, for int64, in Float64Array (exact to 2⁵³).
 * Engines convert at their own border.
 */
import { MismatchError } from "../errors.ts";
import type { Dtype } from "./dtype.ts";
import { type Shape, sizeOf } from "./shape.ts";

/** Numeric storage of a tensor on our side of every border. */
export type NumericArray = Float64Array | Float32Array | Int32Array | Uint8Array;

export interface Tensor {
  readonly dtype: Dtype;
  readonly shape: Shape;
  readonly data: NumericArray;
}

/** A tensor from its parts, checked: the data must have as many elements as the shape says. */
export function tensor(dtype: Dtype, shape: Shape, data: NumericArray | readonly number[]): Tensor {
  if (data.length !== sizeOf(shape)) {
    throw new MismatchError("Cannot make a tensor as its data do not fill its shape", {
      expected: `${sizeOf(shape)} elements for [${shape.join(", ")}]`,
      found: data.length,
    });
  }
  return { dtype, shape, data: Array.isArray(data) ? Float64Array.from(data) : (data as NumericArray) };
}

/** A rank-0 tensor. */
export function scalar(dtype: Dtype, value: number): Tensor {
  return { dtype, shape: [], data: Float64Array.of(value) };
}
