/** Pictures as PNG, for reports. Source: W3C, Portable Network Graphics (third edition). */
import { deflateSync } from "node:zlib";
import { crc32Of } from "./crc32.ts";

/** Bytes of the pixels, row by row, each one grey value or three of red, green and blue. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

export function png({ width, height, channels, data }: Pixels): Uint8Array {
  const line = width * channels;
  const raw = new Uint8Array(height * (1 + line)); // each line begins with its filter: none
  for (let y = 0; y < height; y++) raw.set(data.subarray(y * line, (y + 1) * line), y * (1 + line) + 1);
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, channels === 1 ? 0 : 2, 0, 0, 0], 8);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(raw)),
    chunk("IEND", new Uint8Array()),
  ]);
}

/** As the address of an image. */
export function pngAddress(pixels: Pixels): string {
  return `data:image/png;base64,${Buffer.from(png(pixels)).toString("base64")}`;
}

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32Of(body), body.length + 4);
  return out;
}
