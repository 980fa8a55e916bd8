/** Padding in every mode. Where the pads repeat elements, they are slices of the input set beside it. */
import type { Value } from "../../ir/graph.ts";
import { normalizeAxis } from "../../ir/shape.ts";
import type { Lowering, LoweringContext } from "./context.ts";

/** Where the element at position `i` (from −before to length + after) of a padded axis comes from. */
const sources: Readonly<Record<string, (i: number, length: number) => number>> = {
  edge: (i, n) => Math.min(Math.max(i, 0), n - 1),
  reflect(i, n) {
    const period = Math.max(1, 2 * (n - 1));
    const phase = ((i % period) + period) % period;
    return phase < n ? phase : period - phase;
  },
  wrap: (i, n) => ((i % n) + n) % n,
};

/** Neighbours in a list that go up, down or stand still together. */
interface Run {
  readonly start: number;
  readonly step: number;
  readonly size: number;
}

/** A list of positions as runs. */
function runsOf(list: readonly number[]): Run[] {
  const runs: Run[] = [];
  for (let i = 0; i < list.length; ) {
    const step = i + 1 < list.length ? list[i + 1]! - list[i]! : 1;
    const steady = Math.abs(step) <= 1 ? step : 1;
    let size = 1;
    while (i + size < list.length && list[i + size]! - list[i + size - 1]! === steady) size++;
    runs.push({ start: list[i]!, step: size === 1 ? 1 : steady, size });
    i += size;
  }
  return runs;
}

/** `x` with the elements of an axis taken in this order: slices side by side where they are few, else a gather. */
export function pick(c: LoweringContext, x: Value, axis: number, list: readonly number[]): Value {
  const { g } = c;
  const runs = runsOf(list);
  if (runs.length > 8) return g.gather(x, g.ints(list), axis);
  const at = (n: number, others: readonly number[]): number[] => others.map((o, i) => (i === axis ? n : o));
  const zeros = x.shape.map(() => 0);
  const ones = x.shape.map(() => 1);
  const parts = runs.map(({ start, step, size }) =>
    step === 0
      ? g.expand(g.narrow(x, axis, start, 1), at(size, x.shape))
      : g.slice(x, at(start, zeros), at(size, x.shape), at(step, ones)),
  );
  return g.concat(parts, axis);
}

/** Begins and ends for every axis. */
function padsOf(c: LoweringContext, rank: number): { readonly before: number[]; readonly after: number[] } {
  const pads = c.ints(1) ?? [];
  const axes = c.ints(3)?.map((a) => normalizeAxis(a, rank)) ?? Array.from({ length: rank }, (_, i) => i);
  const [before, after] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)];
  axes.forEach((axis, i) => {
    before[axis] = pads[i]!;
    after[axis] = pads[i + axes.length]!;
  });
  return { before, after };
}

const pad: Lowering = (c) => {
  const { g } = c;
  const x = c.need(0);
  const { before, after } = padsOf(c, x.shape.length);
  const mode = c.string("mode", "constant");
  // Negative pads cut.
  const cut = g.slice(
    x,
    before.map((n) => Math.max(0, -n)),
    x.shape.map((d, i) => d + Math.min(0, before[i]!) + Math.min(0, after[i]!)),
  );
  const [begins, ends] = [before, after].map((list) => list.map((n) => Math.max(0, n))) as [number[], number[]];
  if (mode === "constant") return g.pad(cut, begins, ends, c.numbers(2)?.[0] ?? 0);
  const source = sources[mode];
  if (!source) throw c.refuse("its mode is not known", { found: mode });
  return cut.shape.reduce((y, length, axis) => {
    if (begins[axis] === 0 && ends[axis] === 0) return y;
    const list = Array.from({ length: c.count(begins[axis]! + length + ends[axis]!) }, (_, i) =>
      source(i - begins[axis]!, length),
    );
    return pick(c, y, axis, list);
  }, cut);
};

/** Each axis brought to its size about its centre: cut where it is longer, zeros around where it is shorter. */
const centerCropPad: Lowering = (c) => {
  const { g } = c;
  const x = c.need(0);
  const rank = x.shape.length;
  const sizes = c.ints(1) ?? [];
  const axes = (c.intList("axes") ?? x.shape.map((_, i) => i)).map((a) => normalizeAxis(a, rank));
  const target = x.shape.map((d, i) => (axes.includes(i) ? c.count(sizes[axes.indexOf(i)]!) : d));
  const cut = g.slice(
    x,
    x.shape.map((d, i) => Math.floor(Math.max(0, d - target[i]!) / 2)),
    x.shape.map((d, i) => Math.min(d, target[i]!)),
  );
  const more = target.map((size, i) => size - cut.shape[i]!);
  return g.pad(
    cut,
    more.map((n) => Math.floor(n / 2)),
    more.map((n) => Math.ceil(n / 2)),
  );
};

export const padding: Readonly<Record<string, Lowering>> = { CenterCropPad: centerCropPad, Pad: pad };
