/** Matrix products and convolutions: a channel that is summed over may go, as it counts as zero. */
import type { Axes, Axis } from "../groups/atoms.ts";
import type { Rule, RuleContext } from "../groups/ruleContext.ts";
import { tieAll } from "./elementwise.ts";

/** A stored operand is the layer's weight. */
function reads(c: RuleContext, weight: number, weightAxis: number, channels: Axis): void {
  if (c.parameter(weight)) c.reads(weight, weightAxis, channels);
}

function makes(c: RuleContext, weight: number, weightAxis: number, channels: Axis): void {
  if (c.parameter(weight)) c.makes(weight, weightAxis, channels);
}

/** y[m,n] = Σ_k a[m,k] b[k,n] + bias */
const gemm: Rule = (c) => {
  const [m, k] = c.int("transA", 0) ? [1, 0] : [0, 1];
  const [inner, n] = c.int("transB", 0) ? [1, 0] : [0, 1];
  const [a, b] = [c.axes(0), c.axes(1)];
  const summed = c.tie(a[k] ?? null, b[inner] ?? null);
  reads(c, 1, inner, summed && b[inner]!);
  makes(c, 1, n, b[n] ?? null);
  const rank = c.has(2) ? c.shape(2).length : 0;
  const bias = (axis: number): Axis[] => {
    const at = axis - (2 - rank);
    return at >= 0 && c.shape(2)[at] !== 1 ? [c.axes(2)[at] ?? null] : [];
  };
  return [[tieAll(c, [a[m] ?? null, ...bias(0)]), tieAll(c, [b[n] ?? null, ...bias(1)])]];
};

/** numpy.matmul: the last two axes are matrices, those before them broadcast. */
const matmul: Rule = (c) => {
  const [a, b] = [c.axes(0), c.axes(1)];
  const [p, q] = [c.shape(0).length, c.shape(1).length];
  const [k, inner] = [p - 1, Math.max(0, q - 2)];
  const summed = c.tie(a[k] ?? null, b[inner] ?? null);
  reads(c, 1, inner, summed && b[inner]!);
  reads(c, 0, k, summed && a[k]!);
  if (q > 1) makes(c, 1, q - 1, b[q - 1] ?? null);
  if (p > 1) makes(c, 0, p - 2, a[p - 2] ?? null);
  const rank = Math.max(p, q);
  const batch = Array.from({ length: Math.max(0, rank - 2) }, (_, axis) => {
    const met = [
      [0, p],
      [1, q],
    ].flatMap(([i, own]): Axis[] => {
      const at = axis - (rank - own!);
      return at >= 0 && at < own! - 2 && c.shape(i!)[at] !== 1 ? [c.axes(i!)[at] ?? null] : [];
    });
    return tieAll(c, met);
  });
  if (!c.parameter(0) && !c.parameter(1)) batch.forEach(c.heads);
  return [[...batch, ...(p > 1 ? [a[p - 2] ?? null] : []), ...(q > 1 ? [b[q - 1] ?? null] : [])]];
};

/** Channels of x against those of the weight, by how the convolution is grouped. */
interface Grouped {
  readonly group: number;
  /** Channels of x. */
  readonly x: Axis;
  /** Along the weight's axis that is summed over: one group's channels, or with one group all of them. */
  readonly inner: Axis;
  /** Channels of the output. */
  readonly out: Axis;
  readonly outCount: number;
}

/**
 * With several groups of several channels either whole groups go, or the same position of every group, whichever leaves
 * more to choose from. With a channel a group, each goes with those that it alone makes.
 */
function tieGroups(c: RuleContext, { group, x, inner, out, outCount }: Grouped): void {
  if (!x || !out) {
    c.lock(x ?? out, "meets channels that have to stay in a grouped convolution");
    c.lock(inner, "is summed over with channels that have to stay");
    return;
  }
  const [width, outWidth] = [x.length / group, outCount / group];
  if (width === 1 || group >= Math.max(width, outWidth)) {
    c.lock(inner, "is a group's own axis, and groups go whole");
    for (let j = 0; j < group; j++) {
      const first = c.fresh(1);
      for (let i = 0; i < width; i++) c.tie(first, x.subarray(j * width + i, j * width + i + 1));
      for (let o = 0; o < outWidth; o++) c.tie(first, out.subarray(j * outWidth + o, j * outWidth + o + 1));
    }
    return;
  }
  for (let j = 0; j < group; j++) {
    c.tie(inner, x.subarray(j * width, (j + 1) * width));
    if (j > 0) c.tie(out.subarray(0, outWidth), out.subarray(j * outWidth, (j + 1) * outWidth));
  }
}

/** (x `[N, C, …]`, w `[O, C/group, …]`, bias `[O]`) → `[N, O, …]`; positions have to stay. */
const conv: Rule = (c) => {
  const [x, w] = [c.axes(0), c.axes(1)];
  const group = c.int("group", 1);
  const out = withBias(c, w[0] ?? null);
  x.slice(2).forEach((axis) => void c.lock(axis, "is a position of a convolution"));
  if (group === 1) reads(c, 1, 1, c.tie(x[1] ?? null, w[1] ?? null) && w[1]!);
  else {
    tieGroups(c, { group, x: x[1] ?? null, inner: w[1] ?? null, out, outCount: c.shape(1)[0] ?? 1 });
    reads(c, 1, 1, x[1] ?? null);
  }
  makes(c, 1, 0, out);
  return [[x[0] ?? null, out, ...(c.outShape(0) ?? []).slice(2).map(() => null)]];
};

/** (x `[N, C, …]`, w `[C, O/group, …]`, bias `[O]`) → `[N, O, …]` */
const convTranspose: Rule = (c) => {
  const [x, w] = [c.axes(0), c.axes(1)];
  const group = c.int("group", 1);
  x.slice(2).forEach((axis) => void c.lock(axis, "is a position of a convolution"));
  const read = c.tie(x[1] ?? null, w[0] ?? null);
  if (group === 1) {
    const out = withBias(c, w[1] ?? null);
    reads(c, 1, 0, read && w[0]!);
    makes(c, 1, 1, out);
    return [[x[0] ?? null, out, ...(c.outShape(0) ?? []).slice(2).map(() => null)]];
  }
  c.lock(read, "enters a grouped ConvTranspose");
  c.lock(w[1] ?? null, "leaves a grouped ConvTranspose");
  if (c.has(2)) c.lockInput(2, "leaves a grouped ConvTranspose");
  return [[x[0] ?? null, null, ...(c.outShape(0) ?? []).slice(2).map(() => null)]];
};

function withBias(c: RuleContext, out: Axis): Axis {
  return c.has(2) ? c.tie(out, c.axes(2)[0] ?? null) : out;
}

/** Letters of the equation: each stands for one axis wherever it is written. */
const einsum: Rule = (c) => {
  const equation = c.string("equation", "").replaceAll(" ", "");
  const [left = "", right] = equation.split("->");
  const terms = left.split(",");
  if (right === undefined || equation.includes(".") || terms.length !== c.arity) return lockAll(c);
  const byLetter = new Map<string, Axis[]>();
  terms.forEach((term, i) => {
    [...term].forEach((letter, at) => {
      if (c.shape(i)[at] !== 1) byLetter.set(letter, [...(byLetter.get(letter) ?? []), c.axes(i)[at] ?? null]);
    });
  });
  const together = new Map([...byLetter].map(([letter, axes]) => [letter, tieAll(c, axes)] as const));
  const activations = terms.flatMap((_, i) => (c.parameter(i) ? [] : [i]));
  if (activations.length > 1) {
    for (const letter of right) if (terms.every((term) => term.includes(letter))) c.heads(together.get(letter) ?? null);
  }
  terms.forEach((term, i) => {
    if (!c.parameter(i)) return;
    [...term].forEach((letter, at) => {
      const side = right.includes(letter) ? c.makes : c.reads;
      side(i, at, together.get(letter) ? (c.axes(i)[at] ?? null) : null);
    });
  });
  return [[...right].map((letter) => together.get(letter) ?? null)];
};

function lockAll(c: RuleContext): Axes[] {
  for (let i = 0; i < c.arity; i++) if (c.has(i)) c.lockInput(i, `enters ${c.node.opType} "${c.node.name}"`);
  return [];
}

export const products: Readonly<Record<string, Rule>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  Einsum: einsum,
  Gemm: gemm,
  MatMul: matmul,
};
