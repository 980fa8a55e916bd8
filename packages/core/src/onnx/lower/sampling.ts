/**
 * GridSample and AffineGrid: values of an image at positions that are computed, differentiable in both.
 *
 *     y[n, c, o] = Σ_t w_t(s[n, o]) x[n, c, i_t(s[n, o])]        s: the position in elements, t: the taps of every axis together
 *
 * The taps are gathered from the image with its channels last; their weights are products of one-dimensional ones. Between
 * elements y is smooth in s; the choice of elements itself has no derivative.
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Value } from "../../ir/graph.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { Lowering, LoweringContext } from "./context.ts";

interface Sampling {
  readonly g: GraphBuilder;
  /** −1 and 1 are the centres of the end elements, rather than their outer edges. */
  readonly alignCorners: boolean;
  readonly padding: "zeros" | "border" | "reflection";
}

/** An element of one axis for each position, and its weight; both `[N, O]`. */
interface AxisTap {
  readonly index: Value;
  readonly weight: Value;
}

/** From [−1, 1] to elements: ((p + 1) L − 1) / 2, or (p + 1)(L − 1) / 2 with aligned corners. */
function elements({ g, alignCorners }: Sampling, position: Value, length: number): Value {
  const shifted = g.add(position, 1);
  return alignCorners ? g.mul(shifted, (length - 1) / 2) : g.div(g.sub(g.mul(shifted, length), 1), 2);
}

/** Back and forth between the ends, which are the outer elements' centres or edges. */
function reflected({ g, alignCorners }: Sampling, s: Value, length: number): Value {
  const [low, span] = alignCorners ? [0, length - 1] : [-0.5, length];
  if (span === 0) return g.mul(s, 0);
  const from = g.unary("Abs", g.sub(s, low));
  const rest = g.binary("Mod", from, 2 * span);
  return g.add(g.binary("Min", rest, g.sub(2 * span, rest)), low);
}

/** Positions brought inside where the padding says so; zeros keeps them, and its taps count for nothing outside. */
function brought(how: Sampling, s: Value, length: number): Value {
  const { g, padding } = how;
  if (padding === "zeros") return s;
  const near = padding === "reflection" ? reflected(how, s, length) : s;
  return g.binary("Min", g.binary("Max", near, 0), length - 1);
}

/** The element `at`, a whole number, with its weight, which is 0 outside. */
function tap({ g }: Sampling, at: Value, weight: Value, length: number): AxisTap {
  const inside = g.op("And", [g.binary("GreaterOrEqual", at, 0), g.binary("LessOrEqual", at, length - 1)], {});
  const nearest = g.binary("Min", g.binary("Max", at, 0), length - 1);
  return { index: g.cast(nearest, "int64"), weight: g.where(inside, weight, 0) };
}

/** Keys' cubic with A = −0.75 at distances 1 + t, t, 1 − t, 2 − t. */
function cubicWeights(g: GraphBuilder, t: Value): Value[] {
  const a = -0.75;
  const near = (d: Value): Value => g.add(g.mul(g.mul(g.sub(g.mul(a + 2, d), a + 3), d), d), 1); // (A+2)d³ − (A+3)d² + 1
  const far = (d: Value): Value => g.sub(g.mul(g.add(g.mul(g.sub(g.mul(a, d), 5 * a), d), 8 * a), d), 4 * a); // Ad³ − 5Ad² + 8Ad − 4A
  const back = g.sub(1, t);
  return [far(g.add(t, 1)), near(t), near(back), far(g.add(back, 1))];
}

type Taps = (how: Sampling, s: Value, length: number) => AxisTap[];

const taps: Readonly<Record<string, Taps>> = {
  nearest(how, s, length) {
    const at = how.g.unary("Round", brought(how, s, length));
    return [tap(how, at, how.g.fill(1, s.dtype, s.shape), length)];
  },
  linear(how, s, length) {
    const { g } = how;
    const inside = brought(how, s, length);
    const first = g.unary("Floor", inside);
    const t = g.sub(inside, first);
    return [tap(how, first, g.sub(1, t), length), tap(how, g.add(first, 1), t, length)];
  },
  // Each of the four elements is brought inside, not the position.
  cubic(how, s, length) {
    const { g } = how;
    const first = g.unary("Floor", s);
    const weights = cubicWeights(g, g.sub(s, first));
    return weights.map((weight, k) => tap(how, brought(how, g.add(first, k - 1), length), weight, length));
  },
};
const older: Readonly<Record<string, string>> = { bilinear: "linear", bicubic: "cubic" };

/** One tap of all axes together for each choice of one of every axis. */
function product(how: Sampling, axes: readonly (readonly AxisTap[])[], lengths: readonly number[]): AxisTap[] {
  const { g } = how;
  const [first = [], ...others] = axes;
  return others.reduce<readonly AxisTap[]>(
    (all, axis, i) =>
      all.flatMap((outer) =>
        axis.map((inner) => ({
          index: g.add(g.mul(outer.index, lengths[i + 1]!), inner.index),
          weight: g.mul(outer.weight, inner.weight),
        })),
      ),
    first,
  ) as AxisTap[];
}

function samplingOf(c: LoweringContext): Sampling {
  const padding = c.string("padding_mode", "zeros");
  if (padding !== "zeros" && padding !== "border" && padding !== "reflection") {
    throw c.refuse("its padding mode is not supported", { found: padding });
  }
  return { g: c.g, alignCorners: c.int("align_corners", 0) !== 0, padding };
}

/** x `[N, C, d…]`, grid `[N, o…, k]` whose last axis counts the axes of x from the last → `[N, C, o…]`. */
const gridSample: Lowering = (c) => {
  const { g } = c;
  const [x, grid] = [c.need(0), c.need(1)];
  const mode = c.string("mode", "linear");
  const tapsOf = taps[older[mode] ?? mode];
  if (!tapsOf) throw c.refuse("its mode is not supported", { found: mode });
  const how = samplingOf(c);
  const [n, channels, ...lengths] = x.shape as [number, number, ...number[]];
  const [points, size] = [grid.shape.slice(1, -1), sizeOf(lengths)];
  const positions = g.reshape(grid, [n, sizeOf(points), lengths.length]);
  const axes = lengths.map((length, i) => {
    const column = g.narrow(positions, 2, lengths.length - 1 - i, 1);
    return tapsOf(how, elements(how, g.reshape(column, [n, sizeOf(points)]), length), length);
  });
  const last = g.reshape(g.transpose(g.reshape(x, [n, channels, size]), [0, 2, 1]), [n * size, channels]);
  const starts = g.ints(
    Array.from({ length: n }, (_, i) => i * size),
    [n, 1],
  );
  const sampled = product(how, axes, lengths)
    .map(({ index, weight }) => g.mul(g.gather(last, g.add(index, starts), 0), g.unsqueeze(weight, 2)))
    .reduce((a, b) => g.add(a, b));
  return g.reshape(g.transpose(sampled, [0, 2, 1]), [n, channels, ...points]);
};

/** Points of a regular grid over [−1, 1] per axis, the last axis first and a 1 behind, `[Π lengths, k + 1]`. */
function basePoints(lengths: readonly number[], alignCorners: boolean): number[] {
  const at = (i: number, length: number): number =>
    alignCorners ? (length > 1 ? (2 * i) / (length - 1) - 1 : -1) : (2 * i + 1) / length - 1;
  const columns = lengths.map((length) => Array.from({ length }, (_, i) => at(i, length)));
  const points = columns.reduce<number[][]>(
    (all, axis) => all.flatMap((head) => axis.map((value) => [value, ...head])),
    [[]],
  );
  return points.flatMap((point) => [...point, 1]);
}

/** theta `[N, k, k + 1]`, size `[N, C, d…]` → `[N, d…, k]`. */
const affineGrid: Lowering = (c) => {
  const { g } = c;
  const theta = c.need(0);
  const [, , ...lengths] = c.ints(1) ?? [];
  const [n, k] = [theta.shape[0]!, lengths.length];
  const points = basePoints(lengths, c.int("align_corners", 0) !== 0);
  const base = g.constantTensor({
    dtype: theta.dtype,
    shape: [sizeOf(lengths), k + 1],
    data: Float64Array.from(points),
  });
  return g.reshape(g.matmul(base, g.transpose(theta, [0, 2, 1])), [n, ...lengths, k]);
};

export const sampling: Readonly<Record<string, Lowering>> = { AffineGrid: affineGrid, GridSample: gridSample };
