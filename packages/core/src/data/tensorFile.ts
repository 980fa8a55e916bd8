/** Files that hold arrays by name. Arrays are read when asked for, each on its own. */
import { throwIfAborted, UsageError } from "../errors.ts";
import type { Dtype } from "../ir/dtype.ts";
import { type Shape, showShape } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { ReadOptions } from "./byteSource.ts";

/** What a file says of an array. The dtype is the one it has once read: 16-bit floats come as float32. */
export interface TensorHeader {
  readonly dtype: Dtype;
  readonly shape: Shape;
}

/** An array in a file. */
export interface StoredTensor {
  readonly name: string;
  header(): Promise<TensorHeader>;
  /** Reads the data; each call reads anew. */
  read(options?: ReadOptions): Promise<Tensor>;
  /** Rows [start, end) of the first axis, where the file lets us read no more than those. */
  rows?(start: number, end: number, options?: ReadOptions): Promise<Tensor>;
}

export interface TensorFile {
  /** For messages. */
  readonly name: string;
  /** In the file's order. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Text beside the arrays, in formats that have it. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** `x uint8 [512, 1, 28, 28], y int64 [512]`, for messages; of the first arrays where there are many. */
export async function listTensors({ tensors }: TensorFile): Promise<string> {
  const shown = [...tensors.values()].slice(0, 12);
  const lines = await Promise.all(shown.map(describe));
  const more = tensors.size - shown.length;
  return lines.length === 0 ? "no arrays" : lines.join(", ") + (more > 0 ? `, and ${more} more` : "");
}

/** A header that cannot be read must not hide the error that lists it. */
async function describe(stored: StoredTensor): Promise<string> {
  const header = await stored.header().catch(() => undefined);
  return header ? `${stored.name} ${header.dtype} ${showShape(header.shape)}` : `${stored.name} (unreadable)`;
}

/** @throws {UsageError} if rows [start, end) are not all inside the first axis. */
export function checkRows(shape: Shape, start: number, end: number, at: string): void {
  const [rows = 0] = shape;
  if (0 <= start && start <= end && end <= rows) return;
  throw new UsageError("Cannot read rows as the array does not have them", {
    at,
    expected: `rows inside [0, ${rows})`,
    found: `[${start}, ${end})`,
  });
}

/**
 * The array of that name.
 *
 * @throws {UsageError} if the file has none; the message lists what it has.
 */
export async function readTensor(file: TensorFile, name: string, { signal }: ReadOptions = {}): Promise<Tensor> {
  throwIfAborted(signal);
  const stored = file.tensors.get(name);
  if (stored) return stored.read({ signal });
  throw new UsageError("Cannot read an array as the file has none of that name", {
    at: file.name,
    expected: name,
    found: await listTensors(file),
  });
}
