/** Any file of arrays that we can read, by its extension. */
import { extname } from "node:path";
import { throwIfAborted, UsageError } from "../errors.ts";
import { type ByteSource, fileBytes, type ReadOptions } from "./byteSource.ts";
import { type CsvOptions, openCsv } from "./csv.ts";
import { openNpy, openNpz } from "./npz.ts";
import { openSafetensors } from "./safetensors.ts";
import type { TensorFile } from "./tensorFile.ts";

export interface OpenOptions extends ReadOptions {
  /** The target's column in a table. */
  readonly target?: string | undefined;
  /** The weights' column in a table, if it has one. */
  readonly weights?: string | undefined;
}

const formats: Readonly<Record<string, (source: ByteSource, options: CsvOptions) => Promise<TensorFile>>> = {
  ".npz": openNpz,
  ".npy": openNpy,
  ".safetensors": openSafetensors,
  ".csv": openCsv,
  ".tsv": (source, options) => openCsv(source, { ...options, delimiter: "\t" }),
};

/**
 * The arrays of a file by name; their data are read when asked for.
 *
 * @throws {UsageError} if the file is missing, of a kind we do not know, truncated or damaged.
 */
export async function readTensors(path: string, { signal, target, weights }: OpenOptions = {}): Promise<TensorFile> {
  throwIfAborted(signal);
  const open = formats[extname(path).toLowerCase()];
  if (!open) {
    throw new UsageError("Cannot read data as the file's extension names no format we know", {
      at: path,
      expected: Object.keys(formats).join(" "),
      found: extname(path) || "none",
    });
  }
  return open(await fileBytes(path), { target, weights });
}
