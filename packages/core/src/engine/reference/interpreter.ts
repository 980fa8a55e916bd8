/** Runs a graph node by node on the reference kernels. */
import { HessoniteError, MismatchError, UsageError } from "../../errors.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { AnyNode, Graph, InputValue, Value } from "../../ir/graph.ts";
import { sameShape, showShape } from "../../ir/shape.ts";
import type { NumericArray, Tensor } from "../../ir/tensor.ts";
import { evaluateOp } from "./kernels.ts";
import { held } from "./storage.ts";

/**
 * The outputs of `graph`, in its order, all floats in float64.
 *
 * A value is let go after its last use. The outputs' data are the caller's: they share nothing with the feeds, with
 * the graph's constants or with each other.
 *
 * @param feeds A tensor for every input of the graph; further entries are ignored.
 * @throws {UsageError} if an input has no feed.
 * @throws {MismatchError} if a feed has another shape, or is an integer where a float is due or the reverse.
 */
export function evaluateGraph(graph: Graph, feeds: ReadonlyMap<Value, Tensor>): Tensor[] {
  const live = new Map<Value, Tensor>();
  const taken = new Set<NumericArray>();
  for (const input of graph.inputs) {
    const feed = feedOf(input, feeds);
    taken.add(feed.data);
    live.set(input, held(feed));
  }
  const lastUses = lastUsesIn(graph);
  for (const node of graph.nodes) {
    live.set(node, evaluate(node, live));
    if (node.op === "Constant") taken.add(node.attrs.value.data);
    for (const value of lastUses.get(node) ?? []) live.delete(value);
  }
  return graph.outputs.map((output) => own(live.get(output)!, taken));
}

/** The values that are not needed once a node has run. */
function lastUsesIn({ nodes, outputs }: Graph): Map<AnyNode, Value[]> {
  const last = new Map<Value, AnyNode>();
  for (const node of nodes) for (const input of node.inputs) last.set(input, node);
  for (const output of outputs) last.delete(output);
  const uses = new Map<AnyNode, Value[]>();
  for (const [value, node] of last) uses.set(node, [...(uses.get(node) ?? []), value]);
  return uses;
}

function evaluate(node: AnyNode, live: ReadonlyMap<Value, Tensor>): Tensor {
  try {
    return evaluateOp(
      node.op,
      node.inputs.map((input) => live.get(input)!),
      node.attrs,
      node,
    );
  } catch (error) {
    if (!(error instanceof HessoniteError) || error.facts.at) throw error;
    const [problem] = error.message.split("\n");
    const at = node.origin ? `${node.origin.opType} "${node.origin.node}"` : `${node.op} "${node.name}"`;
    throw new MismatchError(problem!, { ...error.facts, at });
  }
}

function feedOf(input: InputValue, feeds: ReadonlyMap<Value, Tensor>): Tensor {
  const feed = feeds.get(input);
  if (!feed) {
    throw new UsageError("Cannot run the graph as an input has no feed", {
      at: `input "${input.name}"`,
      expected: `${input.dtype}${showShape(input.shape)}`,
    });
  }
  const sameType = feed.dtype === input.dtype || (isFloat(feed.dtype) && isFloat(input.dtype));
  if (!sameType || !sameShape(feed.shape, input.shape)) {
    throw new MismatchError("Cannot run the graph as a feed does not fit its input", {
      at: `input "${input.name}"`,
      expected: `${input.dtype}${showShape(input.shape)}`,
      found: `${feed.dtype}${showShape(feed.shape)}`,
    });
  }
  return feed;
}

/** The tensor with data that nobody else has. */
function own(tensor: Tensor, taken: Set<NumericArray>): Tensor {
  const data = taken.has(tensor.data) ? tensor.data.slice() : tensor.data;
  taken.add(data);
  return { ...tensor, data };
}
