/**
 * NumPy's array format, versions 1.0 to 3.0.
 *
 *     "\x93NUMPY" major minor  length (2 bytes little-endian in 1.0, else 4)  header  data
 *
 * The header is a Python dictionary: `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
 * Read: either byte order, C and Fortran order, f2 f4 f8 i1 … i8 u1 … u8 b1. Written: version 1.0, little-endian, C order.
 *
 * Source: numpy/lib/format.py, "A simple format for saving numpy arrays to disk".
 */
import { UsageError } from "../errors.ts";
import { bytesPerElement, decodeElements, encodeElements, type NumericDtype, widenedDtype } from "../ir/elements.ts";
import { type Shape, showShape, sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { ReadPart } from "./byteSource.ts";
import { rowMajor } from "./columnMajor.ts";
import { checkRows } from "./tensorFile.ts";

/** What stands before the data. */
export interface NpyHeader {
  /** As stored: float16 where the tensor will be float32. */
  readonly storedAs: NumericDtype;
  readonly bigEndian: boolean;
  readonly columnMajor: boolean;
  readonly shape: Shape;
  /** Where the data begin. */
  readonly dataOffset: number;
}

/** Bytes that surely hold the header of an array of numbers: numpy writes 128 for any shape of up to some ten axes. */
export const npyHeaderBytes = 1024;

const magic = [0x93, ...new TextEncoder().encode("NUMPY")];

const dtypeOfCode: ReadonlyMap<string, NumericDtype> = new Map<string, NumericDtype>([
  ["f2", "float16"],
  ["f4", "float32"],
  ["f8", "float64"],
  ["i1", "int8"],
  ["i2", "int16"],
  ["i4", "int32"],
  ["i8", "int64"],
  ["u1", "uint8"],
  ["u2", "uint16"],
  ["u4", "uint32"],
  ["u8", "uint64"],
  ["b1", "bool"],
]);
const codeOfDtype: ReadonlyMap<string, string> = new Map([...dtypeOfCode].map(([code, dtype]) => [dtype, code]));

export function isNpy(bytes: Uint8Array): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

/**
 * Reads an array.
 *
 * @param at File and array, for messages.
 * @returns Row-major whatever the file's order; its data may be a view of `bytes`.
 * @throws {UsageError} if this is no .npy, is truncated, or holds no numbers.
 */
export function parseNpy(bytes: Uint8Array, at: string): Tensor {
  const { storedAs, bigEndian, columnMajor, shape, dataOffset } = parseNpyHeader(bytes, at);
  const count = sizeOf(shape);
  checkLength(count * bytesPerElement(storedAs), bytes.length - dataOffset, shape, at);
  const data = decodeElements(storedAs, bytes.subarray(dataOffset), count, { bigEndian, at });
  return { dtype: widenedDtype(storedAs), shape, data: columnMajor ? rowMajor(data, shape) : data };
}

/**
 * Rows [start, end) of an array's first axis. No more than those is read, if it lies row-major.
 *
 * @param read Parts of the `.npy` file, `size` bytes in all.
 */
export async function readNpyRows(
  read: ReadPart,
  size: number,
  [start, end]: readonly [number, number],
  at: string,
): Promise<Tensor> {
  const header = parseNpyHeader(await read(0, Math.min(size, npyHeaderBytes)), at);
  checkRows(header.shape, start, end, at);
  if (header.columnMajor && header.shape.length > 1) return rowsOf(parseNpy(await read(0, size), at), start, end);
  const { storedAs, bigEndian, shape, dataOffset } = header;
  const width = sizeOf(shape.slice(1)) * bytesPerElement(storedAs);
  checkLength(sizeOf(shape) * bytesPerElement(storedAs), size - dataOffset, shape, at);
  const bytes = await read(dataOffset + start * width, (end - start) * width);
  const part = [end - start, ...shape.slice(1)];
  return {
    dtype: widenedDtype(storedAs),
    shape: part,
    data: decodeElements(storedAs, bytes, sizeOf(part), { bigEndian, at }),
  };
}

function rowsOf({ dtype, shape, data }: Tensor, start: number, end: number): Tensor {
  const width = sizeOf(shape.slice(1));
  return { dtype, shape: [end - start, ...shape.slice(1)], data: data.subarray(start * width, end * width) };
}

/** Reads what stands before the data; `bytes` may end anywhere behind it. */
export function parseNpyHeader(bytes: Uint8Array, at: string): NpyHeader {
  if (!isNpy(bytes)) throw damaged("it is not in numpy's .npy format", at);
  if (bytes.length < 12) throw damaged("it ends before its header does", at);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint8(6);
  if (version < 1 || version > 3) throw damaged(`version ${version} of the .npy format is not known`, at);
  const [start, length] = version === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  if (start + length > bytes.length) throw damaged("it ends before its header does", at);
  const text = new TextDecoder(version === 3 ? "utf-8" : "latin1").decode(bytes.subarray(start, start + length));
  return { ...parseDictionary(text, at), dataOffset: start + length };
}

function parseDictionary(text: string, at: string): Omit<NpyHeader, "dataOffset"> {
  const descr = /'descr'\s*:\s*(?:'([^']*)'|\[)/.exec(text);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text);
  const shape = /'shape'\s*:\s*\(([\d\s,L]*)\)/.exec(text);
  if (!descr || !order || !shape) throw damaged("its header is not a dictionary of descr, fortran_order and shape", at);
  const { storedAs, bigEndian } = parseDescr(descr[1] ?? "records", at);
  const lengths = (shape[1] ?? "").split(",").filter((part) => part.trim() !== "");
  return { storedAs, bigEndian, columnMajor: order[1] === "True", shape: lengths.map((d) => Number.parseInt(d, 10)) };
}

/** `<f4`: byte order, kind and bytes. */
function parseDescr(descr: string, at: string): { storedAs: NumericDtype; bigEndian: boolean } {
  const [, order, code = ""] = /^([<>|=])(.*)$/.exec(descr) ?? [];
  const storedAs = dtypeOfCode.get(code);
  if (storedAs) return { storedAs, bigEndian: order === ">" };
  throw new UsageError("Cannot read an array as its elements are not numbers of up to 64 bits", {
    at,
    expected: [...dtypeOfCode.keys()].join(" "),
    found: descr,
    try: 'save numbers, e.g. array.astype("float32")',
  });
}

function checkLength(expected: number, found: number, shape: Shape, at: string): void {
  if (expected === found) return;
  throw new UsageError(
    `Cannot read an array as its data are ${found < expected ? "shorter" : "longer"} than its header says`,
    {
      at,
      expected: `${expected} bytes for ${showShape(shape)}`,
      found: `${found} bytes`,
      try: "the file is probably truncated or damaged: copy or write it again",
    },
  );
}

function damaged(condition: string, at: string): UsageError {
  return new UsageError(`Cannot read an array as ${condition}`, {
    at,
    try: "write the file again with numpy.save or numpy.savez",
  });
}

/** The bytes of a `.npy` file. */
export function encodeNpy(tensor: Tensor): Uint8Array {
  const header = npyHeader(tensor);
  const elements = encodeElements(tensor.dtype as NumericDtype, tensor.data);
  const bytes = new Uint8Array(header.length + elements.length);
  bytes.set(header);
  bytes.set(elements, header.length);
  return bytes;
}

/** What stands before an array's data. @throws {UsageError} for an element type that we do not write. */
export function npyHeader({ dtype, shape }: Pick<Tensor, "dtype" | "shape">): Uint8Array {
  const code = codeOfDtype.get(dtype);
  if (code === undefined || dtype === "float16") {
    throw new UsageError("Cannot write an array as we write no such element type to .npy", { found: dtype });
  }
  const descr = (code.endsWith("1") ? "|" : "<") + code;
  const lengths = shape.length === 1 ? `${shape.join()},` : shape.join(", ");
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${lengths}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10; // data begin at a multiple of 64
  return Uint8Array.from([
    ...magic,
    1,
    0,
    length & 0xff,
    length >> 8,
    ...new TextEncoder().encode(`${text.padEnd(length - 1)}\n`),
  ]);
}
