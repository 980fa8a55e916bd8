/**
 * Tangents of the operators that contract, move or select.
 *
 * Those that are linear pass the tangent through themselves. Those that select (maxima, pooling) gather the tangent by
 * an index from the primal half, so that their transposes scatter.
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { NodeValue, Value } from "../../ir/graph.ts";
import type { BinaryOp, OpType, PredicateOp, UnaryOp } from "../../ir/ops.ts";
import { sizeOf } from "../../ir/shape.ts";
import { bilinear, dense, linear, output, type Tangent, type TangentRule, zero } from "../rule.ts";

type StructuralOp = Exclude<OpType, UnaryOp | BinaryOp | PredicateOp | "Where">;

export const structuralRules: { readonly [Op in StructuralOp]: TangentRule<Op> } = {
  ArgMax: zero,
  ArgMin: zero,
  Constant: zero,
  MaxPoolIndex: zero,
  TopKIndex: zero,

  Cast: (g, { attrs }, [dx]) => (dx && isFloat(attrs.to) ? g.cast(dx, attrs.to) : null),
  CumSum: linear as TangentRule<"CumSum">,
  Expand: linear as TangentRule<"Expand">,
  Gather: linear as TangentRule<"Gather">,
  GatherElements: linear as TangentRule<"GatherElements">,
  ReduceSum: linear as TangentRule<"ReduceSum">,
  Reshape: linear as TangentRule<"Reshape">,
  Slice: linear as TangentRule<"Slice">,
  Transpose: linear as TangentRule<"Transpose">,

  Conv: bilinear as TangentRule<"Conv">,
  ConvInputGrad: bilinear as TangentRule<"ConvInputGrad">,
  ConvWeightGrad: bilinear as TangentRule<"ConvWeightGrad">,
  MatMul: bilinear as TangentRule<"MatMul">,

  Concat: (g, { inputs, attrs }, dx) =>
    g.concat(
      inputs.map((x, i) => dense(g, dx[i], x)),
      attrs.axis,
    ),
  Pad: ofFirst((g, { attrs }, dx) => g.pad(dx, attrs.before, attrs.after)),
  ScatterElements: scatterTangent,

  // y = softmax(x),  J = diag(y) − y yᵀ,  J t = y ⊙ (t − Σ y⊙t)
  Softmax: ofFirst((g, node, dx) => {
    const y = output(node);
    return g.mul(y, g.sub(dx, g.sum(g.mul(y, dx), [node.attrs.axis], true)));
  }),
  // y = x − log Σ exp x,  J t = t − Σ softmax(x)⊙t
  LogSoftmax: ofFirst((g, node, dx) => {
    const p = g.op("Softmax", node.inputs, node.attrs);
    return g.sub(dx, g.sum(g.mul(p, dx), [node.attrs.axis], true));
  }),

  MaxPool: ofFirst(pickFromPlanes),
  ReduceMax: ofFirst((g, node, dx) => pickExtreme(g, node, "ArgMax", dx)),
  ReduceMin: ofFirst((g, node, dx) => pickExtreme(g, node, "ArgMin", dx)),
  ReduceProd: ofFirst(productTangent),
};

/** A rule for an operator whose first input alone has a tangent. */
function ofFirst<Op extends OpType>(rule: (g: GraphBuilder, node: NodeValue<Op>, dx: Value) => Value): TangentRule<Op> {
  return (g, node, [dx]) => (dx ? rule(g, node, dx) : null);
}

/** dy[n,c,q] = dx[n,c,index[n,c,q]], the planes flattened; the first maximum of a window where several tie. */
function pickFromPlanes(g: GraphBuilder, node: NodeValue<"MaxPool">, dx: Value): Value {
  const index = g.op("MaxPoolIndex", node.inputs, node.attrs);
  const [n, c] = node.shape;
  const planes = (v: Value): Value => g.reshape(v, [n!, c!, sizeOf(v.shape.slice(2))]);
  return g.reshape(g.op("GatherElements", [planes(dx), planes(index)], { axis: 2 }), node.shape);
}

/** `x` with the axes `axes` moved to the end and merged into one. */
function mergeLast(g: GraphBuilder, x: Value, axes: readonly number[]): Value {
  const kept = x.shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
  const moved = g.transpose(x, [...kept, ...axes]);
  return g.reshape(moved, [...kept.map((axis) => x.shape[axis]!), sizeOf(axes.map((axis) => x.shape[axis]!))]);
}

/** dy = dx at the first extreme element. */
function pickExtreme(
  g: GraphBuilder,
  node: NodeValue<"ReduceMax"> | NodeValue<"ReduceMin">,
  op: "ArgMax" | "ArgMin",
  dx: Value,
): Value {
  const x = mergeLast(g, node.inputs[0]!, node.attrs.axes);
  const axis = x.shape.length - 1;
  if (x.shape[axis] === 0) return g.fill(0, node.dtype, node.shape); // an extreme of nothing is a constant
  const index = g.op(op, [x], { axis, keepdims: true, selectLast: false });
  const picked = g.op("GatherElements", [mergeLast(g, dx, node.attrs.axes), index], { axis });
  return g.reshape(picked, node.shape);
}

/** dy = Σᵢ dxᵢ Πⱼ≠ᵢ xⱼ, the products without division, so that zeros are exact; O(n²) in the number reduced. */
function productTangent(g: GraphBuilder, node: NodeValue<"ReduceProd">, dx: Value): Value {
  const x = mergeLast(g, node.inputs[0]!, node.attrs.axes);
  const rank = x.shape.length;
  const n = x.shape[rank - 1]!;
  const counting = g.ints(Array.from({ length: n }, (_, i) => i));
  const diagonal = g.equal(g.reshape(counting, [n, 1]), g.reshape(counting, [1, n]));
  const others = g.op("ReduceProd", [g.where(diagonal, 1, g.unsqueeze(x, rank - 1))], {
    axes: [rank],
    keepdims: false,
  });
  return g.reshape(g.sum(g.mul(mergeLast(g, dx, node.attrs.axes), others), [rank - 1]), node.shape);
}

/**
 * Scattered with "none" and "add" the tangents go through the operator itself. With the others each element that reaches
 * y has a slope s, and the tangents add: dy = s_data·ddata + Σ s_update·dupdate, where
 *
 *     max, min   s = 1 where the element is y, else 0 (data that ties with an update is y too)
 *     mul        s = y / element, through the product of the other factors; not defined where a factor is 0
 */
function scatterTangent(
  g: GraphBuilder,
  node: NodeValue<"ScatterElements">,
  [dData, , dUpdates]: readonly Tangent[],
): Tangent {
  const { attrs } = node;
  const [data, index, updates] = node.inputs as [Value, Value, Value];
  const [ddata, dupdates] = [dense(g, dData, data), dense(g, dUpdates, updates)];
  if (attrs.reduction === "none" || attrs.reduction === "add")
    return g.op("ScatterElements", [ddata, index, dupdates], attrs);
  const y = output(node);
  const there = g.op("GatherElements", [y, index], { axis: attrs.axis });
  const through = (at: Value, element: Value, d: Value): Value =>
    attrs.reduction === "mul" ? g.mul(d, g.div(at, element)) : g.where(g.equal(at, element), d, 0);
  const added = { axis: attrs.axis, reduction: "add" } as const;
  return g.op("ScatterElements", [through(y, data, ddata), index, through(there, updates, dupdates)], added);
}
