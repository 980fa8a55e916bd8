/** Rows of the data that are pictures, as PNG. */
import { type Pixels, png } from "../report/png.ts";

/** `[channels, height, width]` with 1 or 3 channels, stretched to the full range of grey or colour. */
export function pictureOf(
  data: ArrayLike<number>,
  [channels, height, width]: readonly [number, number, number],
): Uint8Array {
  const { low, range } = extent(data);
  const bytes = new Uint8Array(height * width * channels);
  for (let at = 0; at < height * width; at++) {
    for (let c = 0; c < channels; c++) {
      bytes[at * channels + c] = Math.round((255 * (Number(data[c * height * width + at]) - low)) / range);
    }
  }
  return png({ width, height, channels: channels as Pixels["channels"], data: bytes });
}

function extent(data: ArrayLike<number>): { readonly low: number; readonly range: number } {
  const values = Array.from(data);
  const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  return { low, range: values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY) - low || 1 };
}
