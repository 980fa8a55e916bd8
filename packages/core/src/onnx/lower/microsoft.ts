/** ONNX Runtime's own operators, which its optimiser and its transformer tools put into models. */

import { isFloat } from "../../ir/dtype.ts";
import type { Value } from "../../ir/graph.ts";
import { normalizeAxis } from "../../ir/shape.ts";
import { attend, lengthMask, mergeHeads, reachMask, splitHeads } from "./attention.ts";
import type { Lowering, LoweringContext } from "./context.ts";
import { gelu, geluTanh } from "./elementwise.ts";
import { layerNormalization, rootMeanSquare, standardize } from "./normalization.ts";
import { rotate } from "./rotary.ts";

/** α A' B', where `transBatch` moves the first axis in front of the last two instead. */
const fusedMatMul: Lowering = (c) => {
  const { g } = c;
  const side = (i: number, name: string): Value => {
    const x = c.need(i);
    const rank = x.shape.length;
    const moved =
      c.int(`transBatch${name}`, 0) !== 0
        ? g.transpose(x, [...Array.from({ length: rank - 2 }, (_, k) => k + 1), 0, rank - 1])
        : x;
    return c.int(`trans${name}`, 0) !== 0 && rank > 1 ? g.transpose(moved) : moved;
  };
  return g.mul(g.matmul(side(0, "A"), side(1, "B")), c.float("alpha", 1));
};

/** x + bias, where there is one. */
const biased = (c: LoweringContext): Value => (c.input(1) ? c.g.add(c.need(0), c.need(1)) : c.need(0));

/** x + skip + bias. */
function skipSum(c: LoweringContext, bias: number): Value {
  const sum = c.g.add(c.need(0), c.need(1));
  return c.input(bias) ? c.g.add(sum, c.need(bias)) : sum;
}

const skipLayerNormalization: Lowering = (c) => {
  const x = skipSum(c, 4);
  const { y, mean, scale } = standardize(c, x, [x.shape.length - 1], c.float("epsilon", 1e-12));
  const scaled = c.g.mul(y, c.need(2));
  return [c.input(3) ? c.g.add(scaled, c.need(3)) : scaled, mean, scale, x];
};

const simplifiedLayerNormalization: Lowering = (c) => {
  const x = c.need(0);
  const { y, scale } = rootMeanSquare(c, x, normalizeAxis(c.int("axis", -1), x.shape.length), c.float("epsilon", 1e-5));
  return [c.g.mul(y, c.need(1)), scale];
};

const skipSimplifiedLayerNormalization: Lowering = (c) => {
  const x = skipSum(c, 3);
  const { y, scale } = rootMeanSquare(c, x, x.shape.length - 1, c.float("epsilon", 1e-5));
  return [c.g.mul(y, c.need(2)), undefined, scale, x];
};

/** Inputs: x, positions (one a step, or the first one), cos, sin. */
const rotaryEmbedding: Lowering = (c) => {
  const { g } = c;
  const [given, positions, cosines, sines] = [0, 1, 2, 3].map((i) => c.need(i)) as [Value, Value, Value, Value];
  const merged = given.shape.length === 3;
  const width = c.int("rotary_embedding_dim", 0);
  const heads = c.int("num_heads", 0) || given.shape[2]! / (2 * cosines.shape[1]!);
  const x = merged ? splitHeads(c, given, heads) : given;
  const [batch, , steps] = x.shape as [number, number, number];
  const counting = g.ints(
    Array.from({ length: steps }, (_, i) => i),
    [1, steps],
  );
  const places = positions.shape.length === 1 ? g.expand(g.add(counting, positions), [batch, steps]) : positions;
  const [cos, sin] = [cosines, sines].map((cache) => g.gather(cache, places, 0)) as [Value, Value];
  const y = rotate(c, x, cos, sin, { width, interleaved: c.int("interleaved", 0) !== 0 });
  return merged ? mergeHeads(c, y) : y;
};

interface Projections {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
}

/** Queries, keys and values by head `[B, N, L, H]`, from separate, packed or ready inputs, with their biases. */
function projections(c: LoweringContext, heads: number): Projections {
  const { g } = c;
  const [query, key, value, bias] = [c.need(0), c.input(1), c.input(2), c.input(3)];
  // [B, L, N, parts, H]: part i of every head.
  const unpack = (x: Value, i: number): Value => {
    const [b, l, n, , h] = x.shape as [number, number, number, number, number];
    return g.transpose(g.reshape(g.narrow(x, 3, i, 1), [b, l, n, h]), [0, 2, 1, 3]);
  };
  const byHead = (x: Value): Value => (x.shape.length === 4 ? x : splitHeads(c, x, heads));
  const parts = !key
    ? [0, 1, 2].map((i) => unpack(query, i))
    : value
      ? [query, key, value].map(byHead)
      : [byHead(query), unpack(key, 0), unpack(key, 1)];
  const widths = parts.map((x) => heads * x.shape[3]!);
  const [q, k, v] = parts.map((x, i) => {
    if (!bias) return x;
    const start = widths.slice(0, i).reduce((a, b) => a + b, 0);
    return g.add(x, g.reshape(g.narrow(bias, 0, start, widths[i]!), [heads, 1, x.shape[3]!]));
  }) as [Value, Value, Value];
  return { q, k, v };
}

const multiHeadAttention: Lowering = (c) => {
  const { g } = c;
  const { q, k, v } = projections(c, c.int("num_heads", 1));
  const [keys, values] = [
    [k, c.input(6)],
    [v, c.input(7)],
  ].map(([now, past]) => (past ? g.concat([past, now!], 2) : now!)) as [Value, Value];
  const [queries, total] = [q.shape[2]!, keys.shape[2]!];
  const causal = c.int("unidirectional", 0) !== 0;
  const masks = [
    c.input(4) && paddingMask(c, c.need(4), total),
    c.input(5),
    reachMask(c, queries, total, total - queries, { causal, left: -1, right: -1 }),
  ].filter((mask) => mask !== undefined);
  const scale = c.float("scale", 0) || undefined;
  const { y, stages } = attend(c, { q, k: keys, v: values }, { scale, masks });
  return [mergeHeads(c, y), keys, values, stages[0]];
};

/** What is added for keys that are padding: `[B]` counts the keys that are not, `[B, T]` or `[B, S, T]` marks them. */
function paddingMask(c: LoweringContext, mask: Value, keys: number): Value {
  const { g } = c;
  const [batch] = mask.shape as [number];
  const seen =
    mask.shape.length === 1
      ? lengthMask(c, mask, keys)
      : g.reshape(g.equal(isFloat(mask.dtype) ? mask : g.cast(mask, "int64"), 0), [
          batch,
          1,
          ...(mask.shape.length === 2 ? [1] : []),
          ...mask.shape.slice(1),
        ]);
  const filter = c.float("mask_filter_value", -10000);
  const dtype = c.need(0).dtype;
  const [zero, masked] = [g.constant(0, dtype), g.constant(filter, dtype)];
  return mask.shape.length === 1 ? g.where(seen, zero, masked) : g.where(seen, masked, zero);
}

export const microsoft: Readonly<Record<string, Lowering>> = {
  "com.microsoft:BiasGelu": (c) => gelu(c, biased(c)),
  "com.microsoft:FastGelu": (c) => geluTanh(c, biased(c)),
  "com.microsoft:FusedMatMul": fusedMatMul,
  "com.microsoft:Gelu": (c) => gelu(c, c.need(0)),
  "com.microsoft:LayerNormalization": layerNormalization,
  "com.microsoft:MultiHeadAttention": multiHeadAttention,
  "com.microsoft:QuickGelu": (c) =>
    c.g.mul(c.need(0), c.g.unary("Sigmoid", c.g.mul(c.need(0), c.float("alpha", 1.702)))),
  "com.microsoft:RotaryEmbedding": rotaryEmbedding,
  "com.microsoft:SimplifiedLayerNormalization": simplifiedLayerNormalization,
  "com.microsoft:SkipLayerNormalization": skipLayerNormalization,
  "com.microsoft:SkipSimplifiedLayerNormalization": skipSimplifiedLayerNormalization,
  "com.microsoft:TransposeMatMul": fusedMatMul,
  SimplifiedLayerNormalization: simplifiedLayerNormalization,
};
