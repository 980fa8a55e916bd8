/** Tensors between our form and ONNX Runtime's. */
import type { Dtype } from "../../ir/dtype.ts";
import { bytesPerElement } from "../../ir/elements.ts";
import type { Shape } from "../../ir/shape.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { NumericArray, Tensor } from "../../ir/tensor.ts";
import type { Feed } from "../engine.ts";
import type { BufferPool } from "./bufferPool.ts";

type OrtData =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

/** What a worker is sent for an input. */
export type Fed =
  | { readonly type: Dtype; readonly dims: readonly number[]; readonly data: OrtData }
  | { readonly resident: number };

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** The pieces one after another in a buffer of the pool, in the runtime's own type; it will be transferred. */
function ortData(dtype: Dtype, shape: Shape, pieces: readonly NumericArray[], pool: BufferPool): OrtData {
  if (!(dtype in arrays)) throw new Error(`internal: ${dtype} tensors are widened before they are fed`);
  const array = arrays[dtype as keyof typeof arrays];
  const data = new array(pool.take(sizeOf(shape) * bytesPerElement(dtype)));
  let at = 0;
  for (const piece of pieces) {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
      for (let i = 0; i < piece.length; i++) data[at + i] = BigInt(piece[i]!);
    } else {
      data.set(piece, at);
    }
    at += piece.length;
  }
  if (at < data.length) (data as Float32Array).fill(0, at);
  return data;
}

/** What to send for an input of this type, and the buffer to hand over with it. */
export function fedOf(
  { dtype, shape }: { readonly dtype: Dtype; readonly shape: Shape },
  feed: Feed,
  pool: BufferPool,
): Fed {
  if ("resident" in feed) return { resident: feed.resident };
  const pieces = "pieces" in feed ? feed.pieces : [feed.data];
  return { type: dtype, dims: shape, data: ortData(dtype, shape, pieces, pool) };
}

export function transferOf(list: readonly Fed[]): ArrayBuffer[] {
  return list.flatMap((fed) => ("data" in fed ? [fed.data.buffer] : []));
}

/** A result as the runtime gives it. */
export interface OrtResult {
  readonly type: Dtype;
  readonly data: OrtData;
}

/** Our form of a result, of this shape. */
export function tensorOfResult({ type, data }: OrtResult, shape: Shape): Tensor {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    return { dtype: type, shape, data: Float64Array.from({ length: data.length }, (_, i) => Number(data[i])) };
  }
  if (
    data instanceof Float32Array ||
    data instanceof Float64Array ||
    data instanceof Int32Array ||
    data instanceof Uint8Array
  ) {
    return { dtype: type, shape, data };
  }
  return { dtype: type, shape, data: Int32Array.from(data) };
}
