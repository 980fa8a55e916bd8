/** The batching rule of every operator. The compiler proves the table total. */
import {
  type BinaryOp,
  binaryOps,
  type OpType,
  type PredicateOp,
  predicateOps,
  type UnaryOp,
  unaryOps,
} from "../../ir/ops.ts";
import { convolutionBatching } from "./convolution.ts";
import { aligned, alongAxes, alongAxis, type BatchingRule, elementwise, joinFirst } from "./rule.ts";

function rows<Op extends OpType>(names: readonly Op[]): { readonly [P in Op]: BatchingRule<P> } {
  return Object.fromEntries(names.map((name) => [name, elementwise])) as unknown as { [P in Op]: BatchingRule<P> };
}

/** Numpy's batch axes: K in front, ones between it and the operand's own. */
const matmul: BatchingRule<"MatMul"> = (g, node, [a, b]) => {
  const rank = node.shape.length;
  return g.matmul(aligned(g, a!, a!.batched && b!.shape.length === 2 ? a!.shape.length : rank), aligned(g, b!, rank));
};

/** data [K?, …pre, V, …post], index [K?, …i] → [K, …pre, …i, …post] */
const gather: BatchingRule<"Gather"> = (g, node, [x, index], k) => {
  const { axis } = node.attrs;
  if (!index!.batched) return g.gather(x!.value, index!.value, axis + 1);
  if (!x!.batched) {
    // The copies' axis arrives where the indices stand and moves to the front.
    const y = g.gather(x!.value, index!.value, axis);
    const rest = y.shape.flatMap((_, i) => (i === axis ? [] : [i]));
    return g.transpose(y, [axis, ...rest]);
  }
  // Every copy has its own table: one long table [K·V] with the indices moved by V a copy, V first.
  const size = x!.shape[axis]!;
  const others = x!.shape.flatMap((_, i) => (i === axis ? [] : [i + 1]));
  const tables = g.transpose(x!.value, [0, axis + 1, ...others]);
  const table = g.reshape(tables, [k * size, ...tables.shape.slice(2)]);
  const ones = index!.shape.map(() => 1);
  const offsets = g.cast(
    g.ints(
      Array.from({ length: k }, (_, i) => i * size),
      [k, ...ones],
    ),
    index!.value.dtype,
  );
  const counted = g.where(g.binary("Less", index!.value, 0), g.add(index!.value, size), index!.value);
  const y = g.gather(table, g.add(counted, offsets), 0);
  const rank = index!.shape.length;
  const pre = Array.from({ length: axis }, (_, i) => 1 + rank + i);
  const post = Array.from({ length: x!.shape.length - 1 - axis }, (_, i) => 1 + rank + axis + i);
  return g.transpose(y, [0, ...pre, ...Array.from({ length: rank }, (_, i) => 1 + i), ...post]);
};

/** An unreachable row: what has no inputs is never batched. */
const never: BatchingRule<"Constant"> = () => {
  throw new Error("internal: a constant cannot be batched");
};

export const batchingRules: { readonly [Op in OpType]: BatchingRule<Op> } = {
  ...rows<UnaryOp>(unaryOps),
  ...rows<BinaryOp>(binaryOps),
  ...rows<PredicateOp>(predicateOps),
  ...rows(["Where", "Cast"]),
  ...convolutionBatching,

  ArgMax: alongAxis as BatchingRule<"ArgMax">,
  ArgMin: alongAxis as BatchingRule<"ArgMin">,
  Concat: alongAxis as BatchingRule<"Concat">,
  CumSum: alongAxis as BatchingRule<"CumSum">,
  GatherElements: alongAxis as BatchingRule<"GatherElements">,
  LogSoftmax: alongAxis as BatchingRule<"LogSoftmax">,
  ScatterElements: alongAxis as BatchingRule<"ScatterElements">,
  Softmax: alongAxis as BatchingRule<"Softmax">,
  TopKIndex: alongAxis as BatchingRule<"TopKIndex">,

  ReduceMax: alongAxes as BatchingRule<"ReduceMax">,
  ReduceMin: alongAxes as BatchingRule<"ReduceMin">,
  ReduceProd: alongAxes as BatchingRule<"ReduceProd">,
  ReduceSum: alongAxes as BatchingRule<"ReduceSum">,

  MaxPool: joinFirst as BatchingRule<"MaxPool">,
  MaxPoolIndex: joinFirst as BatchingRule<"MaxPoolIndex">,

  Constant: never,
  MatMul: matmul,
  Gather: gather,
  Reshape: (g, { attrs }, [x], k) => g.reshape(x!.value, [k, ...attrs.shape]),
  Expand: (g, { attrs }, [x], k) => g.expand(aligned(g, x!, attrs.shape.length), [k, ...attrs.shape]),
  Transpose: (g, { attrs }, [x]) => g.transpose(x!.value, [0, ...attrs.perm.map((p) => p + 1)]),
  Pad: (g, { attrs }, [x]) => g.pad(x!.value, [0, ...attrs.before], [0, ...attrs.after], attrs.value),
  Slice: (g, { attrs }, [x], k) => g.slice(x!.value, [0, ...attrs.starts], [k, ...attrs.sizes], [1, ...attrs.steps]),
};
