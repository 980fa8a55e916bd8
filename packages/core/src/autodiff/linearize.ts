/**
 * Forward mode: pushes tangents through a graph.
 *
 *     y = f(x),   dy = J(x) dx
 *
 * The tangents of all outputs come from one walk over the values that depend on x; what does not depend on it has the
 * tangent null and emits nothing. Primal values are shared with the graph that was given, never computed again.
 */
import { NoDerivativeError } from "../errors.ts";
import type { GraphBuilder } from "../ir/builder.ts";
import { isFloat } from "../ir/dtype.ts";
import { type NodeValue, reachable, type Value } from "../ir/graph.ts";
import type { OpType } from "../ir/ops.ts";
import type { Tangent, TangentRule } from "./rule.ts";
import { tangentRules } from "./rules/index.ts";

/**
 * Tangents of `outputs` from those of some values.
 *
 * A value that is itself computed from others gets its given tangent *added*: with z = f(x), the tangents {x: dx, z: dz}
 * mean z + ε(J dx + dz). So the layers of a model can all be differentiated in one walk.
 *
 * @param g Builder to emit into.
 * @param outputs Values to differentiate.
 * @param tangents For each independent value its tangent, of the same shape and dtype.
 * @returns One tangent an output; null where it does not depend on any of them.
 *
 * Cost: about one evaluation of what lies between.
 */
export function pushForward(
  g: GraphBuilder,
  outputs: readonly Value[],
  tangents: ReadonlyMap<Value, Value>,
): Tangent[] {
  const known = new Map<Value, Tangent>();
  for (const value of reachable(outputs)) {
    const propagated = tangentOf(g, value, known);
    const given = tangents.get(value);
    const sum = given && propagated ? g.add(propagated, given) : (given ?? propagated);
    if (sum) known.set(value, sum);
  }
  return outputs.map((y) => known.get(y) ?? null);
}

function tangentOf(g: GraphBuilder, value: Value, known: ReadonlyMap<Value, Tangent>): Tangent {
  if (value.op === "Input" || !isFloat(value.dtype)) return null;
  const dx = value.inputs.map((input) => known.get(input) ?? null);
  if (dx.every((d) => d === null)) return null;
  const rule = tangentRules[value.op] as TangentRule | undefined;
  if (!rule) throw missingRule(value);
  return g.from(value.origin, () => rule(g, value as NodeValue<OpType>, dx));
}

function missingRule(value: Value): NoDerivativeError {
  return new NoDerivativeError(`Cannot differentiate ${value.op}: no rule is registered for it`, {
    at: value.origin ? `${value.origin.opType} "${value.origin.node}"` : value.name,
    try: `add a row "${value.op}" to packages/core/src/autodiff/rules`,
  });
}
