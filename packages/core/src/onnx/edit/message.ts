/**
 * Messages that are read, changed and written without losing what onnx-proto does not know: the bytes of fields whose
 * number it has no name for are put behind the message that it writes.
 */
import { fieldsOf, joined, type WireField } from "../fieldRanges.ts";

/** A message class of onnx-proto. */
export interface MessageClass<T> {
  decode(bytes: Uint8Array): T;
  encode(message: T): { finish(): Uint8Array };
}

/**
 * `field`'s message after `change`.
 *
 * @param known Numbers of the fields that onnx-proto knows in it.
 */
export function changed<T>(
  file: Uint8Array,
  field: WireField,
  kind: MessageClass<T>,
  known: ReadonlySet<number>,
  change: (message: T) => T,
): Uint8Array {
  const message = kind.decode(file.subarray(field.start, field.end));
  const unknown = [...fieldsOf(file, field)].filter(({ number }) => !known.has(number));
  return joined([kind.encode(change(message)).finish(), ...unknown.map(({ at, end }) => file.subarray(at, end))]);
}
