/** Re-emits a graph with some of its values replaced, or some of its operators expressed by others. */
import { type GraphBuilder, graphOf } from "./builder.ts";
import { type AnyNode, type Graph, type InputValue, type NodeValue, reachable, type Value } from "./graph.ts";
import type { OpType } from "./ops.ts";

/** For some operators, another form of the node; undefined keeps it. */
export type Expansion = {
  readonly [Op in OpType]?: (g: GraphBuilder, node: NodeValue<Op>, inputs: readonly Value[]) => Value | undefined;
};

export interface Rewriting {
  /** Values to put in the place of others; their operands are not visited. */
  readonly replace?: ReadonlyMap<Value, Value>;
  readonly expand?: Expansion;
}

export interface RewrittenInputs {
  /** The new graph's inputs; by default the old ones that were not replaced. */
  readonly inputs?: readonly InputValue[];
}

/**
 * `graph` with `replace` and `expand` applied. Values that neither touches are kept as they are, by identity.
 *
 * @param g Builder to emit into; its folding applies to what becomes constant.
 */
export function rewrite(g: GraphBuilder, graph: Graph, { inputs, ...rewriting }: Rewriting & RewrittenInputs): Graph {
  const kept = inputs ?? graph.inputs.filter((input) => !rewriting.replace?.has(input));
  return graphOf(kept, rewriteValues(g, graph.outputs, rewriting));
}

/** The same for values that are no graph by themselves. */
export function rewriteValues(
  g: GraphBuilder,
  outputs: readonly Value[],
  { replace = new Map(), expand = {} }: Rewriting,
): Value[] {
  const now = new Map<Value, Value>(replace);
  for (const node of reachable(outputs, new Set(replace.keys()))) {
    if (!now.has(node) && node.op !== "Input") now.set(node, again(g, node, now, expand));
  }
  return outputs.map((output) => now.get(output) ?? output);
}

function again(g: GraphBuilder, node: AnyNode, now: ReadonlyMap<Value, Value>, expand: Expansion): Value {
  const inputs = node.inputs.map((input) => now.get(input) ?? input);
  const expansion = expand[node.op] as
    | ((g: GraphBuilder, n: AnyNode, i: readonly Value[]) => Value | undefined)
    | undefined;
  return g.from(node.origin, () => {
    const other = expansion?.(g, node, inputs);
    if (other) return other;
    return inputs.every((input, i) => input === node.inputs[i]) ? node : g.op(node.op, inputs, node.attrs);
  });
}
