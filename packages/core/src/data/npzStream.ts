/**
 * A NumPy archive whose arrays are written piece by piece, in any order: entries are stored, so that their places are known
 * before their data. The checksums that ZIP asks for are taken when it is finished, by reading the file once.
 */
import type { FileHandle } from "node:fs/promises";
import { bytesPerElement, type NumericDtype } from "../ir/elements.ts";
import { sizeOf } from "../ir/shape.ts";
import { type ArrayForms, type ArrayStream, type FilePiece, streamArrays } from "./arrayStream.ts";
import { crc32 } from "./crc32.ts";
import { npyHeader } from "./npy.ts";
import { storedZip, type ZipOptions } from "./zipWriter.ts";

const chunkBytes = 1 << 20;

/**
 * The same bytes as `writeNpz` of the same arrays.
 *
 * @throws {UsageError} if the file cannot be made, the disk is full, or a piece does not lie inside its array.
 */
export async function streamNpz(
  path: string,
  arrays: ArrayForms,
  options: Pick<ZipOptions, "zip64From"> = {},
): Promise<ArrayStream> {
  const planned = Object.entries(arrays).map(([name, { dtype, shape }]) => {
    const header = npyHeader({ dtype, shape });
    const bytes = sizeOf(shape) * bytesPerElement(dtype as NumericDtype);
    return { name, dtype: dtype as NumericDtype, shape, header, size: header.length + bytes };
  });
  const zip = storedZip(
    planned.map(({ name, size }) => ({ name: `${name}.npy`, size })),
    options,
  );
  const begins = planned.map((_, i) => zip.begins[i]!);
  const headers = planned.map(({ header }, i): FilePiece => ({ at: begins[i]!, bytes: header }));
  return streamArrays(path, {
    places: new Map(
      planned.map(({ name, dtype, shape, header }, i) => [name, { dtype, shape, offset: begins[i]! + header.length }]),
    ),
    size: zip.size,
    pieces: headers,
    async seal(file) {
      const checksums: number[] = [];
      for (const [i, { size }] of planned.entries()) checksums.push(await checksumOf(file, begins[i]!, size));
      return zip.records(checksums);
    },
  });
}

async function checksumOf(file: FileHandle, begin: number, size: number): Promise<number> {
  const buffer = Buffer.alloc(Math.min(size, chunkBytes));
  let checksum = 0;
  for (let done = 0; done < size; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - done), begin + done);
    if (bytesRead === 0) break;
    checksum = crc32(buffer.subarray(0, bytesRead), checksum);
    done += bytesRead;
  }
  return checksum;
}
