/**
 * Bytes that can be read in parts: a file, or memory.
 *
 * A file is opened for each read and closed again, so there is nothing to dispose of; that it is still the same file
 * (size and time of change) is checked each time.
 */
import type { Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { UsageError } from "../errors.ts";
import { openingFacts } from "../openingFacts.ts";

/** What a reader may be told. */
export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Reads bytes [offset, offset + length) of something. */
export type ReadPart = (offset: number, length: number, options?: ReadOptions) => Promise<Uint8Array>;

export interface ByteSource {
  /** For messages: the path, or what the caller named the bytes. */
  readonly name: string;
  readonly size: number;
  /**
   * Bytes [offset, offset + length), freshly allocated or a view of memory that nobody writes to.
   *
   * @throws {UsageError} if they reach beyond the end (a truncated or damaged file), before anything is allocated.
   */
  read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array>;
}

/** Bytes in memory. A Buffer is as good as any. */
export function memoryBytes(bytes: Uint8Array, name = "bytes"): ByteSource {
  // A plain Uint8Array: a Buffer's slice() is a view, everybody else's a copy.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    name,
    size: plain.length,
    async read(offset, length) {
      checkInside(name, plain.length, offset, length);
      return plain.subarray(offset, offset + length);
    },
  };
}

/**
 * The bytes of a file.
 *
 * @throws {UsageError} if there is no such file.
 */
export async function fileBytes(path: string): Promise<ByteSource> {
  const { open, stat } = await import("node:fs/promises");
  const first = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError("Cannot read data as the file cannot be opened", openingFacts(path, cause), { cause });
  });
  if (!first.isFile()) throw new UsageError("Cannot read data as the path is no file", { at: path });
  return {
    name: path,
    size: first.size,
    async read(offset, length, { signal } = {}) {
      signal?.throwIfAborted();
      checkInside(path, first.size, offset, length);
      const file = await open(path);
      try {
        checkUnchanged(path, first, await file.stat());
        return await readFully(file, offset, length, signal);
      } finally {
        await file.close();
      }
    },
  };
}

function checkUnchanged(path: string, first: Stats, now: Stats): void {
  if (now.size === first.size && now.mtimeMs === first.mtimeMs) return;
  throw new UsageError("Cannot read data as the file has changed since it was opened", {
    at: path,
    try: "write results to another file, and run again",
  });
}

async function readFully(
  file: FileHandle,
  offset: number,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, largestRead), offset + done);
    if (bytesRead === 0) throw new UsageError("Cannot read data as the file became shorter meanwhile");
    done += bytesRead;
  }
  return bytes;
}

/** Bytes a single system call may ask for; cancellation takes effect between them. */
const largestRead = 64 * 2 ** 20;

function checkInside(name: string, size: number, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= size) return;
  throw new UsageError("Cannot read data as the file ends too early", {
    at: name,
    expected: `${offset + length} bytes or more`,
    found: `${size} bytes`,
    try: "the file is probably truncated: copy or write it again",
  });
}
