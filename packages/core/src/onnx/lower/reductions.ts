/** Reductions. All but four are spelled by ReduceSum and ReduceMax. */

import { isFloat } from "../../ir/dtype.ts";
import type { Value } from "../../ir/graph.ts";
import type { ReduceAttrs } from "../../ir/ops.ts";
import { normalizeAxis, sizeOf } from "../../ir/shape.ts";
import type { Lowering, LoweringContext } from "./context.ts";
import { rootOfSum } from "./roots.ts";

type Reduce = (c: LoweringContext, x: Value, attrs: ReduceAttrs) => Value;

/** Finds the axes: an input that is absent or empty means all, or none with `noop_with_empty_axes`. */
const over =
  (reduce: Reduce): Lowering =>
  (c) => {
    const x = c.need(0);
    const given = c.ints(1) ?? [];
    if (given.length === 0 && c.int("noop_with_empty_axes", 0) !== 0) return reduce(c, x, { axes: [], keepdims: true });
    const axes = given.length > 0 ? given.map((a) => normalizeAxis(a, x.shape.length)) : x.shape.map((_, i) => i);
    return reduce(c, x, { axes: [...axes].sort((a, b) => a - b), keepdims: c.int("keepdims", 1) !== 0 });
  };

const core =
  (op: "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd"): Reduce =>
  (c, x, attrs) =>
    attrs.axes.length === 0 ? x : c.g.op(op, [x], attrs);

const sum = core("ReduceSum");

/** log Σ exp x, with the maximum taken out so that nothing overflows. */
const logSumExp: Reduce = (c, x, attrs) => {
  const { g } = c;
  const kept = g.op("ReduceMax", [x], { axes: attrs.axes, keepdims: true });
  const top = g.where(g.op("IsInf", [kept], {}), 0, kept); // ∞ − ∞ is no shift
  const shifted = g.unary("Log", sum(c, g.unary("Exp", g.sub(x, top)), { axes: attrs.axes, keepdims: true }));
  return sum(c, g.add(shifted, top), attrs);
};

const arg =
  (op: "ArgMax" | "ArgMin"): Lowering =>
  (c) => {
    const x = c.need(0);
    const axis = normalizeAxis(c.int("axis", 0), x.shape.length);
    return c.g.op(op, [x], {
      axis,
      keepdims: c.int("keepdims", 1) !== 0,
      selectLast: c.int("select_last_index", 0) !== 0,
    });
  };

const topK: Lowering = (c) => {
  const x = c.need(0);
  const [k] = c.ints(1) ?? [];
  if (k === undefined) throw c.refuse("its number k is missing");
  const axis = normalizeAxis(c.int("axis", -1), x.shape.length);
  const index = c.g.op("TopKIndex", [x], { axis, k, largest: c.int("largest", 1) !== 0 });
  return [c.g.op("GatherElements", [x, index], { axis }), index];
};

const cumSum: Lowering = (c) => {
  const x = c.need(0);
  const axis = normalizeAxis((c.ints(1) ?? [0])[0]!, x.shape.length);
  return c.g.op("CumSum", [x], { axis, exclusive: c.int("exclusive", 0) !== 0, reverse: c.int("reverse", 0) !== 0 });
};

export const reductions: Readonly<Record<string, Lowering>> = {
  ArgMax: arg("ArgMax"),
  ArgMin: arg("ArgMin"),
  CumSum: cumSum,
  ReduceL1: over((c, x, attrs) => sum(c, c.g.unary("Abs", x), attrs)),
  ReduceL2: over((c, x, attrs) => rootOfSum(c.g, sum(c, c.g.square(x), attrs))),
  ReduceLogSum: over((c, x, attrs) => c.g.unary("Log", sum(c, x, attrs))),
  ReduceLogSumExp: over(logSumExp),
  ReduceMax: over(core("ReduceMax")),
  ReduceMean: over((c, x, attrs) => {
    const count = sizeOf(attrs.axes.map((axis) => x.shape[axis]!));
    return isFloat(x.dtype) ? c.g.mul(sum(c, x, attrs), 1 / count) : c.g.div(sum(c, x, attrs), count);
  }),
  ReduceMin: over(core("ReduceMin")),
  ReduceProd: over(core("ReduceProd")),
  ReduceSum: over(sum),
  ReduceSumSquare: over((c, x, attrs) => sum(c, c.g.square(x), attrs)),
  TopK: topK,
};
