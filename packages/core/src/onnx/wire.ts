/** Protobuf's wire format, as far as it takes to look at fields that onnx-proto does not know. */

/** A length-delimited field: a message, a string, or packed numbers. */
export interface WireField {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/**
 * The length-delimited fields of a message, in order; numbers are skipped.
 *
 * @throws {RangeError} if the bytes end inside a field.
 */
export function* messageFields(message: Uint8Array): Generator<WireField> {
  for (let at = 0; at < message.length; ) {
    const tag = varint(message, at);
    const kind = tag.value & 7;
    const body = kind === 2 ? varint(message, tag.end) : undefined;
    const start = body ? body.end : tag.end;
    const end = body ? start + body.value : skip(message, start, kind);
    if (end > message.length) throw new RangeError("a field is cut off");
    if (body) yield { number: Math.floor(tag.value / 8), bytes: message.subarray(start, end) };
    at = end;
  }
}

/** Where a number ends. */
function skip(message: Uint8Array, start: number, kind: number): number {
  if (kind === 0) return varint(message, start).end;
  if (kind === 1) return start + 8;
  if (kind === 5) return start + 4;
  throw new RangeError("a field is of no known kind");
}

/** Seven bits a byte, the lowest first; exact to 2⁵³, which is more than lengths and tags need. */
function varint(message: Uint8Array, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = message[start + i];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: start + i + 1 };
  }
  throw new RangeError("a number is cut off");
}
