/**
 * Resize and Upsample. Each axis is resized by itself: as a repetition or a gather where elements are only copied, else
 * as a product with the matrix of interpolation weights, whose transpose is as fast as itself.
 */
import type { Value } from "../../ir/graph.ts";
import { normalizeAxis, sizeOf } from "../../ir/shape.ts";
import type { Lowering, LoweringContext } from "./context.ts";
import { type InterpolationMode, interpolationRows, type ResizedAxis, type Row } from "./interpolation.ts";

/** The axes that change, from sizes or scales; `keep_aspect_ratio_policy` makes one scale of all sizes. */
function resizedAxes(c: LoweringContext, x: Value): ResizedAxis[] {
  const axes = (c.intList("axes") ?? x.shape.map((_, i) => i)).map((a) => normalizeAxis(a, x.shape.length));
  const sizes = c.numbers(3);
  const scales = c.numbers(2);
  const roi = c.string("coordinate_transformation_mode", "") === "tf_crop_and_resize" ? c.numbers(1) : undefined;
  if (!sizes?.length && !scales?.length) throw c.refuse("it has neither sizes nor scales");
  const common = sizes?.length
    ? commonScale(
        c,
        axes.map((axis, k) => sizes[k]! / x.shape[axis]!),
      )
    : undefined;
  return axes.flatMap((axis, k) => {
    const length = x.shape[axis]!;
    const scale = common ?? (sizes?.length ? sizes[k]! / length : scales![k]!);
    const size = c.count(
      common ? Math.floor(length * common + 0.5) : sizes?.length ? sizes[k]! : Math.floor(length * scale),
    );
    const region = roi?.length ? ([roi[k]!, roi[k + axes.length]!] as const) : ([0, 1] as const);
    const whole = size === length && scale === 1 && region[0] === 0 && region[1] === 1;
    return whole ? [] : [{ axis, length, size, scale, region }];
  });
}

function commonScale(c: LoweringContext, scales: readonly number[]): number | undefined {
  const policy = c.string("keep_aspect_ratio_policy", "stretch");
  if (policy === "not_larger") return Math.min(...scales);
  return policy === "not_smaller" ? Math.max(...scales) : undefined;
}

/** The one source of every position, if each copies a single element. */
function copies(rows: readonly Row[]): number[] | undefined {
  const sources = rows.flatMap((row) => (row.length === 1 && row[0]!.weight === 1 ? [row[0]!.from] : []));
  return sources.length === rows.length ? sources : undefined;
}

function resizeAxis(c: LoweringContext, x: Value, { axis, length, size }: ResizedAxis, rows: readonly Row[]): Value {
  const sources = copies(rows);
  if (!sources) return weigh(c, x, axis, rows);
  // A whole factor repeats every element: a broadcast, whose transpose is a sum.
  const factor = size / length;
  const repeats = Number.isInteger(factor) && sources.every((source, i) => source === Math.floor(i / factor));
  return repeats ? repeatEach(c, x, axis, factor) : c.g.gather(x, c.g.ints(sources), axis);
}

/** [… n …] → [… n, 1 …] → [… n, factor …] → [… n·factor …] */
function repeatEach(c: LoweringContext, x: Value, axis: number, factor: number): Value {
  const split = c.g.unsqueeze(x, axis + 1);
  const repeated = c.g.expand(
    split,
    split.shape.map((d, i) => (i === axis + 1 ? factor : d)),
  );
  return c.g.reshape(
    repeated,
    x.shape.map((d, i) => (i === axis ? d * factor : d)),
  );
}

/** y = W x along an axis: [pre, n, post] → [pre, size, post]. */
function weigh(c: LoweringContext, x: Value, axis: number, rows: readonly Row[]): Value {
  const { g } = c;
  const n = x.shape[axis]!;
  const data = new Float64Array(rows.length * n);
  rows.forEach((row, i) => {
    for (const { from, weight } of row) data[i * n + from] = data[i * n + from]! + weight;
  });
  const weights = g.constantTensor({ dtype: x.dtype, shape: [rows.length, n], data });
  const [pre, post] = [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis + 1))];
  const shape = x.shape.map((d, i) => (i === axis ? rows.length : d));
  if (post === 1) return g.reshape(g.matmul(g.reshape(x, [pre, n]), g.transpose(weights)), shape);
  return g.reshape(g.matmul(weights, g.reshape(x, [pre, n, post])), shape);
}

/** Positions that lie outside the region on some axis have the extrapolation value; the weights left 0 there. */
function extrapolate(
  c: LoweringContext,
  y: Value,
  axes: readonly ResizedAxis[],
  rows: readonly (readonly Row[])[],
): Value {
  const { g } = c;
  const value = c.float("extrapolation_value", 0);
  if (value === 0 || rows.every((list) => list.every((row) => row.length > 0))) return y;
  const outside = axes.map(({ axis }, k) => {
    const data = Uint8Array.from(rows[k]!, (row) => Number(row.length === 0));
    return g.constantTensor({ dtype: "bool", shape: y.shape.map((_, i) => (i === axis ? data.length : 1)), data });
  });
  return g.where(
    outside.reduce((a, b) => g.op("Or", [a, b], {})),
    value,
    y,
  );
}

const modes: ReadonlySet<string> = new Set(["nearest", "linear", "cubic"] satisfies InterpolationMode[]);

const resize: Lowering = (c) => {
  const x = c.need(0);
  const mode = c.string("mode", "nearest");
  if (!modes.has(mode)) throw c.refuse("its interpolation is not supported", { found: mode });
  const axes = resizedAxes(c, x);
  const rows = axes.map((axis) =>
    interpolationRows(axis, {
      mode: mode as InterpolationMode,
      coordinates: c.string("coordinate_transformation_mode", "half_pixel"),
      rounding: c.string("nearest_mode", "round_prefer_floor"),
      cubicA: c.float("cubic_coeff_a", -0.75),
      antialias: c.int("antialias", 0) !== 0,
      excludeOutside: c.int("exclude_outside", 0) !== 0,
      refuse: (found) => c.refuse("its coordinate mode is not supported", { found }),
    }),
  );
  return extrapolate(
    c,
    axes.reduce((y, axis, k) => resizeAxis(c, y, axis, rows[k]!), x),
    axes,
    rows,
  );
};

/** Upsample reaches its row lifted to the form of Resize. */
export const resizing: Readonly<Record<string, Lowering>> = { Resize: resize, Upsample: resize };
