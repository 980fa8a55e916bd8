/**
 * The safetensors format.
 *
 *     length (8 bytes, little-endian)  header (JSON)  data
 *
 * The header maps each name to `{"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}`, counted from the
 * data's begin, and `__metadata__` to text by name.
 *
 * Source: huggingface/safetensors, README.md, "Format".
 */
import { UsageError } from "../errors.ts";
import { bytesPerElement, decodeElements, encodeElements, type NumericDtype, widenedDtype } from "../ir/elements.ts";
import { type Shape, showShape, sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import { writeAtomically } from "./atomicFile.ts";
import type { ByteSource, ReadOptions } from "./byteSource.ts";
import { checkRows, type StoredTensor, type TensorFile } from "./tensorFile.ts";

/** The format's own limit. */
const largestHeader = 100_000_000;

const dtypeOfCode = new Map<unknown, NumericDtype>([
  ["F64", "float64"],
  ["F32", "float32"],
  ["F16", "float16"],
  ["BF16", "bfloat16"],
  ["I64", "int64"],
  ["I32", "int32"],
  ["I16", "int16"],
  ["I8", "int8"],
  ["U64", "uint64"],
  ["U32", "uint32"],
  ["U16", "uint16"],
  ["U8", "uint8"],
  ["BOOL", "bool"],
]);
const codeOfDtype = new Map([...dtypeOfCode].map(([code, dtype]) => [dtype as string, code as string]));

interface Entry {
  readonly stored: NumericDtype;
  readonly shape: Shape;
  /** In the file. */
  readonly offset: number;
}

/**
 * The arrays of a file, its header checked: every array lies inside the file and fills its shape.
 *
 * @throws {UsageError} if the file is no safetensors file, is truncated, or holds element types that we cannot.
 */
export async function openSafetensors(source: ByteSource): Promise<TensorFile> {
  const { header, dataOffset } = await readHeader(source);
  const { __metadata__: metadata, ...arrays } = header;
  const stored = Object.entries(arrays).map(([name, value]) =>
    storedIn(source, name, entryOf(value, dataOffset, source, name)),
  );
  return {
    name: source.name,
    tensors: new Map(stored),
    ...(metadata ? { metadata: metadata as Record<string, string> } : {}),
  };
}

async function readHeader(source: ByteSource): Promise<{ header: Record<string, unknown>; dataOffset: number }> {
  const start = await source.read(0, Math.min(8, source.size));
  const length =
    start.length === 8
      ? Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true))
      : Number.POSITIVE_INFINITY;
  if (length > largestHeader || 8 + length > source.size) {
    throw damaged("its header would not fit into the file: it is truncated or no safetensors file", source);
  }
  const text = new TextDecoder().decode(await source.read(8, length));
  try {
    const header: unknown = JSON.parse(text);
    if (typeof header === "object" && header !== null && !Array.isArray(header))
      return { header: header as Record<string, unknown>, dataOffset: 8 + length };
  } catch (cause) {
    throw damaged("its header is not JSON: it is damaged or no safetensors file", source, cause);
  }
  throw damaged("its header is no JSON object", source);
}

function entryOf(value: unknown, dataOffset: number, source: ByteSource, name: string): Entry {
  const at = `${source.name}, array ${name}`;
  const {
    dtype,
    shape,
    data_offsets: offsets,
  } = (value ?? {}) as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  const stored = dtypeOfCode.get(dtype);
  if (!stored) {
    throw new UsageError("Cannot read an array as its element type is not a number of up to 64 bits", {
      at,
      expected: [...dtypeOfCode.keys()].join(" "),
      found: String(dtype),
    });
  }
  const [begin, end] = Array.isArray(offsets) ? (offsets as unknown[]).map(Number) : [];
  if (!isCounts(shape) || begin === undefined || end === undefined || !isCounts([begin, end]))
    throw damaged("its header is damaged", source);
  const bytes = sizeOf(shape) * bytesPerElement(stored);
  if (end - begin === bytes && dataOffset + end <= source.size) return { stored, shape, offset: dataOffset + begin };
  throw new UsageError("Cannot read an array as its data do not fill its shape or end after the file", {
    at,
    expected: `${bytes} bytes for ${showShape(shape)}`,
    found: `bytes ${begin} to ${end} of ${source.size - dataOffset}`,
    try: "the file is probably truncated: copy or write it again",
  });
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && (n as number) >= 0);
}

function storedIn(source: ByteSource, name: string, { stored, shape, offset }: Entry): [string, StoredTensor] {
  const header = { dtype: widenedDtype(stored), shape };
  const at = `${source.name}, array ${name}`;
  const part = async (begin: number, partShape: Shape, { signal }: ReadOptions): Promise<Tensor> => {
    const [count, size] = [sizeOf(partShape), bytesPerElement(stored)];
    const bytes = await source.read(offset + begin * size, count * size, { signal });
    const data = decodeElements(stored, bytes, count, { at });
    return { dtype: header.dtype, shape: partShape, data };
  };
  const row = shape.slice(1);
  const tensor: StoredTensor = {
    name,
    header: async () => header,
    read: (options = {}) => part(0, shape, options),
    async rows(start, end, options = {}) {
      checkRows(shape, start, end, at);
      return part(start * sizeOf(row), [end - start, ...row], options);
    },
  };
  return [name, tensor];
}

function damaged(condition: string, source: ByteSource, cause?: unknown): UsageError {
  return new UsageError(
    `Cannot read tensors as ${condition}`,
    { at: source.name, found: `${source.size} bytes`, try: "copy or write the file again" },
    { cause },
  );
}

/**
 * Writes tensors by name, whole or not at all. Wider elements stand first, so that each array is aligned.
 *
 * @param metadata Text that goes with the file.
 * @param flush As for `writeAtomically`.
 */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>,
  { metadata, flush }: { readonly metadata?: Readonly<Record<string, string>>; readonly flush?: boolean } = {},
): Promise<void> {
  const entries = tensors instanceof Map ? [...tensors] : Object.entries(tensors as Record<string, Tensor>);
  const { head, entries: ordered } = safetensorsLayout(entries, metadata);
  const all = new Map(entries);
  await writeAtomically(
    path,
    chunks(
      head,
      ordered.map(({ name, dtype }) => ({ dtype, data: all.get(name)!.data })),
    ),
    { flush },
  );
}

/** Where an array's elements lie, counted from the data's begin. */
interface Place {
  readonly name: string;
  readonly dtype: NumericDtype;
  readonly shape: Shape;
  readonly offset: number;
}

/** What stands before the data, and where each array lies. */
export function safetensorsLayout(
  arrays: Iterable<readonly [string, Pick<Tensor, "dtype" | "shape">]>,
  metadata: Readonly<Record<string, string>> | undefined,
): { readonly head: Uint8Array; readonly entries: readonly Place[]; readonly bytes: number } {
  let bytes = 0;
  const entries = [...arrays]
    .map(([name, { dtype, shape }]) => ({ name, dtype: writable(dtype, name), shape }))
    .sort((a, b) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype))
    .map((entry): Place => {
      const offset = bytes;
      bytes += sizeOf(entry.shape) * bytesPerElement(entry.dtype);
      return { ...entry, offset };
    });
  const header = entries.map(({ name, dtype, shape, offset }, i) => {
    const end = entries[i + 1]?.offset ?? bytes;
    return [name, { dtype: codeOfDtype.get(dtype), shape, data_offsets: [offset, end] }] as const;
  });
  const json = JSON.stringify({ ...(metadata ? { __metadata__: metadata } : {}), ...Object.fromEntries(header) });
  return { head: headOf(new TextEncoder().encode(json)), entries, bytes };
}

/** Length and header, filled up with blanks so that data begin at a multiple of 8. */
function headOf(json: Uint8Array): Uint8Array {
  const head = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true);
  head.set(json, 8);
  return head;
}

function* chunks(
  head: Uint8Array,
  tensors: readonly { dtype: NumericDtype; data: Tensor["data"] }[],
): Generator<Uint8Array> {
  yield head;
  for (const { dtype, data } of tensors) yield encodeElements(dtype, data);
}

function writable(dtype: string, name: string): NumericDtype {
  if (codeOfDtype.has(dtype) && widenedDtype(dtype as NumericDtype) === dtype) return dtype as NumericDtype;
  throw new UsageError("Cannot write a tensor as its element type is none we write", { at: name, found: dtype });
}
