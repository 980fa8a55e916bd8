/** Roots of sums of squares, which models take at 0. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Value } from "../../ir/graph.ts";

/** s^(1/p) for s ≥ 0, with slope 0 at 0 (as PyTorch's norms) where the root itself has slope ∞. */
export function rootOfSum(g: GraphBuilder, s: Value, p = 2): Value {
  if (p === 1) return s;
  const none = g.equal(s, 0);
  const positive = g.where(none, 1, s);
  return g.where(none, 0, p === 2 ? g.unary("Sqrt", positive) : g.pow(positive, 1 / p));
}
