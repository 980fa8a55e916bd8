/** NumPy's archives of arrays: a ZIP with the entry `K.npy` for the array K. */
import { UsageError } from "../errors.ts";
import { widenedDtype } from "../ir/elements.ts";
import type { Tensor } from "../ir/tensor.ts";
import { writeAtomically } from "./atomicFile.ts";
import type { ByteSource, ReadPart } from "./byteSource.ts";
import { encodeNpy, isNpy, npyHeaderBytes, parseNpy, parseNpyHeader, readNpyRows } from "./npy.ts";
import type { StoredTensor, TensorFile } from "./tensorFile.ts";
import { readZip, type ZipEntry } from "./zip.ts";
import { type ZipOptions, zipChunks } from "./zipWriter.ts";

const suffix = ".npy";

/** The arrays of an archive; entries that are none are left out. */
export async function openNpz(source: ByteSource): Promise<TensorFile> {
  const start = await source.read(0, Math.min(6, source.size));
  if (isNpy(start)) {
    throw new UsageError("Cannot read an archive as the file holds one array alone", {
      at: source.name,
      try: "name it .npy",
    });
  }
  const arrays = (await readZip(source)).filter(({ name }) => name.endsWith(suffix));
  return { name: source.name, tensors: new Map(arrays.map((entry) => storedIn(source, entry))) };
}

function storedIn(source: ByteSource, entry: ZipEntry): [string, StoredTensor] {
  const name = entry.name.slice(0, -suffix.length);
  const at = `${source.name}, array ${name}`;
  const stored: StoredTensor = {
    name,
    async header() {
      const { storedAs, shape } = parseNpyHeader(await entry.readStart(npyHeaderBytes), at);
      return { dtype: widenedDtype(storedAs), shape };
    },
    async read(options) {
      return parseNpy(await entry.read(options), at);
    },
    ...(entry.readPart ? { rows: rowsBy(entry.readPart, entry.size, at) } : {}),
  };
  return [name, stored];
}

/** A file with one array, which gets the name `x`. */
export async function openNpy(source: ByteSource): Promise<TensorFile> {
  const at = source.name;
  const stored: StoredTensor = {
    name: "x",
    async header() {
      const { storedAs, shape } = parseNpyHeader(await source.read(0, Math.min(source.size, npyHeaderBytes)), at);
      return { dtype: widenedDtype(storedAs), shape };
    },
    async read(options) {
      return parseNpy(await source.read(0, source.size, options), at);
    },
    rows: rowsBy((offset, length, options) => source.read(offset, length, options), source.size, at),
  };
  return { name: source.name, tensors: new Map([[stored.name, stored]]) };
}

function rowsBy(read: ReadPart, size: number, at: string): NonNullable<StoredTensor["rows"]> {
  return (start, end, options) =>
    readNpyRows((offset, length) => read(offset, length, options), size, [start, end], at);
}

/** Writes an archive that `numpy.load` reads; whole or not at all. */
export async function writeNpz(
  path: string,
  tensors: Readonly<Record<string, Tensor>> | Iterable<readonly [string, Tensor]>,
  { compress = false }: Pick<ZipOptions, "compress"> = {},
): Promise<void> {
  const named = Symbol.iterator in tensors ? (tensors as Iterable<readonly [string, Tensor]>) : Object.entries(tensors);
  await writeAtomically(path, zipChunks(npyEntries(named), { compress }));
}

/** Writes one array as `.npy`. */
export async function writeNpy(path: string, tensor: Tensor): Promise<void> {
  await writeAtomically(path, [encodeNpy(tensor)]);
}

/** One array is encoded at a time. */
function* npyEntries(tensors: Iterable<readonly [string, Tensor]>): Generator<{ name: string; bytes: Uint8Array }> {
  for (const [name, tensor] of tensors) yield { name: name + suffix, bytes: encodeNpy(tensor) };
}
