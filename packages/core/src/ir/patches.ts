/** What each position of a convolution's output sees of its input. */
import type { GraphBuilder } from "./builder.ts";
import type { Value } from "./graph.ts";
import type { ConvAttrs } from "./ops.ts";
import { sizeOf } from "./shape.ts";

/** All positions of a kernel, row-major. */
export function kernelTaps(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (prefixes, k) => prefixes.flatMap((prefix) => Array.from({ length: k }, (_, i) => [...prefix, i])),
    [[]],
  );
}

/**
 * One strided slice of the padded input a tap: `x [A, B, …spatial]` → taps of `[A, B, …positions]`.
 *
 * @param positions Spatial shape of the convolution's output.
 */
export function tapSlices(
  g: GraphBuilder,
  x: Value,
  { strides, pads, dilations }: ConvAttrs,
  kernel: readonly number[],
  positions: readonly number[],
): Value[] {
  const [a, b] = x.shape as [number, number];
  const rank = kernel.length;
  const padded = g.pad(x, [0, 0, ...pads.slice(0, rank)], [0, 0, ...pads.slice(rank)]);
  return kernelTaps(kernel).map((tap) =>
    g.slice(padded, [0, 0, ...tap.map((t, i) => t * dilations[i]!)], [a, b, ...positions], [1, 1, ...strides]),
  );
}

/** `x [N, G·c, …]` → `[N, positions, G, c·κ]`, features in the order (channel, taps row-major) of a kernel `[O, c, …κ]`. */
export function patches(
  g: GraphBuilder,
  x: Value,
  attrs: ConvAttrs,
  kernel: readonly number[],
  positions: readonly number[],
): Value {
  const [n, channels] = x.shape as [number, number];
  const count = sizeOf(positions);
  const taps = tapSlices(g, x, attrs, kernel, positions).map((tap) => g.reshape(tap, [n, channels, 1, count]));
  const features = (channels / attrs.group) * taps.length;
  return g.transpose(g.reshape(g.concat(taps, 2), [n, attrs.group, features, count]), [0, 3, 1, 2]);
}
