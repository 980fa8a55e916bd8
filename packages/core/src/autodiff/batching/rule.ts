/** What a batching rule is, and the shapes most rules have. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { NodeValue, Value } from "../../ir/graph.ts";
import type { OpType } from "../../ir/ops.ts";
import type { Shape } from "../../ir/shape.ts";

/** An input of the node: `value` is `[K, …shape]` if batched, else `shape`. */
export interface Operand {
  readonly value: Value;
  readonly batched: boolean;
  /** Its shape without the batch axis. */
  readonly shape: Shape;
}

/** The node's output for K copies, `[K, …node.shape]`, from operands at least one of which is batched. */
export type BatchingRule<Op extends OpType = OpType> = (
  g: GraphBuilder,
  node: NodeValue<Op>,
  operands: readonly Operand[],
  k: number,
) => Value;

/** `[K, …]`, repeated where it is the same for all copies. */
export function all(g: GraphBuilder, { value, batched, shape }: Operand, k: number): Value {
  return batched ? value : g.expand(value, [k, ...shape]);
}

/** `[K, 1, …, 1, …shape]` with `rank` axes after K, so that a batched operand broadcasts from the right like before. */
export function aligned(g: GraphBuilder, { value, batched, shape }: Operand, rank: number): Value {
  if (!batched) return value;
  return g.reshape(value, [value.shape[0]!, ...new Array<number>(rank - shape.length).fill(1), ...shape]);
}

/** Operators that broadcast: the same operator on aligned operands. */
export const elementwise: BatchingRule = (g, node, operands) => {
  const rank = node.shape.length;
  return g.op(
    node.op,
    operands.map((operand) => aligned(g, operand, rank)),
    node.attrs,
  );
};

/** Operators with one attribute `axis`, every operand batched: the same operator one axis to the right. */
export const alongAxis: BatchingRule<
  | "ArgMax"
  | "ArgMin"
  | "Concat"
  | "CumSum"
  | "GatherElements"
  | "LogSoftmax"
  | "ScatterElements"
  | "Softmax"
  | "TopKIndex"
> = (g, node, operands, k) =>
  g.op(
    node.op,
    operands.map((operand) => all(g, operand, k)),
    { ...node.attrs, axis: node.attrs.axis + 1 },
  );

/** Operators with `axes`: the same operator one axis to the right. */
export const alongAxes: BatchingRule<"ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceSum"> = (g, node, [x]) =>
  g.op(node.op, [x!.value], { ...node.attrs, axes: node.attrs.axes.map((axis) => axis + 1) });

/** Operators whose first axis is a batch already: K joins it. */
export const joinFirst: BatchingRule<"MaxPool" | "MaxPoolIndex"> = (g, node, [x], k) => {
  const [n, ...rest] = x!.shape;
  const y = g.op(node.op, [g.reshape(x!.value, [k * n!, ...rest])], node.attrs);
  return g.reshape(y, [k, ...node.shape]);
};
