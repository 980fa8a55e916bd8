/**
 * Splits a graph that is linear in some inputs into its primal half and its linear half, with the residuals between.
 *
 *     y = L(r) v,   r = R(x)
 *
 * The primal half R runs once; the linear half runs for every v. What only moves elements of a residual (transposes,
 * reshapes, slices) stays in the linear half, where the runtime joins it with the products.
 */
import { type GraphBuilder, graphOf } from "../ir/builder.ts";
import { dependents, type Graph, type InputValue, reachable, type Value } from "../ir/graph.ts";
import type { OpType } from "../ir/ops.ts";
import { rewriteValues } from "../ir/rewrite.ts";

export interface SplitGraph {
  /** Inputs: those of the graph but the linear ones. Outputs: the residuals. */
  readonly primal: Graph;
  /** Inputs: the residuals, then the linear inputs. Outputs: the graph's. */
  readonly linear: Graph;
}

/** Operators that are cheaper to repeat than to keep the result of. */
const free = new Set<string>(["Constant", "Expand", "Reshape", "Slice", "Transpose"] satisfies OpType[]);

/**
 * @param g Builder to emit into.
 * @param graph A graph linear in `inputs`.
 * @param inputs The linear inputs, among the graph's own.
 * @param fixed Inputs whose values never change: they stay inputs of both halves.
 */
export function splitLinear(
  g: GraphBuilder,
  graph: Graph,
  inputs: readonly InputValue[],
  fixed: readonly InputValue[],
): SplitGraph {
  const linear = new Set(dependents(graph.outputs, inputs));
  const cheap = new Set<Value>(fixed);
  for (const node of graph.nodes) {
    if (!linear.has(node) && free.has(node.op) && node.inputs.every((input) => cheap.has(input) || !isComputed(input)))
      cheap.add(node);
  }
  const residuals = residualsOf(graph, linear, cheap);
  const stand = new Map<Value, Value>(residuals.map((r, i) => [r, g.input(`residual_${i}`, r.dtype, r.shape)]));
  const outputs = rewriteValues(g, graph.outputs, { replace: stand });
  const primalInputs = graph.inputs.filter((input) => !inputs.includes(input));
  return {
    primal: graphOf(primalInputs, residuals),
    linear: graphOf([...([...stand.values()] as InputValue[]), ...fixed, ...inputs], outputs),
  };
}

const isComputed = (value: Value): boolean => value.op !== "Constant";

/** The last computed values before the linear half, seen through what is free to repeat. */
function residualsOf(graph: Graph, linear: ReadonlySet<Value>, cheap: ReadonlySet<Value>): Value[] {
  const needed = new Set<Value>();
  const need = (value: Value): void => {
    if (linear.has(value) || cheap.has(value) || value.op === "Constant" || needed.has(value)) return;
    if (value.op !== "Input" && free.has(value.op)) value.inputs.forEach(need);
    else needed.add(value);
  };
  for (const value of reachable(graph.outputs)) {
    if (linear.has(value)) value.inputs.forEach(need);
  }
  for (const output of graph.outputs) need(output);
  return [...needed].sort((a, b) => a.id - b.id);
}
