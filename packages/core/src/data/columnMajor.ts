/** Arrays in Fortran's order: the first index runs fastest. */
import { type Shape, stridesOf } from "../ir/shape.ts";
import type { NumericArray } from "../ir/tensor.ts";

/** The same array row-major. */
export function rowMajor(data: NumericArray, shape: Shape): NumericArray {
  if (shape.length < 2) return data;
  const result = data.slice();
  const strides = stridesOf(shape);
  const index = shape.map(() => 0);
  let to = 0;
  for (const value of data) {
    result[to] = value;
    for (let axis = 0; axis < shape.length; axis++) {
      to += strides[axis]!;
      index[axis] = index[axis]! + 1;
      if (index[axis] !== shape[axis]) break;
      to -= strides[axis]! * shape[axis]!; // carry to the next axis
      index[axis] = 0;
    }
  }
  return result;
}
