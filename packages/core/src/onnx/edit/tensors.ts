/** New initializers as messages: dense, raw or sparse. */
import type { onnx } from "onnx-proto";
import { encodeElements, type NumericDtype } from "../../ir/elements.ts";
import { smallFloatBits, smallFloats } from "../../ir/smallFloat.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { messages } from "../proto.ts";
import { dtypeCode } from "../tensorProto.ts";
import type { ExternalTensor, NewTensor, RawTensor, SparseTensor } from "./edit.ts";

export function isSparse(tensor: NewTensor): tensor is SparseTensor {
  return "indices" in tensor;
}

export function isRaw(tensor: NewTensor): tensor is RawTensor {
  return "code" in tensor && "bytes" in tensor;
}

function isExternal(tensor: NewTensor): tensor is ExternalTensor {
  return "location" in tensor;
}

/** A TensorProto with its data inside, or with where they lie. */
export function tensorMessage(name: string, tensor: Tensor | RawTensor | ExternalTensor): onnx.ITensorProto {
  if (isExternal(tensor)) return externalMessage(name, tensor);
  const [dataType, rawData] = isRaw(tensor) ? [tensor.code, tensor.bytes] : [dtypeCode(tensor.dtype), bytesOf(tensor)];
  return { name, dataType, dims: [...tensor.shape], rawData };
}

function externalMessage(name: string, { code, shape, location, offset, length }: ExternalTensor): onnx.ITensorProto {
  const entries = Object.entries({ location, offset: String(offset), length: String(length) });
  return {
    name,
    dataType: code,
    dims: [...shape],
    dataLocation: messages.TensorProto.DataLocation.EXTERNAL,
    externalData: entries.map(([key, value]) => ({ key, value })),
  };
}

/** 16-bit floats are rounded to the nearest. */
function bytesOf({ dtype, data }: Tensor): Uint8Array {
  if (dtype !== "float16" && dtype !== "bfloat16") return encodeElements(dtype as NumericDtype, data);
  return new Uint8Array(Uint16Array.from(data, (x) => smallFloatBits(x, smallFloats[dtype])).buffer);
}

/** The name of a SparseTensorProto is that of its values. */
export function sparseBytes(name: string, { shape, values, indices }: SparseTensor): Uint8Array {
  const positions: Tensor = { dtype: "int64", shape: [indices.length], data: Float64Array.from(indices) };
  const { SparseTensorProto } = messages;
  return SparseTensorProto.encode({
    values: tensorMessage(name, { ...values, shape: [indices.length] }),
    indices: tensorMessage("", positions),
    dims: [...shape],
  }).finish();
}
