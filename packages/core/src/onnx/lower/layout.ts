/** Operators that move elements. */
import { broadcastShapes, normalizeAxis, sizeOf } from "../../ir/shape.ts";
import type { Lowering } from "./context.ts";

/** 0 copies a length (unless `allowzero`), −1 takes what is left. */
const reshape: Lowering = (c) => {
  const x = c.need(0);
  const wanted = c.ints(1) ?? [];
  const zeros = c.int("allowzero", 0) !== 0;
  const shape = wanted.map((d, i) => (d === 0 && !zeros ? (x.shape[i] ?? 0) : d));
  const known = sizeOf(shape.filter((d) => d !== -1));
  return c.g.reshape(
    x,
    shape.map((d) => (d === -1 ? sizeOf(x.shape) / known : d)),
  );
};

const flatten: Lowering = (c) => {
  const x = c.need(0);
  const axis = c.int("axis", 1);
  const at = axis < 0 ? axis + x.shape.length : axis;
  return c.g.reshape(x, [sizeOf(x.shape.slice(0, at)), sizeOf(x.shape.slice(at))]);
};

const squeeze: Lowering = (c) => {
  const x = c.need(0);
  const axes = c.ints(1)?.map((a) => normalizeAxis(a, x.shape.length));
  return c.g.reshape(
    x,
    x.shape.filter((d, i) => (axes ? !axes.includes(i) : d !== 1)),
  );
};

const unsqueeze: Lowering = (c) => {
  const x = c.need(0);
  const given = c.ints(1) ?? [];
  const rank = x.shape.length + given.length;
  const axes = new Set(given.map((a) => normalizeAxis(a, rank)));
  const lengths = [...x.shape];
  return c.g.reshape(
    x,
    Array.from({ length: rank }, (_, i) => (axes.has(i) ? 1 : lengths.shift()!)),
  );
};

const concat: Lowering = (c) => {
  const inputs = c.inputs();
  return c.g.concat(inputs, normalizeAxis(c.int("axis", 0), inputs[0]!.shape.length));
};

/** Sizes as an input; else equal parts, the last one smaller where they do not divide. */
const split: Lowering = (c) => {
  const x = c.need(0);
  const axis = normalizeAxis(c.int("axis", 0), x.shape.length);
  const count = c.count(c.int("num_outputs", c.node.outputs.length));
  const part = Math.ceil(x.shape[axis]! / count);
  const sizes =
    c.ints(1) ?? Array.from({ length: count }, (_, i) => Math.max(0, Math.min(part, x.shape[axis]! - i * part)));
  let start = 0;
  return sizes.map((size) => {
    const piece = c.g.narrow(x, axis, start, size);
    start += size;
    return piece;
  });
};

/** Starts and ends count from the end if negative and are cut to the axis, as in numpy. */
const slice: Lowering = (c) => {
  const x = c.need(0);
  const [starts, ends] = [c.ints(1) ?? [], c.ints(2) ?? []];
  const axes = (c.ints(3) ?? starts.map((_, i) => i)).map((a) => normalizeAxis(a, x.shape.length));
  const steps = c.ints(4) ?? starts.map(() => 1);
  const plan = { starts: x.shape.map(() => 0), steps: x.shape.map(() => 1), sizes: [...x.shape] };
  axes.forEach((axis, i) => {
    const { start, size } = cutSlice(starts[i]!, ends[i]!, steps[i]!, x.shape[axis]!);
    plan.starts[axis] = start;
    plan.steps[axis] = steps[i]!;
    plan.sizes[axis] = size;
  });
  return c.g.slice(x, plan.starts, plan.sizes, plan.steps);
};

/** First element and number of elements of start:end:step on an axis of `length`. */
function cutSlice(start: number, end: number, step: number, length: number): { start: number; size: number } {
  const from = (i: number): number => (i < 0 ? i + length : i);
  const clamp = (i: number, low: number, high: number): number => Math.min(Math.max(i, low), high);
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const first = clamp(from(start), 0, high);
  const last = clamp(from(end), low, high);
  return { start: first, size: Math.max(0, Math.ceil((last - first) / step)) };
}

const transpose: Lowering = (c) => {
  const x = c.need(0);
  return c.g.transpose(x, c.intList("perm") ?? x.shape.map((_, i) => x.shape.length - 1 - i));
};

const expand: Lowering = (c) => {
  const x = c.need(0);
  return c.g.expand(x, broadcastShapes(x.shape, c.ints(1) ?? []));
};

/** [a, b] ×(r, s): [1, a, 1, b] → [r, a, s, b] → [r·a, s·b] */
const tile: Lowering = (c) => {
  const x = c.need(0);
  const repeats = c.ints(1) ?? [];
  const ones = c.g.reshape(
    x,
    x.shape.flatMap((d) => [1, d]),
  );
  const repeated = c.g.expand(
    ones,
    x.shape.flatMap((d, i) => [repeats[i]!, d]),
  );
  return c.g.reshape(
    repeated,
    x.shape.map((d, i) => d * repeats[i]!),
  );
};

/** Blocks of the channel axis become squares of the plane: the block's axes are in front of ("DCR") or behind the channels ("CRD"). */
const depthToSpace: Lowering = (c) => {
  const { g } = c;
  const x = c.need(0);
  const [n, channels, h, w] = x.shape as [number, number, number, number];
  const b = c.int("blocksize", 1);
  const depth = channels / (b * b);
  const rowFirst = c.string("mode", "DCR") === "CRD";
  const split = g.reshape(x, rowFirst ? [n, depth, b, b, h, w] : [n, b, b, depth, h, w]);
  const moved = g.transpose(split, rowFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]);
  return g.reshape(moved, [n, depth, h * b, w * b]);
};

const spaceToDepth: Lowering = (c) => {
  const { g } = c;
  const x = c.need(0);
  const [n, channels, h, w] = x.shape as [number, number, number, number];
  const b = c.int("blocksize", 1);
  const split = g.reshape(x, [n, channels, h / b, b, w / b, b]);
  const rowFirst = c.string("mode", "DCR") === "CRD";
  const moved = g.transpose(split, rowFirst ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4]);
  return g.reshape(moved, [n, channels * b * b, h / b, w / b]);
};

/** The upper or lower triangle of the last two axes, from diagonal `k` on. */
const triangle: Lowering = (c) => {
  const { g } = c;
  const x = c.need(0);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const k = c.ints(1)?.[0] ?? 0;
  const upper = c.int("upper", 1) !== 0;
  const data = Uint8Array.from({ length: rows * columns }, (_, i) => {
    const offset = (i % columns) - Math.floor(i / columns);
    return Number(upper ? offset >= k : offset <= k);
  });
  return g.where(g.constantTensor({ dtype: "bool", shape: [rows, columns], data }), x, 0);
};

/** Inference: the input itself, and a mask of ones. */
const dropout: Lowering = (c) => {
  const x = c.need(0);
  const training = c.input(2) ? c.numbers(2)![0] !== 0 : false;
  if (training && (c.numbers(1)?.[0] ?? 0.5) !== 0) {
    throw c.refuse("it is in training mode: its output is random", {
      try: "export the model in evaluation mode (model.eval())",
    });
  }
  return [x, c.opset >= 10 ? c.g.fill(1, "bool", x.shape) : c.g.fill(1, x.dtype, x.shape)];
};

export const layout: Readonly<Record<string, Lowering>> = {
  Concat: concat,
  DepthToSpace: depthToSpace,
  Dropout: dropout,
  Expand: expand,
  Flatten: flatten,
  Reshape: reshape,
  Slice: slice,
  SpaceToDepth: spaceToDepth,
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Trilu: triangle,
  Unsqueeze: unsqueeze,
};
