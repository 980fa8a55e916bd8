/**
 * Gathers and scatters. Those of several axes at once become those of one axis over the data flattened, so that the
 * core needs two operators and nothing ever emits ScatterND.
 */
import type { Value } from "../../ir/graph.ts";
import { normalizeAxis, sizeOf, stridesOf } from "../../ir/shape.ts";
import type { Lowering, LoweringContext } from "./context.ts";

/** Index counted from the start, where the file may count from the end. */
function counted(c: LoweringContext, index: Value, length: number): Value {
  return c.g.where(c.g.binary("Less", index, 0), c.g.add(index, length), index);
}

const axisOf = (c: LoweringContext, x: Value): number => normalizeAxis(c.int("axis", 0), x.shape.length);

const gather: Lowering = (c) => {
  const x = c.need(0);
  const axis = axisOf(c, x);
  return c.g.gather(x, counted(c, c.need(1), x.shape[axis]!), axis);
};

const gatherElements: Lowering = (c) => {
  const x = c.need(0);
  const axis = axisOf(c, x);
  return c.g.op("GatherElements", [x, counted(c, c.need(1), x.shape[axis]!)], { axis });
};

/** Index tuples `[…, k]` into axes of these lengths as positions `[…]` in the axes merged. */
function positions(c: LoweringContext, index: Value, lengths: readonly number[]): Value {
  const { g } = c;
  const strides = stridesOf(lengths);
  const last = index.shape.length - 1;
  return lengths
    .map((length, i) => {
      const column = g.reshape(g.narrow(index, last, i, 1), index.shape.slice(0, -1));
      return g.mul(counted(c, column, length), strides[i]!);
    })
    .reduce((a, b) => g.add(a, b), g.fill(0, index.dtype, index.shape.slice(0, -1)));
}

/** data `[b…, d…, rest…]`, indices `[b…, i…, k]` → `[b…, i…, rest…]`: batch axes and the k indexed ones are merged. */
const gatherND: Lowering = (c) => {
  const { g } = c;
  const [x, index] = [c.need(0), c.need(1)];
  const batch = c.int("batch_dims", 0);
  const k = index.shape.at(-1)!;
  const lengths = x.shape.slice(batch, batch + k);
  const rest = x.shape.slice(batch + k);
  const [examples, size] = [sizeOf(x.shape.slice(0, batch)), sizeOf(lengths)];
  const within = positions(c, index, lengths);
  const starts = g.ints(
    Array.from({ length: examples }, (_, i) => i * size),
    [...x.shape.slice(0, batch), ...index.shape.slice(batch, -1).map(() => 1)],
  );
  const at = batch === 0 ? within : g.add(within, g.cast(starts, within.dtype));
  return g.gather(g.reshape(x, [examples * size, ...rest]), at, 0);
};

type Reduction = "none" | "add" | "mul" | "max" | "min";

const reductions: ReadonlySet<string> = new Set(["none", "add", "mul", "max", "min"] satisfies Reduction[]);

function reductionOf(c: LoweringContext): Reduction {
  const reduction = c.string("reduction", "none");
  if (!reductions.has(reduction)) throw c.refuse("its reduction is not supported", { found: reduction });
  return reduction as Reduction;
}

const scatterElements: Lowering = (c) => {
  const x = c.need(0);
  const axis = axisOf(c, x);
  return c.g.op("ScatterElements", [x, counted(c, c.need(1), x.shape[axis]!), c.need(2)], {
    axis,
    reduction: reductionOf(c),
  });
};

/** data `[d…, rest…]`, indices `[i…, k]`, updates `[i…, rest…]`, on `[D, R]`, `[I]`, `[I, R]`. */
const scatterND: Lowering = (c) => {
  const { g } = c;
  const [x, index, updates] = [c.need(0), c.need(1), c.need(2)];
  const k = index.shape.at(-1)!;
  const [lengths, rest] = [x.shape.slice(0, k), sizeOf(x.shape.slice(k))];
  const rows = sizeOf(index.shape.slice(0, -1));
  const at = g.expand(g.reshape(positions(c, index, lengths), [rows, 1]), [rows, rest]);
  const flat = [g.reshape(x, [sizeOf(lengths), rest]), at, g.reshape(updates, [rows, rest])];
  return g.reshape(g.op("ScatterElements", flat, { axis: 0, reduction: reductionOf(c) }), x.shape);
};

/** The first `lengths[b]` steps of example b reversed: step t comes from lengths[b] − 1 − t. */
const reverseSequence: Lowering = (c) => {
  const x = c.need(0);
  const [time, batch] = [c.int("time_axis", 0), c.int("batch_axis", 1)];
  return reverseWithin(c, x, c.need(1), { time, batch });
};

/** `x` with the first `lengths [B]` steps of each example reversed along the time axis. */
export function reverseWithin(
  c: LoweringContext,
  x: Value,
  lengths: Value,
  { time, batch }: { readonly time: number; readonly batch: number },
): Value {
  const { g } = c;
  const along = (axis: number, n: number): number[] => x.shape.map((_, i) => (i === axis ? n : 1));
  const steps = g.ints(
    Array.from({ length: x.shape[time]! }, (_, t) => t),
    along(time, x.shape[time]!),
  );
  const counts = g.reshape(g.cast(lengths, "int64"), along(batch, x.shape[batch]!));
  const from = g.where(g.binary("Less", steps, counts), g.sub(g.sub(counts, 1), steps), steps);
  return g.op("GatherElements", [x, g.expand(from, x.shape)], { axis: time });
}

/** `[off, on]` by comparison with 0 … depth − 1; an index outside is off everywhere. */
const oneHot: Lowering = (c) => {
  const { g } = c;
  const index = c.need(0);
  const depth = c.count(c.numbers(1)![0]!);
  const rank = index.shape.length;
  const axis = normalizeAxis(c.int("axis", -1), rank + 1);
  const labels = counted(c, index, depth);
  const classes = g.cast(g.ints(Array.from({ length: depth }, (_, i) => i)), index.dtype);
  const hot = g.equal(
    g.unsqueeze(labels, axis),
    g.reshape(classes, [depth, ...new Array<number>(rank - axis).fill(1)]),
  );
  const [off, on] = [0, 1].map((i) => g.reshape(g.narrow(c.need(2), 0, i, 1), [])) as [Value, Value];
  return g.where(hot, on, off);
};

/** The elements, or slices along an axis, whose condition holds. */
const compress: Lowering = (c) => {
  const { g } = c;
  const x = c.need(0);
  const kept = g.ints(c.numbers(1)!.flatMap((holds, i) => (holds ? [i] : [])));
  if (!("axis" in c.node.attrs)) return g.gather(g.reshape(x, [sizeOf(x.shape)]), kept, 0);
  return g.gather(x, kept, axisOf(c, x));
};

/** `[rank, count]`: a row an axis. */
const nonZero: Lowering = (c) => {
  const { shape } = c.need(0);
  const found = c.numbers(0)!.flatMap((x, i) => (x ? [i] : []));
  const rows = stridesOf(shape).map((stride, axis) => found.map((at) => Math.floor(at / stride) % shape[axis]!));
  return c.g.ints(rows.flat(), [shape.length, found.length]);
};

export const indexing: Readonly<Record<string, Lowering>> = {
  Compress: compress,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  NonZero: nonZero,
  OneHot: oneHot,
  ReverseSequence: reverseSequence,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
};
