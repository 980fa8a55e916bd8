/** Average and Lp pooling: sums over windows, as a depth-wise convolution with ones. */
import type { Value } from "../../ir/graph.ts";
import type { PoolAttrs } from "../../ir/ops.ts";
import type { Lowering, LoweringContext } from "./context.ts";
import { poolWindows } from "./pooling.ts";
import { rootOfSum } from "./roots.ts";

/** Windows that tile the input without a rest: the sum is a reduction. */
function tiles({ kernel, strides, pads, dilations, spatial }: PoolAttrs, lengths: readonly number[]): boolean {
  return (
    pads.every((p) => p === 0) &&
    kernel.every((k, i) => k === strides[i] && dilations[i] === 1 && spatial[i]! * k === lengths[i])
  );
}

/** Σ over each window, padding counted as 0: `x [N, C, …] → [N, C, …spatial]`. */
export function windowSum(c: LoweringContext, x: Value, windows: PoolAttrs): Value {
  const { g } = c;
  const [n, channels, ...lengths] = x.shape as [number, number, ...number[]];
  const { kernel, strides, dilations, spatial } = windows;
  if (tiles(windows, lengths)) {
    const split = g.reshape(x, [n, channels, ...spatial.flatMap((count, i) => [count, kernel[i]!])]);
    return g.sum(
      split,
      spatial.map((_, i) => 2 * i + 3),
    );
  }
  const ones = g.fill(1, x.dtype, [channels, 1, ...kernel]);
  return g.conv(x, ones, { strides, dilations, group: channels, pads: reachingPads(windows, lengths) });
}

/** Pads whose ends are such that a convolution makes exactly the windows wanted. */
function reachingPads({ kernel, strides, pads, dilations, spatial }: PoolAttrs, lengths: readonly number[]): number[] {
  const ends = spatial.map((count, i) => {
    const covered = (count - 1) * strides[i]! + dilations[i]! * (kernel[i]! - 1) + 1;
    return Math.max(0, covered - lengths[i]! - pads[i]!);
  });
  return [...pads.slice(0, kernel.length), ...ends];
}

/** How many elements each window along one axis counts: those inside the input, or inside its pads too. */
function counts(windows: PoolAttrs, lengths: readonly number[], axis: number, padded: boolean): number[] {
  const { kernel, strides, pads, dilations, spatial } = windows;
  const [low, high] = padded ? [-pads[axis]!, lengths[axis]! + pads[axis + kernel.length]!] : [0, lengths[axis]!];
  return Array.from({ length: spatial[axis]! }, (_, o) => {
    const first = o * strides[axis]! - pads[axis]!;
    const taps = Array.from({ length: kernel[axis]! }, (_, k) => first + k * dilations[axis]!);
    return taps.filter((at) => at >= low && at < high).length;
  });
}

/** 1/count of every window, broadcast over batch and channels. */
function inverseCounts(c: LoweringContext, x: Value, windows: PoolAttrs, padded: boolean): Value {
  const { g } = c;
  const lengths = x.shape.slice(2);
  const byAxis = lengths.map((_, axis) => counts(windows, lengths, axis, padded));
  if (byAxis.every((list) => list.every((n) => n === list[0]))) {
    return g.constant(1 / byAxis.reduce((n, [first]) => n * first!, 1), x.dtype);
  }
  return byAxis
    .map((list, axis): Value => {
      const shape = lengths.map((_, i) => (i === axis ? list.length : 1));
      return g.constantTensor({ dtype: x.dtype, shape: [1, 1, ...shape], data: Float64Array.from(list, (n) => 1 / n) });
    })
    .reduce((a, b) => g.mul(a, b));
}

const averagePool: Lowering = (c) => {
  const x = c.need(0);
  const windows = poolWindows(c, x);
  return c.g.mul(windowSum(c, x, windows), inverseCounts(c, x, windows, c.int("count_include_pad", 0) !== 0));
};

/** |x|ᵖ */
function power(c: LoweringContext, x: Value, p: number): Value {
  if (p === 1) return c.g.unary("Abs", x);
  return p === 2 ? c.g.square(x) : c.g.pow(c.g.unary("Abs", x), p);
}

/** (Σ |x|ᵖ)^(1/p) over each window. */
const lpPool: Lowering = (c) => {
  const p = c.int("p", 2);
  const x = c.need(0);
  return rootOfSum(c.g, windowSum(c, power(c, x, p), poolWindows(c, x)), p);
};

const globalLpPool: Lowering = (c) => {
  const p = c.int("p", 2);
  const x = c.need(0);
  return rootOfSum(
    c.g,
    c.g.sum(
      power(c, x, p),
      x.shape.flatMap((_, i) => (i >= 2 ? [i] : [])),
      true,
    ),
    p,
  );
};

export const averaging: Readonly<Record<string, Lowering>> = {
  AveragePool: averagePool,
  GlobalLpPool: globalLpPool,
  LpPool: lpPool,
};
