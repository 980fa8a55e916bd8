/**
 * How the reference engine holds numbers.
 *
 *     all floats, int64, uint64, uint32    Float64Array    64-bit integers are exact to 2⁵³ and do not wrap
 *     all other integers, bool (0/1)       Int32Array      integers wrap at their own width
 */
import { type Dtype, isFloat } from "../../ir/dtype.ts";
import type { NumericArray, Tensor } from "../../ir/tensor.ts";

const inInt32: ReadonlySet<Dtype> = new Set(["int32", "int16", "int8", "uint16", "uint8", "bool"]);

/** `size` zeros of a dtype. */
export function allocate(dtype: Dtype, size: number): Float64Array | Int32Array {
  return inInt32.has(dtype) ? new Int32Array(size) : new Float64Array(size);
}

/** The tensor itself if it is held as above, otherwise a copy that is. */
export function held(tensor: Tensor): Tensor {
  const { dtype, shape, data } = tensor;
  const Held = inInt32.has(dtype) ? Int32Array : Float64Array;
  return data instanceof Held ? tensor : { dtype, shape, data: Held.from(data) };
}

/** Residue of an integer at the width of its dtype; the identity where that is int32 (by storage) or 64 bits. */
const wraps: { readonly [D in Dtype]?: (x: number) => number } = {
  int16: (x) => (x << 16) >> 16,
  int8: (x) => (x << 24) >> 24,
  uint32: (x) => x >>> 0,
  uint16: (x) => x & 0xffff,
  uint8: (x) => x & 0xff,
};

/** Wraps integers at their width, in place, and makes −0 a 0. Floats stay as they are. */
export function settle<A extends NumericArray>(dtype: Dtype, data: A): A {
  if (isFloat(dtype)) return data;
  const wrap = wraps[dtype] ?? ((x: number) => x + 0);
  for (let i = 0; i < data.length; i++) data[i] = wrap(data[i]!);
  return data;
}

const ranges: { readonly [D in Dtype]?: readonly [lowest: number, highest: number] } = {
  int64: [-(2 ** 63), 2 ** 63],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  int8: [-(2 ** 7), 2 ** 7 - 1],
  uint64: [0, 2 ** 64],
  uint32: [0, 2 ** 32 - 1],
  uint16: [0, 2 ** 16 - 1],
  uint8: [0, 2 ** 8 - 1],
  bool: [0, 1],
};

/** The neutral element of max. */
export function lowest(dtype: Dtype): number {
  return ranges[dtype]?.[0] ?? Number.NEGATIVE_INFINITY;
}

/** The neutral element of min. */
export function highest(dtype: Dtype): number {
  return ranges[dtype]?.[1] ?? Number.POSITIVE_INFINITY;
}
