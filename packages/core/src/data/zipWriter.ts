/**
 * Writing ZIP archives as a stream of chunks. ZIP64 fields stand only where a value needs them. The same entries give
 * the same bytes: times are fixed at 1980.
 *
 * Source: PKWARE, APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3.
 */
import { deflateSync } from "fflate";
import { crc32 } from "./crc32.ts";

export interface ZipContent {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface ZipOptions {
  /** Deflate the entries; stored unless asked for. */
  readonly compress?: boolean;
  /** Values from here on stand in ZIP64 fields; smaller than the format's own limit only in tests. */
  readonly zip64From?: number;
}

const formatLimit = 0xffffffff;
const [versionPlain, version64] = [20, 45];
const utf8Names = 0x0800;
const date1980 = 0x21;

/** A little-endian record: pairs of width in bytes and value. */
type Field = readonly [width: 2 | 4 | 8, value: number];

export async function* zipChunks(
  contents: Iterable<ZipContent> | AsyncIterable<ZipContent>,
  { compress = false, zip64From = formatLimit }: ZipOptions = {},
): AsyncGenerator<Uint8Array> {
  const directory: Uint8Array[] = [];
  let offset = 0;
  for await (const { name, bytes } of contents) {
    const data = compress ? deflateSync(bytes) : bytes;
    const entry = {
      name: new TextEncoder().encode(name),
      crc: crc32(bytes),
      size: bytes.length,
      packed: data.length,
      method: compress ? 8 : 0,
    };
    const header = localHeader(entry, zip64From);
    directory.push(directoryRecord({ ...entry, offset }, zip64From));
    yield header;
    yield data;
    offset += header.length + data.length;
  }
  yield* directory;
  yield endOfDirectory(directory, offset, zip64From);
}

export interface StoredZip {
  /** Where each entry's bytes begin. */
  readonly begins: readonly number[];
  readonly size: number;
  /** Headers and directory, each at its place, once the entries' checksums are known. */
  records(checksums: readonly number[]): readonly { readonly at: number; readonly bytes: Uint8Array }[];
}

/** An archive of stored entries whose sizes are known before their bytes. */
export function storedZip(
  contents: readonly { readonly name: string; readonly size: number }[],
  { zip64From = formatLimit }: Pick<ZipOptions, "zip64From"> = {},
): StoredZip {
  let end = 0;
  const places = contents.map(({ name, size }) => {
    const entry = { name: new TextEncoder().encode(name), crc: 0, size, packed: size, method: 0, offset: end };
    const begin = end + localHeader(entry, zip64From).length;
    end = begin + size;
    return { entry, begin };
  });
  const tailOf = (checksums: readonly number[]): Uint8Array[] => {
    const directory = places.map(({ entry }, i) => directoryRecord({ ...entry, crc: checksums[i] ?? 0 }, zip64From));
    return [...directory, endOfDirectory(directory, end, zip64From)];
  };
  return {
    begins: places.map(({ begin }) => begin),
    size: end + record([], ...tailOf([])).length,
    records(checksums) {
      const headers = places.map(({ entry }, i) => ({
        at: entry.offset,
        bytes: localHeader({ ...entry, crc: checksums[i] ?? 0 }, zip64From),
      }));
      return [...headers, { at: end, bytes: record([], ...tailOf(checksums)) }];
    },
  };
}

interface Entry {
  readonly name: Uint8Array;
  readonly crc: number;
  readonly size: number;
  readonly packed: number;
  readonly method: number;
}

function localHeader({ name, crc, size, packed, method }: Entry, zip64From: number): Uint8Array {
  const wide = size >= zip64From || packed >= zip64From ? [size, packed] : []; // here both or none
  const short = (value: number): number => (wide.length > 0 ? formatLimit : value);
  return record(
    [
      [4, 0x04034b50],
      ...common(wide, method),
      [4, crc],
      [4, short(packed)],
      [4, short(size)],
      [2, name.length],
      [2, extraLength(wide)],
    ],
    name,
    extra(wide),
  );
}

function directoryRecord(
  { name, crc, size, packed, method, offset }: Entry & { offset: number },
  zip64From: number,
): Uint8Array {
  const wide = [size, packed, offset].filter((value) => value >= zip64From);
  const short = (value: number): number => (value >= zip64From ? formatLimit : value);
  return record(
    [
      [4, 0x02014b50],
      [2, version64],
      ...common(wide, method),
      [4, crc],
      [4, short(packed)],
      [4, short(size)],
      [2, name.length],
      [2, extraLength(wide)],
      [2, 0], // comment
      [8, 0], // disk, internal and external attributes
      [4, short(offset)],
    ],
    name,
    extra(wide),
  );
}

/** Version needed, flags, method, time and date. */
function common(wide: readonly number[], method: number): Field[] {
  return [
    [2, wide.length > 0 ? version64 : versionPlain],
    [2, utf8Names],
    [2, method],
    [2, 0],
    [2, date1980],
  ];
}

function extraLength(wide: readonly number[]): number {
  return wide.length === 0 ? 0 : 4 + 8 * wide.length;
}

function extra(wide: readonly number[]): Uint8Array {
  return wide.length === 0
    ? new Uint8Array()
    : record([[2, 1], [2, 8 * wide.length], ...wide.map((value): Field => [8, value])]);
}

function endOfDirectory(directory: readonly Uint8Array[], offset: number, zip64From: number): Uint8Array {
  const length = directory.reduce((sum, { length }) => sum + length, 0);
  const count = directory.length;
  const needs64 = offset >= zip64From || length >= zip64From || count >= Math.min(zip64From, 0xffff);
  const end64 = needs64
    ? record([
        [4, 0x06064b50],
        [8, 44],
        [2, version64],
        [2, version64],
        [8, 0], // disks
        [8, count],
        [8, count],
        [8, length],
        [8, offset],
        [4, 0x07064b50],
        [4, 0],
        [8, offset + length],
        [4, 1],
      ])
    : new Uint8Array();
  const [count16, length32, offset32] = needs64 ? [0xffff, formatLimit, formatLimit] : [count, length, offset];
  return record(
    [],
    end64,
    record([
      [4, 0x06054b50],
      [4, 0],
      [2, count16],
      [2, count16],
      [4, length32],
      [4, offset32],
      [2, 0],
    ]),
  );
}

function record(fields: readonly Field[], ...tail: readonly Uint8Array[]): Uint8Array {
  const length = fields.reduce((sum, [width]) => sum + width, 0);
  const bytes = new Uint8Array(length + tail.reduce((sum, part) => sum + part.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) view.setUint16(at, value, true);
    else if (width === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += width;
  }
  for (const part of tail) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
