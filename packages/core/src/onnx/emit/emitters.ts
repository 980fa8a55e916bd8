/** The ONNX form of every core operator, as a table. One node each, but for what ONNX spells with inputs or two outputs. */

import { isFloat } from "../../ir/dtype.ts";
import type { Value } from "../../ir/graph.ts";
import {
  type AttrsOf,
  type BinaryOp,
  binaryOps,
  type OpType,
  type PoolAttrs,
  type PredicateOp,
  predicateOps,
  type UnaryOp,
  unaryOps,
} from "../../ir/ops.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { Emission, OnnxAttrs } from "./emission.ts";

/** A node to be emitted: its attributes, its operands as values and as names. */
export interface Emitted<Op extends OpType> {
  readonly attrs: AttrsOf<Op>;
  readonly inputs: readonly Value[];
  readonly names: readonly string[];
  readonly output: Value;
}

/** Emits the node and returns the name of its output. */
export type Emitter<Op extends OpType> = (e: Emission, node: Emitted<Op>) => string;

/** The ONNX operator of the same name, with these attributes. */
const same =
  <Op extends OpType>(op: Op, attrs: (attrs: AttrsOf<Op>) => OnnxAttrs = () => ({})): Emitter<Op> =>
  (e, node) =>
    e.node(op, node.names, attrs(node.attrs));

function rows<Op extends OpType>(names: readonly Op[]): { readonly [P in Op]: Emitter<P> } {
  return Object.fromEntries(names.map((name) => [name, same(name)])) as unknown as { [P in Op]: Emitter<P> };
}

const axisOnly = ({ axis }: { readonly axis: number }): OnnxAttrs => ({ axis });

const reduce =
  (op: "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceSum"): Emitter<typeof op> =>
  (e, { attrs, names }) =>
    e.node(op, [names[0]!, e.ints(attrs.axes)], { keepdims: Number(attrs.keepdims) });

const arg =
  (op: "ArgMax" | "ArgMin"): Emitter<typeof op> =>
  (e, { attrs, names }) =>
    e.node(op, names, {
      axis: attrs.axis,
      keepdims: Number(attrs.keepdims),
      select_last_index: Number(attrs.selectLast),
    });

const conv = ({ strides, pads, dilations, group }: AttrsOf<"Conv">): OnnxAttrs => ({ strides, pads, dilations, group });

export const emitters: { readonly [Op in OpType]: Emitter<Op> } = {
  ...rows<UnaryOp>(unaryOps),
  ...rows<BinaryOp>(binaryOps),
  ...rows<PredicateOp>(predicateOps),

  Mod: (e, { names, output }) => e.node("Mod", names, { fmod: Number(isFloat(output.dtype)) }),
  ArgMax: arg("ArgMax"),
  ArgMin: arg("ArgMin"),
  Cast: (e, { attrs, names }) => e.cast(names[0]!, attrs.to),
  Concat: same("Concat", axisOnly),
  Constant: (e, { attrs }) => e.tensor(attrs.value),
  Conv: same("Conv", conv),
  ConvInputGrad: (e, { attrs, inputs, names }) => {
    // The last output positions may be beyond what the stride reaches: output_padding makes up for them.
    const rank = attrs.spatial.length;
    const reached = attrs.spatial.map((_, i) => {
      const kernel = attrs.dilations[i]! * (inputs[1]!.shape[i + 2]! - 1) + 1;
      return attrs.strides[i]! * (inputs[0]!.shape[i + 2]! - 1) + kernel - attrs.pads[i]! - attrs.pads[i + rank]!;
    });
    return e.node("ConvTranspose", names, {
      ...conv(attrs),
      output_padding: attrs.spatial.map((length, i) => length - reached[i]!),
    });
  },
  ConvWeightGrad: () => {
    throw new Error("internal: ConvWeightGrad is to be expanded before a graph is emitted");
  },
  CumSum: (e, { attrs, names }) =>
    e.node("CumSum", [names[0]!, e.ints([attrs.axis], [])], {
      exclusive: Number(attrs.exclusive),
      reverse: Number(attrs.reverse),
    }),
  Expand: (e, { attrs, names, inputs, output }) => {
    const [x] = inputs;
    if (x!.op === "Constant" && x!.shape.length === 0) return e.filled(x!.attrs.value.data[0]!, output);
    return e.node("Expand", [names[0]!, e.ints(attrs.shape)]);
  },
  Gather: same("Gather", axisOnly),
  GatherElements: same("GatherElements", axisOnly),
  LogSoftmax: same("LogSoftmax", axisOnly),
  MatMul: same("MatMul"),
  MaxPool: (e, node) => maxPool(e, node)[0],
  MaxPoolIndex: (e, node) => {
    // ONNX counts over the whole tensor, batch and channels included; ours counts within a plane.
    const [n, c, ...spatial] = node.inputs[0]!.shape as [number, number, ...number[]];
    const plane = sizeOf(spatial);
    const bases = Array.from({ length: n * c }, (_, i) => i * plane);
    return e.node("Sub", [maxPool(e, node)[1], e.ints(bases, [n, c, ...spatial.map(() => 1)])]);
  },
  Pad: (e, { attrs, names, output }) =>
    e.node("Pad", [names[0]!, e.ints([...attrs.before, ...attrs.after]), e.scalar(attrs.value, output.dtype)], {
      mode: "constant",
    }),
  ReduceMax: reduce("ReduceMax"),
  ReduceMin: reduce("ReduceMin"),
  ReduceProd: reduce("ReduceProd"),
  ReduceSum: reduce("ReduceSum"),
  Reshape: (e, { attrs, names }) => e.node("Reshape", [names[0]!, e.ints(attrs.shape)], { allowzero: 1 }),
  ScatterElements: same("ScatterElements", ({ axis, reduction }) => ({ axis, reduction })),
  Slice: (e, { attrs, inputs, names }) => {
    const axes = attrs.sizes.flatMap((size, i) =>
      attrs.starts[i] === 0 && attrs.steps[i] === 1 && size === inputs[0]!.shape[i] ? [] : [i],
    );
    const of = (list: readonly number[]): string => e.ints(axes.map((axis) => list[axis]!));
    const ends = attrs.starts.map((start, i) => sliceEnd(start, attrs.steps[i]!, attrs.sizes[i]!));
    return e.node("Slice", [names[0]!, of(attrs.starts), of(ends), e.ints(axes), of(attrs.steps)]);
  },
  Softmax: same("Softmax", axisOnly),
  TopKIndex: (e, { attrs, names }) =>
    e.nodes("TopK", [names[0]!, e.ints([attrs.k])], 2, {
      axis: attrs.axis,
      largest: Number(attrs.largest),
      sorted: 1,
    })[1]!,
  Transpose: same("Transpose", ({ perm }) => ({ perm })),
  Where: same("Where"),
};

/** ONNX's exclusive end; one that runs backwards past the first element is spelled as "far below". */
function sliceEnd(start: number, step: number, size: number): number {
  const end = start + size * step;
  return end < 0 ? -(2 ** 31) : end;
}

/** Both outputs of one MaxPool node, emitted once for the value and the index. */
function maxPool(e: Emission, { attrs, inputs, names }: Emitted<"MaxPool" | "MaxPoolIndex">): [string, string] {
  const key = `MaxPool ${names[0]} ${JSON.stringify(attrs)}`;
  return e.once(key, () => {
    const [y, index] = e.nodes("MaxPool", names, 2, poolAttrs(attrs, inputs[0]!.shape.slice(2)));
    return [y!, index!];
  });
}

/** With `ceil_mode` the runtime may count one window more than the pads allow; the end pads say the count instead. */
function poolAttrs({ kernel, strides, pads, dilations, spatial }: PoolAttrs, lengths: readonly number[]): OnnxAttrs {
  const rank = kernel.length;
  const ends = spatial.map((count, i) => {
    const covered = (count - 1) * strides[i]! + dilations[i]! * (kernel[i]! - 1) + 1;
    return Math.max(pads[i + rank]!, covered - lengths[i]! - pads[i]!);
  });
  return { kernel_shape: kernel, strides, dilations, pads: [...pads.slice(0, rank), ...ends] };
}
