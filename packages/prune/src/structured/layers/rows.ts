/** A layer's inputs and outputs as rows of matrices, at the same positions. */
import { type Matrix, matrix, type Tensor } from "@hessonite/core";
import type { WeightLayer } from "./weightLayer.ts";

/**
 * Which positions a layer is looked at: every `step`-th of all rows · positions, so that at most `limit` are.
 *
 * @param z The layer's output: `[N, out, …positions]` of a convolution, `[…, out]` else.
 */
export function positionsOf(layer: WeightLayer, z: Tensor, limit: number): Int32Array {
  const count = z.data.length / (layer.kind === "conv" ? (z.shape[1] ?? 1) : (z.shape.at(-1) ?? 1));
  const step = Math.max(1, count / limit);
  return Int32Array.from({ length: Math.floor(count / step) }, (_, i) => Math.floor(i * step));
}

/** `[positions, out]` */
export function outputRows(layer: WeightLayer, z: Tensor, positions: Int32Array): Matrix {
  if (layer.kind === "linear") return take(z, z.shape.at(-1)!, positions);
  const channels = z.shape[1]!;
  const area = z.shape.slice(2).reduce((n, d) => n * d, 1);
  const rows = matrix(positions.length, channels);
  positions.forEach((position, r) => {
    const [n, at] = [Math.floor(position / area), position % area];
    for (let c = 0; c < channels; c++) rows.data[r * channels + c] = z.data[(n * channels + c) * area + at]!;
  });
  return rows;
}

/** `[positions, in]`, with a further column of ones if `constant`. */
export function inputRows(
  layer: WeightLayer,
  x: Tensor,
  zShape: readonly number[],
  positions: Int32Array,
  constant: boolean,
): Matrix {
  const width = layer.kind === "linear" ? x.shape.at(-1)! : x.shape[1]! * layer.perChannel;
  const rows = matrix(positions.length, width + Number(constant));
  if (layer.kind === "linear") {
    positions.forEach((position, r) => {
      rows.data.set(x.data.subarray(position * width, (position + 1) * width), r * rows.columns);
    });
  } else fillPatches(layer, x, zShape, positions, rows);
  if (constant) for (let r = 0; r < rows.rows; r++) rows.data[r * rows.columns + width] = 1;
  return rows;
}

function take({ data }: Tensor, width: number, positions: Int32Array): Matrix {
  const rows = matrix(positions.length, width);
  positions.forEach((position, r) => {
    rows.data.set(data.subarray(position * width, (position + 1) * width), r * width);
  });
  return rows;
}

function fillPatches(
  { node }: WeightLayer,
  x: Tensor,
  zShape: readonly number[],
  positions: Int32Array,
  rows: Matrix,
): void {
  const ints = (name: string, otherwise: readonly number[]): readonly number[] => {
    const attr = node.attrs[name];
    return attr?.kind === "ints" ? attr.value : otherwise;
  };
  // A sequence is an image one pixel high.
  const line = x.shape.length === 3;
  const plane = (list: readonly number[], above: number): [number, number] =>
    line ? [above, list[0]!] : (list as [number, number]);
  const channels = x.shape[1]!;
  const [height, width] = plane(x.shape.slice(2), 1);
  const [outHeight, outWidth] = plane(zShape.slice(2), 1);
  const [kh, kw] = plane(ints("kernel_shape", [1, 1]), 1);
  const [sh, sw] = plane(ints("strides", [1, 1]), 1);
  const [dh, dw] = plane(ints("dilations", [1, 1]), 1);
  const [top, left] = plane(ints("pads", [0, 0, 0, 0]), 0);
  positions.forEach((position, r) => {
    const n = Math.floor(position / (outHeight * outWidth));
    const [oy, ox] = [Math.floor(position / outWidth) % outHeight, position % outWidth];
    let to = r * rows.columns;
    for (let c = 0; c < channels; c++) {
      const start = (n * channels + c) * height * width;
      for (let ky = 0; ky < kh; ky++) {
        const y = oy * sh - top + ky * dh;
        for (let kx = 0; kx < kw; kx++, to++) {
          const at = ox * sw - left + kx * dw;
          if (y >= 0 && y < height && at >= 0 && at < width) rows.data[to] = x.data[start + y * width + at]!;
        }
      }
    }
  });
}
