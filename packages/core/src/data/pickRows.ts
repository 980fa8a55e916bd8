import { sizeOf } from "../ir/shape.ts";
import type { NumericArray, Tensor } from "../ir/tensor.ts";

/** Entries of the first axis by their numbers, in the order asked for. */
export function pickRows({ dtype, shape, data }: Tensor, rows: readonly number[]): Tensor {
  const width = sizeOf(shape.slice(1));
  const picked = new (data.constructor as new (n: number) => NumericArray)(rows.length * width);
  rows.forEach((row, i) => picked.set(data.subarray(row * width, (row + 1) * width) as never, i * width));
  return { dtype, shape: [rows.length, ...shape.slice(1)], data: picked };
}
