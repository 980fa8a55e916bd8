/**
 * Reading ZIP archives: the directory at the end says where each entry lies, so entries are read on their own.
 * Stored and deflated entries, ZIP64; every entry's length and checksum are checked.
 *
 * Source: PKWARE, APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3.
 */
import { Inflate, inflateSync } from "fflate";
import { throwIfAborted, UsageError } from "../errors.ts";
import type { ByteSource, ReadOptions, ReadPart } from "./byteSource.ts";
import { crc32 } from "./crc32.ts";

export interface ZipEntry {
  readonly name: string;
  /** Bytes once inflated. */
  readonly size: number;
  read(options?: ReadOptions): Promise<Uint8Array>;
  /** At least the first `length` bytes, or all. */
  readStart(length: number): Promise<Uint8Array>;
  /** A part of a stored entry, unchecked; deflated entries have none. */
  readonly readPart?: ReadPart;
}

/** As the directory describes an entry. */
interface DirectoryRecord {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  /** Of the entry's own header. */
  readonly offset: number;
}

const signatures = {
  local: 0x04034b50,
  directory: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
};
const stored = 0;
const deflated = 8;
const endBytes = 22;
/** Stands where the true value is in the ZIP64 field. */
const inZip64 = 0xffffffff;
/** Deflate never shrinks more than this (258 bytes in 2 bits), so no header makes us allocate more. */
const largestRatio = 1032;

/**
 * The entries, in the directory's order. Nothing else of the archive is read yet.
 *
 * @throws {UsageError} if the source is no ZIP archive or is truncated.
 */
export async function readZip(source: ByteSource): Promise<readonly ZipEntry[]> {
  const { offset, length, count } = await findDirectory(source);
  const directory = viewOf(await source.read(offset, length));
  const records: DirectoryRecord[] = [];
  let at = 0;
  while (records.length < count) {
    const next = at + recordLength(directory, at);
    if (next > length) throw corrupt("its directory is damaged", source);
    records.push(readRecord(directory, at));
    at = next;
  }
  return records.map((record) => entryOf(source, record));
}

/** Infinite if no record begins there. */
function recordLength(directory: DataView, at: number): number {
  const begins = at + 46 <= directory.byteLength && directory.getUint32(at, true) === signatures.directory;
  const parts = [28, 30, 32]; // lengths of name, extra fields and comment
  return begins
    ? parts.reduce((sum, part) => sum + directory.getUint16(at + part, true), 46)
    : Number.POSITIVE_INFINITY;
}

interface DirectoryPlace {
  readonly offset: number;
  readonly length: number;
  readonly count: number;
}

async function findDirectory(source: ByteSource): Promise<DirectoryPlace> {
  const tailLength = Math.min(source.size, endBytes + 0xffff); // a comment of up to 65,535 bytes may follow
  const tailOffset = source.size - tailLength;
  const tail = viewOf(await source.read(tailOffset, tailLength));
  let end = tailLength - endBytes;
  while (end >= 0 && tail.getUint32(end, true) !== signatures.end) end--;
  if (end < 0) throw await notAnArchive(source);
  const place = {
    count: tail.getUint16(end + 10, true),
    length: tail.getUint32(end + 12, true),
    offset: tail.getUint32(end + 16, true),
  };
  if (place.count !== 0xffff && place.length !== inZip64 && place.offset !== inZip64) return place;
  return (await findDirectory64(source, tailOffset + end - 20)) ?? place;
}

async function findDirectory64(source: ByteSource, locatorOffset: number): Promise<DirectoryPlace | undefined> {
  if (locatorOffset < 0) return undefined;
  const locator = viewOf(await source.read(locatorOffset, 20));
  if (locator.getUint32(0, true) !== signatures.locator64) return undefined;
  const end = viewOf(await source.read(uint64(locator, 8), 56));
  if (end.getUint32(0, true) !== signatures.end64) throw corrupt("its ZIP64 directory is damaged", source);
  return { count: uint64(end, 32), length: uint64(end, 40), offset: uint64(end, 48) };
}

async function notAnArchive(source: ByteSource): Promise<UsageError> {
  const start = viewOf(await source.read(0, Math.min(4, source.size)));
  const truncated = start.byteLength === 4 && start.getUint32(0, true) === signatures.local;
  return truncated
    ? corrupt("it is truncated: the directory at its end is missing", source)
    : corrupt("it is not a ZIP archive", source);
}

function readRecord(view: DataView, at: number): DirectoryRecord {
  const nameLength = view.getUint16(at + 28, true);
  const wide = zip64Values(view, at + 46 + nameLength, view.getUint16(at + 30, true));
  const value = (where: number): number => {
    const short = view.getUint32(at + where, true);
    return short === inZip64 ? (wide.shift() ?? short) : short;
  };
  const size = value(24); // the ZIP64 field has them in this order
  const compressed = value(20);
  const offset = value(42);
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + 46, nameLength));
  return {
    name,
    size,
    compressed,
    offset,
    flags: view.getUint16(at + 8, true),
    method: view.getUint16(at + 10, true),
    crc: view.getUint32(at + 16, true),
  };
}

/** The 64-bit values of the extra field with number 1. */
function zip64Values(view: DataView, start: number, length: number): number[] {
  let at = start;
  const end = start + length;
  while (at + 4 <= end) {
    const bytes = Math.min(view.getUint16(at + 2, true), end - at - 4);
    if (view.getUint16(at, true) === 1) {
      return Array.from({ length: Math.floor(bytes / 8) }, (_, i) => uint64(view, at + 4 + 8 * i));
    }
    at += 4 + bytes;
  }
  return [];
}

function entryOf(source: ByteSource, record: DirectoryRecord): ZipEntry {
  const at = `${source.name}, entry ${record.name}`;
  checkReadable(source, record, at);
  const readPart: ReadPart = async (offset, length, options) =>
    source.read((await dataOffset(source, record, at)) + offset, length, options);
  return {
    name: record.name,
    size: record.size,
    ...(record.method === stored ? { readPart } : {}),
    async read({ signal } = {}) {
      const compressed = await readPart(0, record.compressed, { signal });
      throwIfAborted(signal);
      const bytes = record.method === stored ? compressed : inflate(compressed, record.size, at);
      if (bytes.length === record.size && crc32(bytes) === record.crc) return bytes;
      throw new UsageError("Cannot read an archive as an entry's data do not match its checksum", {
        at,
        try: "copy or write the file again",
      });
    },
    async readStart(length) {
      const compressed = await readPart(0, Math.min(record.compressed, length + 1024)); // and deflate's tables
      return record.method === stored ? compressed : inflateStart(compressed, length, at);
    },
  };
}

function checkReadable(
  source: ByteSource,
  { flags, method, size, compressed, offset }: DirectoryRecord,
  at: string,
): void {
  const facts = { at };
  if (flags & 1) throw new UsageError("Cannot read an archive as an entry is encrypted", facts);
  if (method !== stored && method !== deflated) {
    throw new UsageError("Cannot read an archive as an entry is packed in a way we do not know", {
      at,
      expected: "stored or deflated",
      found: `method ${method}`,
    });
  }
  const possible = method === stored ? size === compressed : size <= compressed * largestRatio;
  if (!possible || offset + compressed > source.size) {
    throw new UsageError("Cannot read an archive as an entry's sizes are impossible", {
      at,
      found: `${size} bytes from ${compressed} at ${offset}, in a file of ${source.size}`,
      try: "copy or write the file again",
    });
  }
}

/** The entry's own header repeats the name, and its extra fields differ from the directory's. */
async function dataOffset(source: ByteSource, { offset }: DirectoryRecord, at: string): Promise<number> {
  const header = viewOf(await source.read(offset, 30));
  if (header.getUint32(0, true) !== signatures.local) {
    throw new UsageError("Cannot read an archive as an entry is not where the directory says", {
      at,
      try: "copy or write the file again",
    });
  }
  return offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
}

function inflate(bytes: Uint8Array, size: number, at: string): Uint8Array {
  try {
    return inflateSync(bytes, { out: new Uint8Array(size) });
  } catch (cause) {
    throw new UsageError(
      "Cannot read an archive as an entry's compressed data are damaged",
      { at, try: "copy or write the file again" },
      { cause },
    );
  }
}

function inflateStart(bytes: Uint8Array, length: number, at: string): Uint8Array {
  const parts: Uint8Array[] = [];
  try {
    new Inflate((part) => parts.push(part)).push(bytes);
  } catch (cause) {
    throw new UsageError("Cannot read an archive as an entry's compressed data are damaged", { at }, { cause });
  }
  return new Uint8Array(parts.flatMap((part) => [...part.subarray(0, length)]));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function uint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function corrupt(condition: string, source: ByteSource): UsageError {
  return new UsageError(`Cannot read an archive as ${condition}`, {
    at: source.name,
    found: `${source.size} bytes`,
    try: "copy or write the file again",
  });
}
