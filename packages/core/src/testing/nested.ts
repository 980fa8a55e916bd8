/**
 * Tensors as one writes them: nested lists of numbers, the shape read off the nesting.
 *
 * A list may also be given as text, `"[[1, 2], [3, 4]]"`, which a formatter leaves on one line.
 */
import type { Dtype } from "../ir/dtype.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";

export type Nested = number | readonly Nested[];

/** A float tensor; float32 unless said. */
export function float(values: Nested | string, dtype: Dtype = "float32"): Tensor {
  const list = listOf(values);
  return tensor(dtype, shapeOf(list), Float64Array.from(flat(list)));
}

/** An integer tensor; int64 unless said. */
export function ints(values: Nested | string, dtype: Dtype = "int64"): Tensor {
  const Held = dtype === "int64" ? Float64Array : Int32Array;
  const list = listOf(values);
  return tensor(dtype, shapeOf(list), Held.from(flat(list)));
}

/** A bool tensor of 0s and 1s. */
export function bools(values: Nested | string): Tensor {
  return ints(values, "bool");
}

function listOf(values: Nested | string): Nested {
  return typeof values === "string" ? (JSON.parse(values) as Nested) : values;
}

function flat(values: Nested): number[] {
  return typeof values === "number" ? [values] : values.flatMap(flat);
}

function shapeOf(values: Nested): number[] {
  if (typeof values === "number") return [];
  const [first] = values;
  return first === undefined ? [0] : [values.length, ...shapeOf(first)];
}
