/**
 * Adds a leading axis: one graph that evaluates K copies at once.
 *
 *     vmap(f)(x [K, …]) [k] = f(x[k])
 *
 * Values that do not depend on a batched input are computed once and shared, so K products with one operator pay
 * its primal half once.
 */
import type { GraphBuilder } from "../ir/builder.ts";
import { dependents, type NodeValue, type Value } from "../ir/graph.ts";
import type { OpType } from "../ir/ops.ts";
import { batchingRules } from "./batching/index.ts";
import type { BatchingRule, Operand } from "./batching/rule.ts";

/**
 * @param g Builder to emit into.
 * @param outputs Values to evaluate K times.
 * @param batched For each value that differs between the copies, the value `[K, …shape]` that stands for all.
 * @param k Number of copies.
 * @returns For each output `[K, …shape]`; one that does not depend on a batched value is repeated.
 */
export function vmap(
  g: GraphBuilder,
  outputs: readonly Value[],
  batched: ReadonlyMap<Value, Value>,
  k: number,
): Value[] {
  const known = new Map<Value, Value>(batched);
  for (const value of dependents(outputs, batched.keys())) {
    if (!known.has(value)) known.set(value, batch(g, value, known, k));
  }
  return outputs.map((y) => known.get(y) ?? g.expand(y, [k, ...y.shape]));
}

function batch(g: GraphBuilder, value: Value, known: ReadonlyMap<Value, Value>, k: number): Value {
  const operands: Operand[] = value.inputs.map((input) => {
    const all = known.get(input);
    return { value: all ?? input, batched: all !== undefined, shape: input.shape };
  });
  const rule = batchingRules[value.op as OpType] as BatchingRule;
  return g.from(value.origin, () => rule(g, value as NodeValue<OpType>, operands, k));
}
