/** Operators that move, cut out, repeat or put together. */
import type { Axes, Axis } from "../groups/atoms.ts";
import type { Rule, RuleContext } from "../groups/ruleContext.ts";
import { broadcastAxes, tieAll } from "./elementwise.ts";
import { reshape } from "./reshape.ts";

const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Atoms for places that have to stay, where they stand beside channels. */
function staying(c: RuleContext, count: number, reason: string): Int32Array {
  const atoms = c.fresh(count);
  c.lock(atoms, reason);
  return atoms;
}

const transpose: Rule = (c) => {
  const x = c.axes(0);
  const perm = c.ints("perm") ?? x.map((_, i) => x.length - 1 - i);
  return [perm.map((axis) => x[axis] ?? null)];
};

const concat: Rule = (c) => {
  const inputs = Array.from({ length: c.arity }, (_, i) => i);
  const rank = c.shape(0).length;
  const at = positive(c.int("axis", 0), rank);
  return [
    Array.from({ length: rank }, (_, axis): Axis => {
      const met = inputs.map((i) => c.axes(i)[axis] ?? null);
      if (axis !== at) return (c.shape(0)[axis] ?? 1) === 1 ? null : tieAll(c, met);
      if (met.every((channels) => channels === null)) return null;
      const pieces = met.map(
        (channels, i) => channels ?? staying(c, c.shape(i)[axis] ?? 1, "is beside channels, but has to stay"),
      );
      return joinedPieces(pieces);
    }),
  ];
};

function joinedPieces(pieces: readonly Int32Array[]): Int32Array {
  return Int32Array.from(pieces.flatMap((piece) => Array.from(piece)));
}

/** The pieces take their channels along, at the places that the known shapes say. */
const split: Rule = (c) => {
  const x = c.axes(0);
  const at = positive(c.int("axis", 0), x.length);
  const sizes = splitSizes(c, at);
  if (!sizes) {
    c.lockInput(0, `is cut by ${c.node.opType} "${c.node.name}" where the data say`);
    return [];
  }
  let start = 0;
  return sizes.map((size) => {
    const piece = x.map((channels, axis) => (axis === at ? (channels?.slice(start, start + size) ?? null) : channels));
    start += size;
    return piece;
  });
};

/** Given, or equal parts of which the last may be shorter. */
function splitSizes(c: RuleContext, axis: number): readonly number[] | undefined {
  const given = c.ints("split") ?? (c.has(1) ? c.numbers(1) : undefined);
  if (given || c.has(1)) return given;
  const length = c.shape(0)[axis] ?? 1;
  const count = c.int("num_outputs", c.node.outputs.length);
  const part = Math.ceil(length / count);
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(part, length - i * part)));
}

/** One axis of a Slice, as [first, number, step]. */
export interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly count: number;
  readonly step: number;
}

/** Undefined where the data say what is cut. Starts and ends are attributes before opset 10. */
export function sliceCuts(c: Pick<RuleContext, "ints" | "numbers" | "shape" | "has">): readonly Cut[] | undefined {
  const shape = c.shape(0);
  const starts = c.ints("starts") ?? c.numbers(1);
  const ends = c.ints("ends") ?? c.numbers(2);
  if (!starts || !ends) return undefined;
  const axes = c.ints("axes") ?? (c.has(3) ? c.numbers(3) : starts.map((_, i) => i));
  const steps = c.has(4) ? c.numbers(4) : starts.map(() => 1);
  if (!axes || !steps) return undefined;
  return axes.map((given, i) => {
    const axis = positive(given, shape.length);
    return { axis, ...cutOf(starts[i]!, ends[i]!, steps[i]!, shape[axis] ?? 1) };
  });
}

/** First element and number of elements of start:end:step on an axis of `length`, as numpy cuts. */
function cutOf(start: number, end: number, step: number, length: number): Omit<Cut, "axis"> {
  const from = (i: number): number => (i < 0 ? i + length : i);
  const clamp = (i: number, low: number, high: number): number => Math.min(Math.max(i, low), high);
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const first = clamp(from(start), 0, high);
  return { start: first, count: Math.max(0, Math.ceil((clamp(from(end), low, high) - first) / step)), step };
}

const slice: Rule = (c) => {
  const x = c.axes(0);
  const cuts = sliceCuts(c);
  if (!cuts) {
    c.lockInput(0, `is cut by Slice "${c.node.name}" where the data say`);
    return [];
  }
  return [
    x.map((channels, axis) => {
      const cut = cuts.find((one) => one.axis === axis);
      if (!cut || !channels || (cut.step === 1 && cut.count === channels.length)) return channels;
      if (cut.step === 1)
        return cut.count === 1 ? oneOf(c, channels, cut.start) : channels.slice(cut.start, cut.start + cut.count);
      c.lock(channels, `is taken in steps by Slice "${c.node.name}"`);
      return null;
    }),
  ];
};

/** A single channel that is cut out has to stay, as an axis cannot be empty. */
function oneOf(c: RuleContext, channels: Int32Array, at: number): Axis {
  c.lock(channels.subarray(at, at + 1), `is cut out alone by ${c.node.opType} "${c.node.name}"`);
  return channels.slice(at, at + 1);
}

/** (data, index) → data's axes with the index's in the place of one. */
const gather: Rule = (c) => {
  const [x, indexRank] = [c.axes(0), c.shape(1).length];
  const at = positive(c.int("axis", 0), x.length);
  const index = c.numbers(1);
  const channels = x[at] ?? null;
  const constant = index && indexRank === 1 && c.stored(1) && channels;
  if (!constant) c.lock(channels, `is looked up by Gather "${c.node.name}"`);
  const length = c.shape(0)[at] ?? 1;
  const taken: Axes = constant
    ? [Int32Array.from(index, (i) => channels[positive(i, length)]!)]
    : c.axes(1).map((axis, i) => (c.shape(1)[i] === 1 ? null : axis));
  x.forEach((own, axis) => {
    if (axis !== at && c.parameter(0)) c.makes(0, axis, own);
  });
  return [[...x.slice(0, at), ...taken, ...x.slice(at + 1)]];
};

/**
 * An axis that keeps its length keeps its channels. One that is stretched is as long as whatever it meets: keys and values of a
 * single head that all heads share. Beside the heads that a group of others shares it has to stay.
 */
const expand: Rule = (c) => {
  const [x, out] = [c.axes(0), c.outShape(0) ?? []];
  const added = out.length - x.length;
  return [
    out.map((length, axis): Axis => {
      const from = axis - added;
      if (c.shape(0)[from] === length) return x[from] ?? null;
      const beside = x[from - 1] ?? null;
      return from < 1 || beside !== null || length === 1 ? null : c.fresh(length);
    }),
  ];
};

const tile: Rule = (c) => {
  const [x, out] = [c.axes(0), c.outShape(0) ?? []];
  return [
    x.map((channels, axis) =>
      channels
        ? Int32Array.from({ length: out[axis] ?? channels.length }, (_, i) => channels[i % channels.length]!)
        : null,
    ),
  ];
};

/** Padding stands beside the channels, and stays. */
const pad: Rule = (c) => {
  const [x, out] = [c.axes(0), c.outShape(0) ?? []];
  const pads = c.ints("pads") ?? c.ints("paddings") ?? c.numbers(1);
  const axes = c.has(3) ? c.numbers(3) : x.map((_, i) => i);
  return [
    x.map((channels, axis): Axis => {
      if (!channels || out[axis] === c.shape(0)[axis]) return channels;
      const position = axes?.findIndex((one) => positive(one, x.length) === axis) ?? -1;
      const [before, after] = [pads?.[position], pads?.[position + (axes?.length ?? 0)]];
      const plain = c.string("mode", "constant") === "constant";
      if (!plain || before === undefined || after === undefined || before < 0 || after < 0) {
        c.lock(channels, `is padded by Pad "${c.node.name}"`);
        return null;
      }
      return joinedPieces([staying(c, before, "is padding"), channels, staying(c, after, "is padding")]);
    }),
  ];
};

/** Axes that change their length are interpolated along, and stay. */
const resize: Rule = (c) => {
  const [x, out] = [c.axes(0), c.outShape(0) ?? []];
  return [
    x.map((channels, axis) => {
      if (out[axis] === c.shape(0)[axis]) return channels;
      c.lock(channels, `is interpolated along by ${c.node.opType} "${c.node.name}"`);
      return null;
    }),
  ];
};

/** A channel of the output comes from blocksize² of the input, which go together. */
const depthToSpace: Rule = (c) => {
  const x = c.axes(0);
  const channels = x[1] ?? null;
  const squares = c.int("blocksize", 1) ** 2;
  const depth = (c.shape(0)[1] ?? 1) / squares;
  if (!channels || depth === 1) {
    c.lock(channels, `becomes positions by DepthToSpace "${c.node.name}"`);
    return [[x[0] ?? null, null, null, null]];
  }
  const rowFirst = c.string("mode", "DCR") === "CRD";
  const target = (i: number): number => (rowFirst ? Math.floor(i / squares) : i % depth);
  const kept = Int32Array.from({ length: depth }, (_, d) => channels[rowFirst ? d * squares : d]!);
  channels.forEach((atom, i) => void c.tie(kept.subarray(target(i), target(i) + 1), Int32Array.of(atom)));
  return [[x[0] ?? null, kept, null, null]];
};

/** (data, indices, updates) of one rank: places along the axis stay, the others are the same channels. */
const scatter: Rule = (c) => {
  const at = positive(c.int("axis", 0), c.shape(0).length);
  const operands = Array.from({ length: c.arity }, (_, i) => i);
  for (const i of operands) c.lock(c.axes(i)[at] ?? null, `is placed by ${c.node.opType} "${c.node.name}"`);
  const same = operands.every((i) => c.shape(i).every((d, axis) => axis === at || d === c.shape(0)[axis]));
  if (!same) for (const i of operands) c.lockInput(i, `is placed by ${c.node.opType} "${c.node.name}"`);
  return [broadcastAxes(c, same ? operands : [c.arity - 1]).map((axis, i) => (i === at ? null : axis))];
};

/** (data, indices `[…, k]`, updates): the first k axes are addressed, the others are the same channels. */
const scatterND: Rule = (c) => {
  const x = c.axes(0);
  const addressed = c.shape(1).at(-1) ?? 0;
  const offset = c.shape(1).length - 1 - addressed;
  x.slice(0, addressed).forEach((axis) => void c.lock(axis, `is placed by ScatterND "${c.node.name}"`));
  c.lockInput(1, "is an index");
  c.axes(2)
    .slice(0, c.shape(1).length - 1)
    .forEach((axis) => void c.lock(axis, `is placed by ScatterND "${c.node.name}"`));
  return [x.map((axis, i) => (i < addressed ? null : c.tie(axis, c.axes(2)[i + offset] ?? null)))];
};

/** Lengths as numbers: rewritten so that arithmetic with them stays what it was (shrink/shapeReaders.ts). */
const shape: Rule = () => [[null]];

export const layout: Readonly<Record<string, Rule>> = {
  Concat: concat,
  DepthToSpace: depthToSpace,
  Expand: expand,
  Flatten: reshape,
  Gather: gather,
  Pad: pad,
  Reshape: reshape,
  Resize: resize,
  ScatterElements: scatter,
  ScatterND: scatterND,
  Shape: shape,
  Slice: slice,
  Split: split,
  Squeeze: reshape,
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: reshape,
  Upsample: resize,
};
