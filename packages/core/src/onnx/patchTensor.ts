/** New values for one stored tensor: over its bytes where their number stays, else as another form of its message. */
import { UnsupportedModelError, UsageError } from "../errors.ts";
import type { Dtype } from "../ir/dtype.ts";
import { bytesPerElement, encodeElements, type NumericDtype } from "../ir/elements.ts";
import { sizeOf } from "../ir/shape.ts";
import { smallFloatBits, smallFloats } from "../ir/smallFloat.ts";
import type { NumericArray, Tensor } from "../ir/tensor.ts";
import { encodedVarint, fieldsOf, joined, lengthDelimited, textOf, type WireField } from "./fieldRanges.ts";
import { dtypeOfCode } from "./tensorProto.ts";

/** Bytes to be written into a file beside the model. */
export interface ExternalPatch {
  readonly location: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What a tensor's new values change beside the bytes that were overwritten in place. */
export interface TensorPatch {
  readonly external?: ExternalPatch;
  /** The whole message, where its length changes. */
  readonly message?: Uint8Array;
}

/** Field numbers of TensorProto. */
export const tensorFields = {
  dims: 1,
  dataType: 2,
  floats: 4,
  integers: 5,
  name: 8,
  raw: 9,
  doubles: 10,
  external: 13,
} as const;

/**
 * Writes `value` into `file`, over the tensor's bytes.
 *
 * @param proto The fields of its message.
 * @throws {UsageError} if the file's tensor has another size.
 * @throws {UnsupportedModelError} if it holds no floats.
 */
export function patchTensor(file: Uint8Array, proto: readonly WireField[], value: Tensor): TensorPatch {
  const name = textOf(file, fieldOf(proto, "name"));
  const at = `initializer "${name}"`;
  const shape = proto.filter((f) => f.number === tensorFields.dims).flatMap((f) => f.integers(file));
  const dtype = floatDtype(file, proto, at);
  if (sizeOf(shape) !== value.data.length) {
    throw new UsageError("Cannot write weights as their number is not that of the file", {
      at,
      expected: sizeOf(shape),
      found: value.data.length,
    });
  }
  const encoded = encodeFloats(dtype, value.data);
  const external = externalEntries(file, proto);
  const location = external.get("location");
  if (location !== undefined) {
    return { external: { location, offset: Number(external.get("offset") ?? 0), bytes: encoded } };
  }
  return overwritten(file, proto, encoded) ? {} : { message: anotherForm(file, proto, encoded) };
}

/** Where the data lie, for a tensor whose data lie elsewhere. */
export function externalEntries(file: Uint8Array, proto: readonly WireField[]): Map<string, string> {
  return new Map(proto.filter((f) => f.number === tensorFields.external).map((f) => entryOf(file, f)));
}

/** A StringStringEntryProto. */
function entryOf(file: Uint8Array, field: WireField): [string, string] {
  const parts = [...fieldsOf(file, field)];
  const text = (number: number): string =>
    textOf(
      file,
      parts.find((f) => f.number === number),
    );
  return [text(1), text(2)];
}

function fieldOf(proto: readonly WireField[], name: keyof typeof tensorFields): WireField | undefined {
  return proto.find((f) => f.number === tensorFields[name]);
}

function floatDtype(file: Uint8Array, proto: readonly WireField[], at: string): Dtype {
  const code = fieldOf(proto, "dataType")?.integers(file)[0] ?? 0;
  const dtype = dtypeOfCode(code);
  if (dtype && (dtype in smallFloats || dtype === "float32" || dtype === "float64")) return dtype;
  throw new UnsupportedModelError("Cannot write weights as the file stores no floats there", {
    at,
    found: dtype ?? `ONNX type ${code}`,
  });
}

/** Whether the bytes took the place of the old ones: raw, or floats and doubles, packed or one by one. */
function overwritten(file: Uint8Array, proto: readonly WireField[], encoded: Uint8Array): boolean {
  const { raw, floats, doubles } = tensorFields;
  const stored = proto.filter(
    ({ number, start, end }) => [raw, floats, doubles].some((f) => f === number) && end > start,
  );
  if (stored.reduce((sum, f) => sum + f.end - f.start, 0) !== encoded.length) return false;
  let done = 0;
  for (const { start, end } of stored) {
    file.set(encoded.subarray(done, done + end - start), start);
    done += end - start;
  }
  return true;
}

/** 16-bit floats that were integers of variable length stay such integers, where they were. */
function anotherForm(file: Uint8Array, proto: readonly WireField[], encoded: Uint8Array): Uint8Array {
  const bits = new Uint16Array(encoded.slice().buffer);
  const integers = Uint8Array.from(Array.from(bits).flatMap((x) => encodedVarint(x)));
  const first = proto.find(({ number }) => number === tensorFields.integers);
  const parts = proto.flatMap((field) => {
    if (field === first) return [lengthDelimited(tensorFields.integers, integers)];
    return field.number === tensorFields.integers ? [] : [file.subarray(field.at, field.end)];
  });
  return joined(first ? parts : [...parts, lengthDelimited(tensorFields.integers, integers)]);
}

/** A tensor's message for a stored type: the same type and shape under another name. */
export function tensorLike(file: Uint8Array, proto: readonly WireField[], name: string, value: Tensor): Uint8Array {
  const { dims, dataType, raw } = tensorFields;
  const kept = proto.filter(({ number }) => number === dims || number === dataType);
  const dtype = floatDtype(file, proto, `initializer "${name}"`);
  return joined([
    ...kept.map(({ at, end }) => file.subarray(at, end)),
    lengthDelimited(tensorFields.name, new TextEncoder().encode(name)),
    lengthDelimited(raw, encodeFloats(dtype, value.data)),
  ]);
}

function encodeFloats(dtype: Dtype, data: NumericArray): Uint8Array {
  if (dtype !== "float16" && dtype !== "bfloat16") return encodeElements(dtype as NumericDtype, data);
  const bits = Uint16Array.from(data, (x) => smallFloatBits(x, smallFloats[dtype]));
  return new Uint8Array(bits.buffer, 0, data.length * bytesPerElement(dtype));
}
