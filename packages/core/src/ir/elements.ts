/**
 * Elements of tensors as bytes: how each dtype lies in a file, and the array that holds it on our side.
 *
 * Small integers are held in Int32Array (uint8 and bool in Uint8Array); uint32 and the 64-bit integers in Float64Array,
 * exact to 2⁵³; 16-bit floats are widened to Float32Array.
 */
import { MismatchError } from "../errors.ts";
import type { Dtype, TypedArray } from "./dtype.ts";
import type { NumericArray } from "./tensor.ts";

export type NumericDtype = Exclude<Dtype, "string">;

/** A dtype's form in memory: `decode` may return a view of the buffer, `encode` may return its argument. */
interface Layout {
  readonly bytes: number;
  /** Its integers may lie beyond what our numbers hold exactly. */
  readonly inexact?: boolean;
  decode(buffer: ArrayBufferLike, offset: number, count: number): NumericArray;
  encode(data: NumericArray): TypedArray;
}

const layouts: Readonly<Record<NumericDtype, Layout>> = {
  float64: { bytes: 8, decode: (b, o, n) => new Float64Array(b, o, n), encode: asFloat64 },
  float32: { bytes: 4, decode: (b, o, n) => new Float32Array(b, o, n), encode: asFloat32 },
  float16: { bytes: 2, decode: (b, o, n) => widen(new Uint16Array(b, o, n), float16Values()), encode: neverEncoded },
  bfloat16: { bytes: 2, decode: (b, o, n) => bfloat16(new Uint16Array(b, o, n)), encode: neverEncoded },
  int64: {
    bytes: 8,
    inexact: true,
    decode: (b, o, n) => wide(new Uint32Array(b, o, 2 * n), new Int32Array(b, o, 2 * n)),
    encode: asInt64,
  },
  uint64: {
    bytes: 8,
    inexact: true,
    decode: (b, o, n) => wide(new Uint32Array(b, o, 2 * n), new Uint32Array(b, o, 2 * n)),
    encode: asUint64,
  },
  int32: { bytes: 4, decode: (b, o, n) => new Int32Array(b, o, n), encode: (d) => Int32Array.from(d) },
  uint32: {
    bytes: 4,
    decode: (b, o, n) => Float64Array.from(new Uint32Array(b, o, n)),
    encode: (d) => Uint32Array.from(d),
  },
  int16: { bytes: 2, decode: (b, o, n) => Int32Array.from(new Int16Array(b, o, n)), encode: (d) => Int16Array.from(d) },
  uint16: {
    bytes: 2,
    decode: (b, o, n) => Int32Array.from(new Uint16Array(b, o, n)),
    encode: (d) => Uint16Array.from(d),
  },
  int8: { bytes: 1, decode: (b, o, n) => Int32Array.from(new Int8Array(b, o, n)), encode: (d) => Int8Array.from(d) },
  uint8: { bytes: 1, decode: (b, o, n) => new Uint8Array(b, o, n), encode: (d) => Uint8Array.from(d) },
  bool: { bytes: 1, decode: (b, o, n) => new Uint8Array(b, o, n), encode: (d) => Uint8Array.from(d) },
};

/** Bytes an element takes in a file or an engine; none for strings, whose size is not fixed. */
export function bytesPerElement(dtype: Dtype): number {
  return dtype === "string" ? 0 : layouts[dtype].bytes;
}

/** The dtype that a tensor has once read: 16-bit floats are analysed in float32. */
export function widenedDtype(dtype: Dtype): Dtype {
  return dtype === "float16" || dtype === "bfloat16" ? "float32" : dtype;
}

export interface DecodeOptions {
  readonly bigEndian?: boolean;
  /** Let 64-bit integers beyond ±2⁵³ be rounded: models use the largest ones for "to the end". */
  readonly rounding?: boolean;
  /** File and array, for messages. */
  readonly at: string;
}

/**
 * Numbers from bytes.
 *
 * @param bytes `count` elements; the result may be a view of them (aligned little-endian bytes of a type we hold as is).
 * @throws {MismatchError} if a 64-bit integer lies beyond ±2⁵³, where our numbers skip integers.
 */
export function decodeElements(
  dtype: NumericDtype,
  bytes: Uint8Array,
  count: number,
  { bigEndian = false, rounding = false, at }: DecodeOptions,
): NumericArray {
  const layout = layouts[dtype];
  const aligned = bytes.byteOffset % layout.bytes === 0;
  const source = bigEndian ? swapped(bytes, layout.bytes) : aligned ? bytes : new Uint8Array(bytes);
  const data = layout.decode(source.buffer, source.byteOffset, count);
  if (layout.inexact && !rounding) checkExact(data, at);
  return data;
}

/** Little-endian bytes of numbers, in a dtype of its own size. 16-bit floats are never written. */
export function encodeElements(dtype: NumericDtype, data: NumericArray): Uint8Array {
  const typed = layouts[dtype].encode(data);
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

function swapped(bytes: Uint8Array, size: number): Uint8Array {
  const copy = new Uint8Array(bytes); // slice() of a Buffer would be a view
  for (let at = 0; at < copy.length; at += size) copy.subarray(at, at + size).reverse();
  return copy;
}

/** 64-bit integers from their low and high halves; `high` carries the sign. */
function wide(low: Uint32Array, high: Int32Array | Uint32Array): Float64Array {
  const result = new Float64Array(low.length / 2);
  for (let i = 0; i < result.length; i++) result[i] = high[2 * i + 1]! * 2 ** 32 + low[2 * i]!;
  return result;
}

function checkExact(data: NumericArray, at: string): void {
  const beyond = data.findIndex((value) => Math.abs(value) > Number.MAX_SAFE_INTEGER);
  if (beyond === -1) return;
  throw new MismatchError("Cannot hold an integer as it lies beyond 2^53", {
    at: `${at}, element ${beyond}`,
    found: `about ${data[beyond]}`,
  });
}

function widen(bits: Uint16Array, values: Float32Array): Float32Array {
  const result = new Float32Array(bits.length);
  for (let i = 0; i < result.length; i++) result[i] = values[bits[i]!]!;
  return result;
}

/** bfloat16 is the upper half of a float32. */
function bfloat16(bits: Uint16Array): Float32Array {
  const wideBits = Uint32Array.from(bits, (b) => b << 16);
  return new Float32Array(wideBits.buffer);
}

let float16Table: Float32Array | undefined;

/** Every float16, by its bits. */
function float16Values(): Float32Array {
  float16Table ??= Float32Array.from({ length: 0x10000 }, (_, bits) => float16ToNumber(bits));
  return float16Table;
}

/** 1 sign, 5 exponent (bias 15) and 10 fraction bits to a number. */
function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function asFloat64(data: NumericArray): Float64Array {
  return data instanceof Float64Array ? data : Float64Array.from(data);
}

function asFloat32(data: NumericArray): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from(data);
}

function asInt64(data: NumericArray): BigInt64Array {
  const result = new BigInt64Array(data.length);
  data.forEach((x, i) => {
    result[i] = BigInt(x);
  });
  return result;
}

function asUint64(data: NumericArray): BigUint64Array {
  return new BigUint64Array(asInt64(data).buffer);
}

function neverEncoded(): never {
  throw new Error("internal: 16-bit floats are widened on reading and never written from numbers");
}
