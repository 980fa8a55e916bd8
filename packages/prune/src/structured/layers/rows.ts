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

/** `[positions, out]`: all outputs of the node, whatever its groups. */
export function outputRows(layer: WeightLayer, z: Tensor, positions: Int32Array): Matrix {
  if (layer.kind === "linear") return take(z, z.shape.at(-1)!, positions);
  const channels = z.shape[1]!;
  const area = productOf(z.shape.slice(2));
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
  const width = layer.kind === "linear" ? x.shape.at(-1)! : (x.shape[1]! / layer.group.of) * layer.perChannel;
  const rows = matrix(positions.length, width + Number(constant));
  if (layer.kind === "linear") {
    positions.forEach((position, r) => {
      rows.data.set(x.data.subarray(position * width, (position + 1) * width), r * rows.columns);
    });
  } else fillPatches(layer, x, zShape, positions, rows);
  if (constant) for (let r = 0; r < rows.rows; r++) rows.data[r * rows.columns + width] = 1;
  return rows;
}

/** Those of the layer's own group. */
export function ownOutputs({ group }: WeightLayer, rows: Matrix): Matrix {
  if (group.of === 1) return rows;
  const out = rows.columns / group.of;
  const own = matrix(rows.rows, out);
  for (let r = 0; r < rows.rows; r++) {
    const from = r * rows.columns + group.at * out;
    own.data.set(rows.data.subarray(from, from + out), r * out);
  }
  return own;
}

function take({ data }: Tensor, width: number, positions: Int32Array): Matrix {
  const rows = matrix(positions.length, width);
  positions.forEach((position, r) => {
    rows.data.set(data.subarray(position * width, (position + 1) * width), r * width);
  });
  return rows;
}

/** Kernel positions that lie outside the input, where it is padded, stay 0. */
function fillPatches(
  { node, kernel, group }: WeightLayer,
  x: Tensor,
  zShape: readonly number[],
  positions: Int32Array,
  rows: Matrix,
): void {
  const [sizes, outSizes] = [x.shape.slice(2), zShape.slice(2)];
  const ints = (name: string, otherwise: number): readonly number[] => {
    const attr = node.attrs[name];
    return attr?.kind === "ints" ? attr.value : kernel.map(() => otherwise);
  };
  const [strides, dilations, pads] = [ints("strides", 1), ints("dilations", 1), ints("pads", 0)];
  const [area, outArea] = [productOf(sizes), productOf(outSizes)];
  const channels = x.shape[1]! / group.of;
  const offsets = Array.from({ length: productOf(kernel) }, (_, k) => placeOf(k, kernel));
  const seen = new Int32Array(offsets.length);
  positions.forEach((position, r) => {
    const out = placeOf(position % outArea, outSizes);
    offsets.forEach((offset, k) => {
      const at = offset.map((step, axis) => out[axis]! * strides[axis]! - pads[axis]! + step * dilations[axis]!);
      seen[k] = at.every((i, axis) => i >= 0 && i < sizes[axis]!)
        ? at.reduce((sum, i, axis) => sum * sizes[axis]! + i, 0)
        : -1;
    });
    const first = (Math.floor(position / outArea) * x.shape[1]! + group.at * channels) * area;
    let to = r * rows.columns;
    for (let c = 0; c < channels; c++) {
      const start = first + c * area;
      for (const at of seen) {
        if (at >= 0) rows.data[to] = x.data[start + at]!;
        to++;
      }
    }
  });
}

const productOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** An index of each axis. */
function placeOf(flat: number, shape: readonly number[]): number[] {
  const place = shape.map(() => 0);
  for (let [axis, rest] = [shape.length - 1, flat]; axis >= 0; axis--) {
    place[axis] = rest % shape[axis]!;
    rest = Math.floor(rest / shape[axis]!);
  }
  return place;
}
