/**
 * Attention in matrix products and a softmax.
 *
 *     s = softcap(scale · q kᵀ) + bias,   p = softmax(s),   y = p v
 *
 * A position that a mask excludes has s = −∞ and p = 0; a query that may look at nothing has y = 0, not NaN.
 */

import { constantNumbers } from "../../ir/constant.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Value } from "../../ir/graph.ts";
import type { LoweringContext } from "./context.ts";

/** Queries `[B, Hq, L, D]`, keys `[B, Hk, S, D]`, values `[B, Hk, S, E]`. */
export interface AttentionInputs {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
}

export interface AttentionOptions {
  /** 1/√D unless given. */
  readonly scale?: number | undefined;
  /** c · tanh(s / c) where c > 0. */
  readonly softcap?: number;
  /** Bool (true may be seen) or float (added), broadcast to `[B, Hq, L, S]`. */
  readonly masks: readonly Value[];
}

/** What stands at each stage; ONNX can give out any of them. */
export interface AttentionStages {
  readonly y: Value;
  /** scale · q kᵀ; the same capped; with the masks; as probabilities. */
  readonly stages: readonly [Value, Value, Value, Value];
}

/** `[B, L, H·D] → [B, H, L, D]` */
export function splitHeads({ g }: LoweringContext, x: Value, heads: number): Value {
  const [batch, length, width] = x.shape as [number, number, number];
  return g.transpose(g.reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
}

/** `[B, H, L, D] → [B, L, H·D]` */
export function mergeHeads({ g }: LoweringContext, x: Value): Value {
  const [batch, heads, length, width] = x.shape as [number, number, number, number];
  return g.reshape(g.transpose(x, [0, 2, 1, 3]), [batch, length, heads * width]);
}

/** Heads of keys or values repeated for the queries that share them: `[B, Hk, S, D] → [B, Hq, S, D]`. */
function repeatHeads({ g }: LoweringContext, x: Value, heads: number): Value {
  const [batch, own, length, width] = x.shape as [number, number, number, number];
  if (own === heads) return x;
  const repeated = g.expand(g.unsqueeze(x, 2), [batch, own, heads / own, length, width]);
  return g.reshape(repeated, [batch, heads, length, width]);
}

export function attend(
  c: LoweringContext,
  { q, k, v }: AttentionInputs,
  { scale, softcap = 0, masks }: AttentionOptions,
): AttentionStages {
  const { g } = c;
  const heads = q.shape[1]!;
  const product = g.matmul(q, g.transpose(repeatHeads(c, k, heads)));
  const scores = g.mul(product, scale ?? 1 / Math.sqrt(q.shape[3]!));
  const capped = softcap > 0 ? g.mul(g.unary("Tanh", g.div(scores, softcap)), softcap) : scores;
  const masked = masks.reduce((s, mask) => applyMask(c, s, mask), capped);
  const seeing = seeingQueries(c, masks);
  const p = seeing
    ? g.where(seeing, g.op("Softmax", [g.where(seeing, masked, 0)], { axis: 3 }), 0)
    : g.op("Softmax", [masked], { axis: 3 });
  return { y: g.matmul(p, repeatHeads(c, v, heads)), stages: [scores, capped, masked, p] };
}

function applyMask({ g }: LoweringContext, scores: Value, mask: Value): Value {
  return isFloat(mask.dtype) ? g.add(scores, mask) : g.where(mask, scores, Number.NEGATIVE_INFINITY);
}

/** Which queries see anything, `[…, L, 1]`; undefined where it is known that all do. */
function seeingQueries({ g }: LoweringContext, masks: readonly Value[]): Value | undefined {
  if (masks.length === 0) return undefined;
  const visible = masks.map((mask) => (isFloat(mask.dtype) ? g.greater(mask, Number.NEGATIVE_INFINITY) : mask));
  const all = visible.reduce((a, b) => g.op("And", [a, b], {}));
  const count = g.sum(g.cast(all, "int32"), [all.shape.length - 1], true);
  const seeing = g.greater(count, 0);
  return constantNumbers(seeing)?.every((n) => n !== 0) ? undefined : seeing;
}

/** Which key each query may look at by their positions. */
export interface Reach {
  readonly causal: boolean;
  /** Keys this far before and after a query's own position are seen; −1 for any. */
  readonly left: number;
  readonly right: number;
}

/**
 * The mask of a reach, `[…, L, S]`; undefined where everything is seen.
 *
 * @param offset Position of the first query among the keys: a number, or `[B, 1, 1, 1]` where it differs by example.
 */
export function reachMask(
  { g }: LoweringContext,
  queries: number,
  keys: number,
  offset: number | Value,
  { causal, left, right }: Reach,
): Value | undefined {
  const rows = g.ints(
    Array.from({ length: queries }, (_, i) => i),
    [queries, 1],
  );
  const columns = g.ints(
    Array.from({ length: keys }, (_, j) => j),
    [1, keys],
  );
  const ahead = g.sub(columns, g.add(rows, offset)); // key position − query position
  const limit = causal ? (right < 0 ? 0 : Math.min(0, right)) : right;
  const masks = [
    ...(causal || right >= 0 ? [g.binary("LessOrEqual", ahead, limit)] : []),
    ...(left >= 0 ? [g.binary("GreaterOrEqual", ahead, -left)] : []),
  ];
  return masks.length > 0 ? masks.reduce((a, b) => g.op("And", [a, b], {})) : undefined;
}

/** Keys before `lengths [B]` are seen: `[B, 1, 1, S]`. */
export function lengthMask({ g }: LoweringContext, lengths: Value, keys: number): Value {
  const columns = g.ints(
    Array.from({ length: keys }, (_, j) => j),
    [1, 1, 1, keys],
  );
  return g.binary("Less", columns, g.reshape(g.cast(lengths, "int64"), [lengths.shape[0]!, 1, 1, 1]));
}
