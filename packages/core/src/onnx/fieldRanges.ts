/** Protobuf's wire format: fields of a message as ranges of the file's bytes. */
import { UnsupportedModelError } from "../errors.ts";

export interface WireField {
  readonly number: number;
  /** Where its key begins. */
  readonly at: number;
  /** Where its value begins and ends: a message's or string's bytes, a packed list's, a number's own. */
  readonly start: number;
  readonly end: number;
  /** Its value read as one or more variable-length integers. */
  integers(file: Uint8Array): number[];
}

/** The fields of the file, or of the message that a field holds. */
export function* fieldsOf(
  file: Uint8Array,
  within: { readonly start: number; readonly end: number } = { start: 0, end: file.length },
): Generator<WireField> {
  let at = within.start;
  while (at < within.end) {
    const [key, afterKey] = varint(file, at);
    const kind = key % 8;
    const number = Math.floor(key / 8);
    const [start, end] = extent(file, afterKey, kind);
    if (end > within.end) throw cutOff(at);
    yield { number, at, start, end, integers: (bytes) => integersIn(bytes, start, end) };
    at = end;
  }
}

/** Where a value of a wire type begins and ends. */
function extent(file: Uint8Array, at: number, kind: number): [start: number, end: number] {
  if (kind === 0) return [at, varint(file, at)[1]];
  if (kind === 1) return [at, at + 8];
  if (kind === 5) return [at, at + 4];
  if (kind !== 2) throw cutOff(at);
  const [length, start] = varint(file, at);
  return [start, start + length];
}

function varint(file: Uint8Array, at: number): [value: number, after: number] {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = file[at + i];
    if (byte === undefined) throw cutOff(at);
    value += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return [value, at + i + 1];
  }
  throw cutOff(at);
}

function integersIn(file: Uint8Array, start: number, end: number): number[] {
  const found: number[] = [];
  for (let at = start; at < end; ) {
    const [value, after] = varint(file, at);
    found.push(value);
    at = after;
  }
  return found;
}

export function textOf(file: Uint8Array, field: WireField | undefined): string {
  return field ? new TextDecoder().decode(file.subarray(field.start, field.end)) : "";
}

/** A field that holds a message of strings, numbered from 1. */
export function messageOf(number: number, texts: readonly string[]): Uint8Array {
  return lengthDelimited(
    number,
    texts.map((text, i) => lengthDelimited(i + 1, new TextEncoder().encode(text))),
  );
}

/** A field of a message, string or packed list that is these bytes, one part after the other. */
export function lengthDelimited(number: number, parts: Uint8Array | readonly Uint8Array[]): Uint8Array {
  const list = parts instanceof Uint8Array ? [parts] : parts;
  const length = list.reduce((sum, part) => sum + part.length, 0);
  return joined([Uint8Array.from([...encodedVarint(number * 8 + 2), ...encodedVarint(length)]), ...list]);
}

/** One array of several. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function encodedVarint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...encodedVarint(Math.floor(value / 128))];
}

function cutOff(at: number): UnsupportedModelError {
  return new UnsupportedModelError("Cannot walk the model's file as its bytes are no protobuf message", {
    at: `byte ${at}`,
    try: "check that the file is an .onnx file and was copied whole",
  });
}
