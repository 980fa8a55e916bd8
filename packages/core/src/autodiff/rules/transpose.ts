/** The transposes of the operators that are linear in an input. `i` is the input that is asked for. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Value } from "../../ir/graph.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { TransposeRule } from "../rule.ts";

/** What tangent rules may emit between a tangent of the input and one of the output. */
export const linearOps = [
  "Add",
  "Cast",
  "Concat",
  "Conv",
  "ConvInputGrad",
  "ConvWeightGrad",
  "CumSum",
  "Div",
  "Expand",
  "Gather",
  "GatherElements",
  "MatMul",
  "Mul",
  "Neg",
  "Pad",
  "ReduceSum",
  "Reshape",
  "ScatterElements",
  "Slice",
  "Sub",
  "Transpose",
  "Where",
] as const;

export type LinearOp = (typeof linearOps)[number];

export const transposeRules: { readonly [Op in LinearOp]: TransposeRule<Op> } = {
  Add: (g, { inputs }, i, ct) => g.unbroadcast(ct, inputs[i]!.shape),
  Sub: (g, { inputs }, i, ct) => g.unbroadcast(i === 0 ? ct : g.neg(ct), inputs[i]!.shape),
  Neg: (g, _, __, ct) => g.neg(ct),
  Mul: (g, { inputs }, i, ct) => g.unbroadcast(g.mul(ct, inputs[1 - i]!), inputs[i]!.shape),
  Div: (g, { inputs }, _, ct) => g.unbroadcast(g.div(ct, inputs[1]!), inputs[0]!.shape),
  Where: (g, { inputs }, i, ct) => {
    const taken = i === 1 ? g.where(inputs[0]!, ct, 0) : g.where(inputs[0]!, 0, ct);
    return g.unbroadcast(taken, inputs[i]!.shape);
  },
  Cast: (g, { inputs }, _, ct) => g.cast(ct, inputs[0]!.dtype),

  // Y[…,m,n] = A[…,m,k] B[…,k,n]:   Ā = Ȳ Bᵀ,   B̄ = Aᵀ Ȳ,   summed over batch axes that were broadcast
  MatMul: (g, { inputs: [a, b] }, i, ct) => {
    if (i === 0) return g.unbroadcast(g.matmul(ct, g.transpose(b!)), a!.shape);
    if (b!.shape.length === 2 && a!.shape.length > 2) return g.matmul(g.transpose(rows(g, a!)), rows(g, ct));
    return g.unbroadcast(g.matmul(g.transpose(a!), ct), b!.shape);
  },

  // The three are the derivatives of one trilinear form ⟨z, conv(x, w)⟩, so each is the others' transpose.
  Conv: (g, { inputs: [x, w], attrs }, i, ct) =>
    i === 0
      ? g.op("ConvInputGrad", [ct, w!], { ...attrs, spatial: x!.shape.slice(2) })
      : g.op("ConvWeightGrad", [x!, ct], { ...attrs, kernel: w!.shape.slice(2) }),
  ConvInputGrad: (g, { inputs: [z, w], attrs: { spatial: _, ...attrs } }, i, ct) =>
    i === 0 ? g.conv(ct, w!, attrs) : g.op("ConvWeightGrad", [ct, z!], { ...attrs, kernel: w!.shape.slice(2) }),
  ConvWeightGrad: (g, { inputs: [x, z], attrs: { kernel: _, ...attrs } }, i, ct) =>
    i === 0 ? g.op("ConvInputGrad", [z!, ct], { ...attrs, spatial: x!.shape.slice(2) }) : g.conv(x!, ct, attrs),

  ReduceSum: (g, { inputs: [x], attrs }, _, ct) => {
    const kept = x!.shape.map((d, axis) => (attrs.axes.includes(axis) ? 1 : d));
    return g.expand(g.reshape(ct, kept), x!.shape);
  },
  CumSum: (g, { attrs }, _, ct) => g.op("CumSum", [ct], { ...attrs, reverse: !attrs.reverse }),

  Reshape: (g, { inputs: [x] }, _, ct) => g.reshape(ct, x!.shape),
  Expand: (g, { inputs: [x] }, _, ct) => g.unbroadcast(ct, x!.shape),
  Transpose: (g, { attrs }, _, ct) => g.transpose(ct, inverse(attrs.perm)),
  Concat: (g, { inputs, attrs }, i, ct) => {
    const start = inputs.slice(0, i).reduce((sum, x) => sum + x.shape[attrs.axis]!, 0);
    return g.narrow(ct, attrs.axis, start, inputs[i]!.shape[attrs.axis]!);
  },
  Pad: (g, { inputs: [x], attrs }, _, ct) => g.slice(ct, attrs.before, x!.shape),
  Slice: (g, { inputs: [x], attrs }, _, ct) => unslice(g, ct, attrs, x!.shape),

  Gather: (g, { inputs: [x, index], attrs: { axis } }, _, ct) => {
    // The indices as one axis: ct [pre, n, post], added into zeros [pre, V, post].
    const n = sizeOf(index!.shape);
    const flat = g.reshape(ct, [...x!.shape.slice(0, axis), n, ...x!.shape.slice(axis + 1)]);
    const column = g.reshape(
      index!,
      x!.shape.map((_, i) => (i === axis ? n : 1)),
    );
    return scatterAdd(g, x!, g.expand(column, flat.shape), flat, axis);
  },
  GatherElements: (g, { inputs: [x, index], attrs: { axis } }, _, ct) => scatterAdd(g, x!, index!, ct, axis),
  ScatterElements: (g, { inputs: [, index, updates], attrs }, i, ct) => {
    if (i === 2) return g.op("GatherElements", [ct, index!], { axis: attrs.axis });
    if (attrs.reduction === "add") return ct;
    return g.op("ScatterElements", [ct, index!, g.fill(0, ct.dtype, updates!.shape)], attrs);
  },
};

/** All but the last axis as one. */
function rows(g: GraphBuilder, x: Value): Value {
  return g.reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);
}

function scatterAdd(g: GraphBuilder, like: Value, index: Value, updates: Value, axis: number): Value {
  return g.op("ScatterElements", [g.fill(0, like.dtype, like.shape), index, updates], { axis, reduction: "add" });
}

/** Where element `i` of a permuted list came from. */
function inverse(perm: readonly number[]): number[] {
  const result = new Array<number>(perm.length);
  perm.forEach((from, to) => {
    result[from] = to;
  });
  return result;
}

/**
 * Puts a slice back into zeros of `shape`: steps are undone axis by axis by spreading the elements with zeros between
 * them ([n] → [n, 1] → [n, step] → [n·step]), negative ones by reversing first; then padding.
 */
function unslice(
  g: GraphBuilder,
  ct: Value,
  {
    starts,
    steps,
    sizes,
  }: { readonly starts: readonly number[]; readonly steps: readonly number[]; readonly sizes: readonly number[] },
  shape: readonly number[],
): Value {
  const zeros = shape.map(() => 0);
  const flipped = steps.some((s) => s < 0)
    ? g.slice(
        ct,
        sizes.map((n, i) => (steps[i]! < 0 ? n - 1 : 0)),
        sizes,
        steps.map((s) => (s < 0 ? -1 : 1)),
      )
    : ct;
  const spread = sizes.reduce((x, _, axis) => spreadAxis(g, x, axis, Math.abs(steps[axis]!)), flipped);
  const first = starts.map((start, i) => (steps[i]! < 0 ? start + (sizes[i]! - 1) * steps[i]! : start));
  const fitting = spread.shape.map((n, i) => Math.min(n, shape[i]! - first[i]!));
  const cut = g.slice(spread, zeros, fitting);
  return g.pad(
    cut,
    first,
    shape.map((d, i) => d - first[i]! - fitting[i]!),
  );
}

function spreadAxis(g: GraphBuilder, x: Value, axis: number, step: number): Value {
  if (step === 1) return x;
  const split = g.unsqueeze(x, axis + 1);
  const none = split.shape.map(() => 0);
  const padded = g.pad(
    split,
    none,
    none.map((_, i) => (i === axis + 1 ? step - 1 : 0)),
  );
  return g.reshape(
    padded,
    x.shape.map((d, i) => (i === axis ? d * step : d)),
  );
}
