/**
 * A file whose arrays are known by shape first and written piece by piece, in any order.
 *
 * Nobody sees half of it: it grows beside its place and is renamed when it is finished. What was not written is 0.
 */
import { randomUUID } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { UsageError } from "../errors.ts";
import { bytesPerElement, encodeElements, type NumericDtype } from "../ir/elements.ts";
import { type Shape, sizeOf } from "../ir/shape.ts";
import type { NumericArray, Tensor } from "../ir/tensor.ts";
import { unwritable } from "./atomicFile.ts";

export interface ArrayStream extends AsyncDisposable {
  /** Writes elements of an array from the element `at` on. @throws {UsageError} if they do not lie inside it. */
  write(name: string, at: number, data: NumericArray): Promise<void>;
  /** Puts the file into its place. Without it, disposing leaves nothing behind. */
  finish(): Promise<void>;
}

/** Arrays by name: what a file will hold. */
export type ArrayForms = Readonly<Record<string, Pick<Tensor, "dtype"> & { readonly shape: Shape }>>;

/** Bytes at their place in a file. */
export interface FilePiece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Where an array's elements begin in the file. */
export interface ArrayPlace {
  readonly dtype: NumericDtype;
  readonly shape: Shape;
  readonly offset: number;
}

/** A file before its data. */
export interface FilePlan {
  readonly places: ReadonlyMap<string, ArrayPlace>;
  readonly size: number;
  /** What stands in it beside the data from the first. */
  readonly pieces: readonly FilePiece[];
  /** What stands in it once the data do. */
  seal?(file: FileHandle): Promise<readonly FilePiece[]>;
}

/** @throws {UsageError} if the file cannot be made, or the disk is full. */
export async function streamArrays(path: string, { places, size, pieces, seal }: FilePlan): Promise<ArrayStream> {
  const draft = `${path}.${randomUUID()}.part`;
  const told = (error: unknown): never => {
    throw unwritable(path, error);
  };
  let file: FileHandle | undefined = await open(draft, "wx+").catch(told);
  let finished = false;
  const leave = async (): Promise<void> => {
    await file?.close();
    file = undefined;
    if (!finished) await rm(draft, { force: true });
  };
  const put = async (list: readonly FilePiece[]): Promise<void> => {
    for (const { at, bytes } of list) await writeAll(file!, bytes, at);
  };
  try {
    await put(pieces);
    await file.truncate(size);
  } catch (error) {
    await leave();
    return told(error);
  }
  return {
    async write(name, at, data) {
      const { dtype, offset } = placeOf(path, places, name, at, data.length);
      const from = offset + at * bytesPerElement(dtype);
      await writeAll(file!, encodeElements(dtype, data), from).catch(told);
    },
    async finish() {
      await put((await seal?.(file!)) ?? []).catch(told);
      await file!.sync();
      await file!.close();
      file = undefined;
      await rename(draft, path);
      finished = true;
    },
    [Symbol.asyncDispose]: leave,
  };
}

function placeOf(path: string, places: FilePlan["places"], name: string, at: number, length: number): ArrayPlace {
  const place = places.get(name);
  const size = place ? sizeOf(place.shape) : 0;
  if (place && at >= 0 && at + length <= size) return place;
  throw new UsageError("Cannot write a piece of an array as it does not lie inside it", {
    at: `${path}, array ${name}`,
    expected: place ? `elements 0 … ${size - 1}` : [...places.keys()].join(", "),
    found: `elements ${at} … ${at + length - 1}`,
  });
}

/** A write may take less than it was given: a full disk shows by an error of the next one. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
