/** A safetensors file whose arrays are written piece by piece, in any order. */
import { type ArrayForms, type ArrayStream, streamArrays } from "./arrayStream.ts";
import { safetensorsLayout } from "./safetensors.ts";

/** @throws {UsageError} if the file cannot be made, the disk is full, or a piece does not lie inside its array. */
export async function streamSafetensors(
  path: string,
  arrays: ArrayForms,
  { metadata }: { readonly metadata?: Readonly<Record<string, string>> } = {},
): Promise<ArrayStream> {
  const { head, entries, bytes } = safetensorsLayout(Object.entries(arrays), metadata);
  const places = entries.map((entry) => [entry.name, { ...entry, offset: head.length + entry.offset }] as const);
  return streamArrays(path, {
    places: new Map(places),
    size: head.length + bytes,
    pieces: [{ at: 0, bytes: head }],
  });
}
