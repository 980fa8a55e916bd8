/**
 * A tensor as its entries that are not the usual one and a bit for each entry, 1 where it is one of them.
 *
 *     bytes = ⌈entries / 8⌉ + width · others        dense: width · entries
 *
 * The usual entry is 0 in floats; the level that stands for 0 in integers. Bit i of the map is bit i mod 8 of byte ⌊i / 8⌋. With a
 * pattern of 2:4 the four bits of a group are the nibble that says which two stay: no other form of the pattern is shorter by more
 * than a bit and a half a group.
 */
import { MismatchError, type NumericArray, type Tensor } from "@hessonite/core";

export interface PackedTensor {
  readonly bitmap: Uint8Array;
  /** In the order of their indices. */
  readonly values: NumericArray;
  /** What all other entries are. */
  readonly usual: number;
}

/** −0 and NaN are kept as values. */
export function packTensor({ data }: Tensor, usual = 0): PackedTensor {
  const bitmap = new Uint8Array(Math.ceil(data.length / 8));
  const values: number[] = [];
  data.forEach((value: number, i: number) => {
    if (Object.is(value, usual)) return;
    bitmap[i >> 3]! |= 1 << (i & 7);
    values.push(value);
  });
  return {
    bitmap,
    values: (data.constructor as unknown as { from(list: number[]): NumericArray }).from(values),
    usual,
  };
}

/** @throws {MismatchError} if the parts do not fit the shape or each other. */
export function unpackTensor(
  { dtype, shape }: Pick<Tensor, "dtype" | "shape">,
  { bitmap, values, usual }: PackedTensor,
): Tensor {
  const count = shape.reduce((n, d) => n * d, 1);
  if (bitmap.length !== Math.ceil(count / 8)) {
    throw new MismatchError("Cannot unpack a tensor as its bitmap does not fit its shape", {
      expected: `${Math.ceil(count / 8)} bytes for [${shape.join(", ")}]`,
      found: bitmap.length,
    });
  }
  const data = new (values.constructor as new (n: number) => NumericArray)(count).fill(usual);
  let next = 0;
  for (let i = 0; i < count; i++) if (bitmap[i >> 3]! & (1 << (i & 7))) data[i] = values[next++] ?? Number.NaN;
  if (next !== values.length) {
    throw new MismatchError("Cannot unpack a tensor as its bitmap counts other entries than it has", {
      expected: values.length,
      found: next,
    });
  }
  return { dtype, shape, data };
}
