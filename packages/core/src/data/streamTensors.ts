/** A file of arrays that is written piece by piece, of the kind that its extension names. */
import { extname } from "node:path";
import { UsageError } from "../errors.ts";
import type { ArrayForms, ArrayStream } from "./arrayStream.ts";
import { streamNpz } from "./npzStream.ts";
import { streamSafetensors } from "./safetensorsStream.ts";

export interface StreamOptions {
  /** Text that goes with the file, in formats that have it: safetensors. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

type Open = (path: string, arrays: ArrayForms, options: StreamOptions) => Promise<ArrayStream>;

const formats: Readonly<Record<string, Open>> = {
  ".npz": (path, arrays) => streamNpz(path, arrays),
  ".safetensors": (path, arrays, { metadata }) => streamSafetensors(path, arrays, metadata ? { metadata } : {}),
};

/**
 * Opens a file whose arrays are known by shape. Pieces come in any order; no more than a piece is in memory; what was not
 * written is 0; and the file is in its place only once it is finished.
 *
 * @throws {UsageError} if the extension names no such format, or the file cannot be made.
 */
export async function streamTensors(
  path: string,
  arrays: ArrayForms,
  options: StreamOptions = {},
): Promise<ArrayStream> {
  const open = formats[extname(path).toLowerCase()];
  if (open) return open(path, arrays, options);
  throw new UsageError("Cannot write arrays piece by piece as the file's extension names no format for it", {
    at: path,
    expected: Object.keys(formats).join(" "),
    found: extname(path) || "none",
  });
}
