/**
 * What changes in nodes whose attributes or constant inputs count channels. Everything else follows from its operands.
 */
import type { OnnxNode, Tensor } from "@hessonite/core";
import { sliceCuts } from "../rules/layout.ts";
import { meanSquare, rmsNormalization } from "./norms.ts";
import type { Rewrite, RewriteContext } from "./rewriteContext.ts";
import { shapeReader, shapeTaker } from "./shapes.ts";

export const integers = (values: readonly number[]): Tensor => ({
  dtype: "int64",
  shape: [values.length],
  data: Float64Array.from(values),
});

/** Channels that go with their own group leave fewer groups; else every group gets narrower. */
const grouped: Rewrite = (c) => {
  const group = c.int("group", 1);
  if (group === 1) return undefined;
  const width = (c.shape(0)[1] ?? 1) / group;
  const now = c.kept.length(c.axes(0)[1] ?? null, c.shape(0)[1] ?? 1);
  const inner = c.kept.length(c.axes(1)[1] ?? null, width);
  return now / inner === group ? undefined : { attrs: { group: { kind: "int", value: now / inner } } };
};

/** The sizes of the pieces, now that they may differ. */
const split: Rewrite = (c) => {
  const axis = axisOf(c);
  const before = c.node.outputs.map((_, i) => c.outShape(i)[axis] ?? 0);
  const sizes = before.map((size, i) => c.kept.length(c.outAxes(i)[axis] ?? null, size));
  if (sizes.every((size, i) => size === before[i])) return undefined;
  if (c.opset < 13) return { attrs: { split: { kind: "ints", value: sizes } } };
  c.setInput(1, integers(sizes));
  return c.node.attrs["num_outputs"] ? { attrs: { num_outputs: null } } : undefined;
};

/** Starts and ends among the channels that are left. */
const slice: Rewrite = (c) => {
  const cuts = sliceCuts(c);
  if (!cuts?.some(({ axis }) => c.kept.indices(c.axes(0)[axis] ?? null))) return undefined;
  const moved = cuts.map(({ axis, start, count, step }) => {
    const kept = c.kept.indices(c.axes(0)[axis] ?? null);
    if (!kept) return { axis, start, end: start + count * step, step };
    const first = kept.filter((i) => i < start).length;
    return { axis, start: first, end: first + kept.filter((i) => i >= start && i < start + count).length, step };
  });
  // Behind the first element of a reversed axis lies what no index says.
  const ends = moved.map(({ end, step }) => (step < 0 && end < 0 ? -(2 ** 31) : end));
  const lists = { starts: moved.map((m) => m.start), ends, axes: moved.map((m) => m.axis) };
  if (c.opset < 10) {
    const attrs = Object.entries(lists).map(([name, value]) => [name, { kind: "ints" as const, value }] as const);
    return { attrs: Object.fromEntries(attrs) };
  }
  [lists.starts, lists.ends, lists.axes, moved.map((m) => m.step)].forEach((list, i) => {
    c.setInput(i + 1, integers(list));
  });
  return undefined;
};

/** An index among the channels that are left. */
const gather: Rewrite = (c) => {
  const axis = axisOf(c);
  const kept = c.kept.indices(c.axes(0)[axis] ?? null);
  const index = c.numbers(1);
  if (!kept || !index) return undefined;
  const length = c.shape(0)[axis] ?? 1;
  const places = new Map(kept.map((old, now) => [old, now]));
  const moved = index.flatMap((i) => places.get(i < 0 ? i + length : i) ?? []);
  c.setInput(1, integers(moved));
  return undefined;
};

/** Sizes that are given one by one. */
const resize: Rewrite = (c) => {
  if (c.has(3)) shapeTaker(3)(c);
  return undefined;
};

function axisOf(c: RewriteContext): number {
  const axis = c.int("axis", 0);
  return axis < 0 ? axis + c.shape(0).length : axis;
}

const rewrites: Readonly<Record<string, Rewrite>> = {
  Conv: grouped,
  Expand: shapeTaker(1),
  Gather: gather,
  RMSNormalization: rmsNormalization,
  ReduceMean: meanSquare,
  Reshape: shapeTaker(1),
  Resize: resize,
  Shape: shapeReader,
  SimplifiedLayerNormalization: rmsNormalization,
  Slice: slice,
  Split: split,
};

export function rewriteOf({ domain, opType }: OnnxNode): Rewrite | undefined {
  return domain === "" ? rewrites[opType] : undefined;
}
