/** Writing a file so that nobody ever sees half of it. */
import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { HessoniteError, UsageError } from "../errors.ts";

/**
 * Writes the chunks to a neighbour of `path` and renames it when all are on the disk. Whatever fails, `path` holds either what
 * it held before or all of the new bytes.
 *
 * @param flush False leaves it to the system when the bytes reach the disk: much faster for small files. A killed program loses
 *   nothing by it; after a power failure the file may be cut short.
 * @throws {UsageError} if the file cannot be made, or the disk is full.
 */
export async function writeAtomically(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { flush = true }: { readonly flush?: boolean | undefined } = {},
): Promise<void> {
  const draft = `${path}.${randomUUID()}.part`;
  try {
    const file = await open(draft, "wx");
    try {
      for await (const chunk of chunks) await file.writeFile(chunk);
      if (flush) await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw unwritable(path, error);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk is full",
  EFBIG: "the file is larger than it may be",
  ENOENT: "its folder is not there",
  EACCES: "it may not be written",
  EROFS: "it may not be written",
};

/** What a failed write means to a person; anything else as it is. */
export function unwritable(path: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = reasons[code ?? ""];
  if (error instanceof HessoniteError || reason === undefined) return error;
  return new UsageError(`Cannot write the file as ${reason}`, { at: path, found: message }, { cause: error });
}
