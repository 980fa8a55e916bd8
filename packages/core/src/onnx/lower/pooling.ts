/** The windows of pooling operators, and maxima over them. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Value } from "../../ir/graph.ts";
import { windowCount } from "../../ir/infer.ts";
import type { PoolAttrs } from "../../ir/ops.ts";
import { sizeOf, stridesOf } from "../../ir/shape.ts";
import type { Lowering, LoweringContext } from "./context.ts";
import { resolvePads } from "./products.ts";

/** The windows of a pooling node; `ceil_mode` adds a window that starts inside the input or its begin pads. */
export function poolWindows(c: LoweringContext, x: Value): PoolAttrs {
  const kernel = c.intList("kernel_shape") ?? [];
  const lengths = x.shape.slice(2);
  const ones = kernel.map(() => 1);
  const strides = c.intList("strides") ?? ones;
  const dilations = c.intList("dilations") ?? ones;
  const pads = resolvePads(c, lengths, kernel, strides, dilations);
  const ceil = c.int("ceil_mode", 0) !== 0;
  const spatial = lengths.map((length, i) => {
    const total = pads[i]! + pads[i + kernel.length]!;
    const whole = windowCount(length, kernel[i]!, strides[i]!, dilations[i]!, total);
    const reach = length + total - dilations[i]! * (kernel[i]! - 1) - 1;
    const more = ceil && reach % strides[i]! !== 0 && whole * strides[i]! < length + pads[i]!;
    return whole + Number(more);
  });
  return { kernel, strides, pads, dilations, spatial };
}

/** The index of every maximum in the whole input, batch and channels included, in row- or column-major order of the plane. */
function flatIndices(c: LoweringContext, x: Value, windows: PoolAttrs): Value {
  const { g } = c;
  const [n, channels, ...lengths] = x.shape as [number, number, ...number[]];
  const inPlane = g.op("MaxPoolIndex", [x], windows);
  const order = c.int("storage_order", 0) === 1 ? columnMajor(g, inPlane, lengths) : inPlane;
  const bases = Array.from({ length: n * channels }, (_, i) => i * sizeOf(lengths));
  return g.add(order, g.ints(bases, [n, channels, ...lengths.map(() => 1)]));
}

/** From row-major positions of a plane to column-major ones. */
function columnMajor(g: GraphBuilder, position: Value, lengths: readonly number[]): Value {
  const rowStrides = stridesOf(lengths);
  const columnStrides = stridesOf([...lengths].reverse()).reverse();
  return lengths
    .map((length, axis) => g.mul(g.binary("Mod", g.div(position, rowStrides[axis]!), length), columnStrides[axis]!))
    .reduce((a, b) => g.add(a, b));
}

const maxPool: Lowering = (c) => {
  const x = c.need(0);
  const windows = poolWindows(c, x);
  return [c.g.op("MaxPool", [x], windows), c.wants(1) ? flatIndices(c, x, windows) : undefined];
};

const spatialAxes = (x: Value): number[] => x.shape.flatMap((_, i) => (i >= 2 ? [i] : []));

export const pooling: Readonly<Record<string, Lowering>> = {
  GlobalAveragePool: (c) => c.g.mean(c.need(0), spatialAxes(c.need(0)), true),
  GlobalMaxPool: (c) => c.g.op("ReduceMax", [c.need(0)], { axes: spatialAxes(c.need(0)), keepdims: true }),
  MaxPool: maxPool,
};
