/**
 * Reverse mode, derived: linearize, then turn the linear graph around.
 *
 *     y = f(x),   x̄ = J(x)ᵀ ȳ
 *
 * Source: Radul, Paszke, Frostig, Johnson, Maclaurin (2023), You only linearize once, POPL.
 */
import type { GraphBuilder } from "../ir/builder.ts";
import { dependents, type NodeValue, type Value } from "../ir/graph.ts";
import type { OpType } from "../ir/ops.ts";
import { pushForward } from "./linearize.ts";
import type { Tangent, TransposeRule } from "./rule.ts";
import { transposeRules } from "./rules/transpose.ts";

/**
 * Cotangents of `inputs` from those of `outputs`, for outputs that are linear in the inputs.
 *
 * @param g Builder to emit into.
 * @param outputs Values linear in `inputs`; null for one that is zero.
 * @param cts A cotangent for each output, of its shape.
 * @returns One cotangent an input; null where no output depends on it.
 */
export function transpose(
  g: GraphBuilder,
  outputs: readonly Tangent[],
  cts: readonly Value[],
  inputs: readonly Value[],
): Tangent[] {
  const known = new Map<Value, Value>();
  const accumulate = (value: Value, ct: Value): void => {
    const sum = known.get(value);
    known.set(value, sum ? g.add(sum, ct) : ct);
  };
  outputs.forEach((output, i) => {
    if (output) accumulate(output, cts[i]!);
  });
  const linear = dependents(
    outputs.filter((o) => o !== null),
    inputs,
  );
  const isLinear = new Set(linear);
  for (const node of linear.reverse()) {
    const ct = known.get(node);
    if (!ct || node.op === "Input") continue;
    node.inputs.forEach((input, i) => {
      if (isLinear.has(input)) accumulate(input, cotangent(g, node, i, ct));
    });
  }
  return inputs.map((input) => known.get(input) ?? null);
}

function cotangent(g: GraphBuilder, node: Value, i: number, ct: Value): Value {
  const rule = (transposeRules as Partial<Record<string, unknown>>)[node.op] as TransposeRule | undefined;
  if (!rule) throw new Error(`internal: a tangent rule emitted ${node.op}, which has no transpose`);
  return g.from(node.origin, () => rule(g, node as NodeValue<OpType>, i, ct));
}

/**
 * Jᵀ ȳ: cotangents of `wrt` from those of `outputs`.
 *
 * @param g Builder to emit into.
 * @param outputs Values to differentiate.
 * @param cts A cotangent for each output, of its shape.
 * @param wrt Independent values.
 * @returns One cotangent for each of `wrt`; null where no output depends on it.
 *
 * Cost: about two evaluations of what lies between.
 */
export function pullBack(
  g: GraphBuilder,
  outputs: readonly Value[],
  cts: readonly Value[],
  wrt: readonly Value[],
): Tangent[] {
  const tangents = wrt.map((x) => g.input(`d_${x.name}`, x.dtype, x.shape));
  const pushed = pushForward(g, outputs, new Map(wrt.map((x, i) => [x, tangents[i]!])));
  return transpose(g, pushed, cts, tangents);
}

/** ∇ of a scalar; zeros where it does not depend on an independent value. */
export function gradient(g: GraphBuilder, scalar: Value, wrt: readonly Value[]): Value[] {
  const one = g.fill(1, scalar.dtype, scalar.shape);
  return pullBack(g, [scalar], [one], wrt).map((ct, i) => ct ?? g.fill(0, wrt[i]!.dtype, wrt[i]!.shape));
}
