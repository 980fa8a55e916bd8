/**
 * Rotary position embedding: pairs of features turned by an angle that grows with the position.
 *
 *     (a, b) → (a cos θ − b sin θ, a sin θ + b cos θ)
 */
import type { Value } from "../../ir/graph.ts";
import type { LoweringContext } from "./context.ts";

export interface RotaryOptions {
  /** How many of the features are turned; 0 for all. */
  readonly width: number;
  /** Pairs are neighbours, rather than the two halves. */
  readonly interleaved: boolean;
}

/** `x [B, H, L, D]` turned by `cos`, `sin` `[B, L, width/2]`. */
export function rotate(
  { g }: LoweringContext,
  x: Value,
  cos: Value,
  sin: Value,
  { width, interleaved }: RotaryOptions,
): Value {
  const [batch, heads, length, features] = x.shape as [number, number, number, number];
  const turned = width || features;
  const half = turned / 2;
  const part = g.narrow(x, 3, 0, turned);
  const pairs = g.reshape(part, interleaved ? [batch, heads, length, half, 2] : [batch, heads, length, 2, half]);
  const axis = interleaved ? 4 : 3;
  const [a, b] = [0, 1].map((i) => g.reshape(g.narrow(pairs, axis, i, 1), [batch, heads, length, half])) as [
    Value,
    Value,
  ];
  const [co, si] = [cos, sin].map((v) => g.unsqueeze(v, 1)) as [Value, Value];
  const rotated = [g.sub(g.mul(a, co), g.mul(b, si)), g.add(g.mul(a, si), g.mul(b, co))];
  const joined = g.reshape(
    g.concat(
      rotated.map((v) => g.unsqueeze(v, axis)),
      axis,
    ),
    part.shape,
  );
  return turned === features ? joined : g.concat([joined, g.narrow(x, 3, turned, features - turned)], 3);
}
