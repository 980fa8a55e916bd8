/** Element types of tensors, and the typed arrays that hold them. */

/** ONNX element types that a graph value can have. bfloat16 is held as raw uint16 until it is widened. */
export const dtypes = [
  "float32",
  "float64",
  "float16",
  "bfloat16",
  "int64",
  "int32",
  "int16",
  "int8",
  "uint64",
  "uint32",
  "uint16",
  "uint8",
  "bool",
  "string",
] as const;

export type Dtype = (typeof dtypes)[number];

/** How a tensor's elements lie in memory. 64-bit integers are BigInt arrays only at the border of an engine or a file. */
export type TypedArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** True for the types whose values are real numbers with derivatives. */
export function isFloat(dtype: Dtype): boolean {
  return dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16";
}
