/** Tensors between our form and ONNX's TensorProto. */
import type { onnx } from "onnx-proto";
import { UnsupportedModelError } from "../errors.ts";
import type { Dtype } from "../ir/dtype.ts";
import { bytesPerElement, decodeElements, encodeElements, type NumericDtype, widenedDtype } from "../ir/elements.ts";
import { showShape, sizeOf } from "../ir/shape.ts";
import type { NumericArray, Tensor } from "../ir/tensor.ts";
import { messages } from "./proto.ts";

const { DataType } = messages.TensorProto;

const codes: Readonly<Record<Dtype, number>> = {
  float32: DataType.FLOAT,
  float64: DataType.DOUBLE,
  float16: DataType.FLOAT16,
  bfloat16: DataType.BFLOAT16,
  int64: DataType.INT64,
  int32: DataType.INT32,
  int16: DataType.INT16,
  int8: DataType.INT8,
  uint64: DataType.UINT64,
  uint32: DataType.UINT32,
  uint16: DataType.UINT16,
  uint8: DataType.UINT8,
  bool: DataType.BOOL,
  string: DataType.STRING,
};

const names = new Map(Object.entries(codes).map(([name, code]) => [code, name as Dtype]));

/** ONNX's number for a dtype. */
export function dtypeCode(dtype: Dtype): number {
  return codes[dtype];
}

/** The dtype of ONNX's number; undefined for those we cannot hold (complex, 8-bit floats, 4-bit integers). */
export function dtypeOfCode(code: number): Dtype | undefined {
  return names.get(code);
}

/** An initializer or attribute; data as raw bytes. */
export function encodeTensor(name: string, value: Tensor): onnx.ITensorProto {
  return {
    name,
    dataType: codes[value.dtype],
    dims: [...value.shape],
    rawData: encodeElements(value.dtype as NumericDtype, value.data),
  };
}

/**
 * The shape that a tensor declares, before anything is allocated for it.
 *
 * @throws {UnsupportedModelError} if a length is negative, or the number of elements beyond what can be counted.
 */
export function dimsOf({ name, dims }: onnx.ITensorProto): number[] {
  const shape = (dims ?? []).map(Number);
  if (shape.every((d) => d >= 0) && sizeOf(shape) <= Number.MAX_SAFE_INTEGER) return shape;
  throw new UnsupportedModelError("Cannot read a tensor as its shape cannot be", {
    at: `tensor "${name || "a constant"}"`,
    found: showShape(shape),
    try: "the file is probably damaged: copy or export it again",
  });
}

/** A tensor from an initializer or attribute with its data inside the message. */
export function decodeTensor(proto: onnx.ITensorProto): Tensor {
  const name = proto.name || "a constant";
  const dtype = dtypeOfCode(proto.dataType ?? 0);
  if (!dtype || dtype === "string") {
    throw new UnsupportedModelError("Cannot read a tensor as its element type is not supported", {
      at: `tensor "${name}"`,
      found: dtype ?? `ONNX type ${proto.dataType}`,
    });
  }
  const shape = dimsOf(proto);
  const count = sizeOf(shape);
  const bytes = proto.rawData;
  const data = bytes && bytes.length > 0 ? bytes.length : 0;
  if (data > 0) {
    if (data !== count * bytesPerElement(dtype)) {
      throw new UnsupportedModelError("Cannot read a tensor as its data do not fill its shape", {
        at: `tensor "${name}"`,
        expected: `${count * bytesPerElement(dtype)} bytes for [${shape.join(", ")}]`,
        found: `${data} bytes`,
        try: "the file is probably truncated: copy or export it again",
      });
    }
    return {
      dtype: widenedDtype(dtype),
      shape,
      data: decodeElements(dtype, bytes!, count, { at: `tensor "${name}"`, rounding: true }),
    };
  }
  return { dtype: widenedDtype(dtype), shape, data: decodeFields(proto, dtype, count) };
}

/** Data in the message's typed fields. */
function decodeFields(proto: onnx.ITensorProto, dtype: NumericDtype, count: number): NumericArray {
  const list = fieldOf(proto, dtype);
  if (list.length !== count) {
    throw new UnsupportedModelError("Cannot read a tensor as its data do not fill its shape", {
      at: `tensor "${proto.name || "a constant"}"`,
      expected: `${count} elements`,
      found: list.length,
      try: proto.dataLocation ? "keep the external data file beside the model" : "export the model again",
    });
  }
  // 16-bit floats come as their bits.
  const bits = dtype === "float16" || dtype === "bfloat16";
  const bytes = bits ? new Uint8Array(Uint16Array.from(list).buffer) : encodeElements(dtype, Float64Array.from(list));
  return decodeElements(dtype, bytes, count, { at: `tensor "${proto.name}"`, rounding: true });
}

function fieldOf(proto: onnx.ITensorProto, dtype: NumericDtype): number[] {
  if (dtype === "float32") return proto.floatData ?? [];
  if (dtype === "float64") return proto.doubleData ?? [];
  if (dtype === "int64") return (proto.int64Data ?? []).map(Number);
  if (dtype === "uint64" || dtype === "uint32") return (proto.uint64Data ?? []).map(Number);
  return proto.int32Data ?? [];
}
