/** Softmax and the normalisations, in reductions and elementwise operators. */

import type { Value } from "../../ir/graph.ts";
import { normalizeAxis, sizeOf } from "../../ir/shape.ts";
import type { Lowering, LoweringContext } from "./context.ts";
import { rootOfSum } from "./roots.ts";

/** Before opset 13 everything from `axis` on is one axis. */
const softmax =
  (op: "Softmax" | "LogSoftmax"): Lowering =>
  (c) => {
    const x = c.need(0);
    const modern = c.opset >= 13;
    const axis = normalizeAxis(c.int("axis", modern ? -1 : 1), x.shape.length);
    if (modern) return c.g.op(op, [x], { axis });
    const flat = c.g.reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
    return c.g.reshape(c.g.op(op, [flat], { axis: 1 }), x.shape);
  };

/** `[1, C, 1, …]` against `[N, C, …]`. */
export function perChannel(c: LoweringContext, v: Value, rank: number): Value {
  return c.g.reshape(v, [1, v.shape[0]!, ...new Array<number>(rank - 2).fill(1)]);
}

/** (x − mean) / √(var + ε) over `axes`, with the mean and 1/√(var + ε). */
export function standardize(
  c: LoweringContext,
  x: Value,
  axes: readonly number[],
  epsilon: number,
): { readonly y: Value; readonly mean: Value; readonly scale: Value } {
  const { g } = c;
  const mean = g.mean(x, axes, true);
  const centred = g.sub(x, mean);
  const variance = g.mean(g.square(centred), axes, true);
  const scale = g.div(1, g.unary("Sqrt", g.add(variance, epsilon)));
  return { y: g.mul(centred, scale), mean, scale };
}

/** In training mode over stored values alone, which is how PyTorch standardises weights: μ and σ² are x's own, per channel. */
const ownStatistics: Lowering = (c) => {
  const x = c.need(0);
  if (c.dependsOnData(x)) {
    throw c.refuse("it is in training mode: its output depends on the other examples of the batch", {
      try: "export the model in evaluation mode (model.eval())",
    });
  }
  const [gamma, beta] = [1, 2].map((i) => perChannel(c, c.need(i), x.shape.length)) as [Value, Value];
  const axes = x.shape.flatMap((_, i) => (i === 1 ? [] : [i]));
  const { y } = standardize(c, x, axes, c.float("epsilon", 1e-5));
  return c.g.add(c.g.mul(y, gamma), beta);
};

/** y = γ (x − μ)/√(σ² + ε) + β with stored μ and σ²: one multiplication and one addition a channel. */
const batchNormalization: Lowering = (c) => {
  if (c.int("training_mode", 0) !== 0) return ownStatistics(c);
  const { g } = c;
  const x = c.need(0);
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((i) => perChannel(c, c.need(i), x.shape.length)) as [
    Value,
    Value,
    Value,
    Value,
  ];
  const inverse = g.div(1, g.unary("Sqrt", g.add(variance, c.float("epsilon", 1e-5))));
  return g.add(g.mul(g.mul(g.sub(x, mean), inverse), gamma), beta);
};

export const layerNormalization: Lowering = (c) => {
  const x = c.need(0);
  const axis = normalizeAxis(c.int("axis", -1), x.shape.length);
  const axes = x.shape.flatMap((_, i) => (i >= axis ? [i] : []));
  const { y, mean, scale } = standardize(c, x, axes, c.float("epsilon", 1e-5));
  const scaled = c.g.mul(y, c.need(1));
  const bias = c.input(2);
  return [bias ? c.g.add(scaled, bias) : scaled, mean, scale];
};

/** Statistics of each example's channel over its positions. */
const instanceNormalization: Lowering = (c) => {
  const x = c.need(0);
  const { y } = standardize(
    c,
    x,
    x.shape.flatMap((_, i) => (i >= 2 ? [i] : [])),
    c.float("epsilon", 1e-5),
  );
  const [scale, bias] = [c.need(1), c.need(2)].map((v) => perChannel(c, v, x.shape.length)) as [Value, Value];
  return c.g.add(c.g.mul(y, scale), bias);
};

/** Statistics of a group of channels. Scale and bias have an entry a channel; before opset 21 an entry a group. */
const groupNormalization: Lowering = (c) => {
  const { g } = c;
  const x = c.need(0);
  const [n, channels, ...lengths] = x.shape as [number, number, ...number[]];
  const groups = c.int("num_groups", 1);
  const grouped = g.reshape(x, [n, groups, (channels / groups) * sizeOf(lengths)]);
  const { y } = standardize(c, grouped, [2], c.float("epsilon", 1e-5));
  const perGroup = (v: Value): Value =>
    v.shape[0] === channels ? v : g.reshape(g.expand(g.unsqueeze(v, 1), [groups, channels / groups]), [channels]);
  const [scale, bias] = [c.need(1), c.need(2)].map((v) => perChannel(c, perGroup(v), x.shape.length)) as [Value, Value];
  return g.add(g.mul(g.reshape(y, x.shape), scale), bias);
};

/** x / √(mean(x²) + ε) over the axes from `axis` on, with 1/√(…). */
export function rootMeanSquare(
  c: LoweringContext,
  x: Value,
  axis: number,
  epsilon: number,
): { readonly y: Value; readonly scale: Value } {
  const { g } = c;
  const axes = x.shape.flatMap((_, i) => (i >= axis ? [i] : []));
  const scale = g.div(1, g.unary("Sqrt", g.add(g.mean(g.square(x), axes, true), epsilon)));
  return { y: g.mul(x, scale), scale };
}

const rmsNormalization: Lowering = (c) => {
  const x = c.need(0);
  const { y } = rootMeanSquare(c, x, normalizeAxis(c.int("axis", -1), x.shape.length), c.float("epsilon", 1e-5));
  return c.g.mul(y, c.need(1));
};

/** y = x / (bias + α/size · Σ x²)^β, the sum over `size` neighbouring channels. */
const localResponse: Lowering = (c) => {
  const { g } = c;
  const x = c.need(0);
  const size = c.int("size", 1);
  const before = Math.floor((size - 1) / 2);
  const along = (n: number): number[] => x.shape.map((_, i) => (i === 1 ? n : 0));
  const padded = g.pad(g.square(x), along(before), along(size - 1 - before));
  const windows = Array.from({ length: size }, (_, k) => g.narrow(padded, 1, k, x.shape[1]!));
  const sum = windows.reduce((a, b) => g.add(a, b));
  const base = g.add(g.mul(sum, c.float("alpha", 1e-4) / size), c.float("bias", 1));
  return g.div(x, g.pow(base, c.float("beta", 0.75)));
};

/** (x − μ)/(σ + 1e-9) */
const meanVariance: Lowering = (c) => {
  const { g } = c;
  const x = c.need(0);
  const axes = (c.intList("axes") ?? [0, 2, 3]).map((a) => normalizeAxis(a, x.shape.length));
  const centred = g.sub(x, g.mean(x, axes, true));
  const deviation = rootOfSum(g, g.mean(g.square(centred), axes, true));
  return g.div(centred, g.add(deviation, 1e-9));
};

/** x / ‖x‖; 0 where the norm is 0. */
const lpNormalization: Lowering = (c) => {
  const { g } = c;
  const x = c.need(0);
  const axis = normalizeAxis(c.int("axis", -1), x.shape.length);
  const p = c.int("p", 2);
  const sum = g.sum(p === 1 ? g.unary("Abs", x) : g.square(x), [axis], true);
  const positive = g.where(g.equal(sum, 0), 1, sum);
  return g.div(x, p === 1 ? positive : g.unary("Sqrt", positive));
};

/** 1 at the first maximum, else 0. Before opset 13 everything from `axis` on is one axis. */
const hardmax: Lowering = (c) => {
  const { g } = c;
  const x = c.need(0);
  const modern = c.opset >= 13;
  const axis = normalizeAxis(c.int("axis", modern ? -1 : 1), x.shape.length);
  const flat = modern ? x : g.reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
  const at = modern ? axis : 1;
  const top = g.op("ArgMax", [flat], { axis: at, keepdims: true, selectLast: false });
  const length = flat.shape[at]!;
  const positions = g.ints(
    Array.from({ length }, (_, i) => i),
    flat.shape.map((_, i) => (i === at ? length : 1)),
  );
  return g.reshape(g.cast(g.equal(top, positions), x.dtype), x.shape);
};

export const normalization: Readonly<Record<string, Lowering>> = {
  BatchNormalization: batchNormalization,
  GroupNormalization: groupNormalization,
  Hardmax: hardmax,
  InstanceNormalization: instanceNormalization,
  LRN: localResponse,
  LayerNormalization: layerNormalization,
  LogSoftmax: softmax("LogSoftmax"),
  LpNormalization: lpNormalization,
  MeanVarianceNormalization: meanVariance,
  RMSNormalization: rmsNormalization,
  Softmax: softmax("Softmax"),
};
