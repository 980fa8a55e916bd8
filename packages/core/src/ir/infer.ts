/**
 * Shape and dtype of every operator's output, from its operands and attributes.
 *
 * A row also checks what the operator demands of its operands, so that a graph that was built is well-typed.
 */
import { MismatchError } from "../errors.ts";
import type { Dtype } from "./dtype.ts";
import {
  type AttrsOf,
  type BinaryOp,
  binaryOps,
  type ConvAttrs,
  type OpType,
  type PoolAttrs,
  type PredicateOp,
  predicateOps,
  type ReduceAttrs,
  type UnaryOp,
  unaryOps,
} from "./ops.ts";
import { broadcastShapes, type Shape, sameShape, showShape, sizeOf } from "./shape.ts";

/** What inference needs to know of an operand. */
export interface Typed {
  readonly dtype: Dtype;
  readonly shape: Shape;
}

export type InferRule<Op extends OpType> = (inputs: readonly Typed[], attrs: AttrsOf<Op>) => Typed;

/** One row for each name of a list. */
function rows<Op extends string, R>(names: readonly Op[], row: R): Record<Op, R> {
  return Object.fromEntries(names.map((name) => [name, row])) as Record<Op, R>;
}

const like = ([x]: readonly Typed[]): Typed => ({ dtype: x!.dtype, shape: x!.shape });

const broadcast = (inputs: readonly Typed[]): Typed => ({
  dtype: sameDtype(inputs),
  shape: broadcastShapes(...inputs.map((i) => i.shape)),
});

const predicate = (inputs: readonly Typed[]): Typed => ({ dtype: "bool", shape: broadcast(inputs).shape });

const reduce = ([x]: readonly Typed[], { axes, keepdims }: ReduceAttrs): Typed => ({
  dtype: x!.dtype,
  shape: x!.shape.flatMap((d, axis) => (axes.includes(axis) ? (keepdims ? [1] : []) : [d])),
});

const arg = ([x]: readonly Typed[], { axis, keepdims }: { axis: number; keepdims: boolean }): Typed => ({
  dtype: "int64",
  shape: x!.shape.flatMap((d, i) => (i === axis ? (keepdims ? [1] : []) : [d])),
});

const pool =
  (dtype?: Dtype) =>
  ([x]: readonly Typed[], { spatial }: PoolAttrs): Typed => ({
    dtype: dtype ?? x!.dtype,
    shape: [...x!.shape.slice(0, 2), ...spatial],
  });

export const infer: { readonly [Op in OpType]: InferRule<Op> } = {
  ...rows<UnaryOp, (i: readonly Typed[]) => Typed>(unaryOps, like),
  ...rows<BinaryOp, (i: readonly Typed[]) => Typed>(binaryOps, broadcast),
  ...rows<PredicateOp, (i: readonly Typed[]) => Typed>(predicateOps, predicate),

  ArgMax: arg,
  ArgMin: arg,
  Cast: ([x], { to }) => ({ dtype: to, shape: x!.shape }),
  Concat: (inputs, { axis }) => concat(inputs, axis),
  Constant: (_, { value }) => ({ dtype: value.dtype, shape: value.shape }),
  Conv: ([x, w], attrs) => conv(x!, w!, attrs),
  ConvInputGrad([z, w], { spatial, ...attrs }) {
    const x = { dtype: sameDtype([z!, w!]), shape: [z!.shape[0]!, w!.shape[1]! * attrs.group, ...spatial] };
    convolves(x, w!, z!, attrs);
    return x;
  },
  ConvWeightGrad([x, z], { kernel, ...attrs }) {
    const w = { dtype: sameDtype([x!, z!]), shape: [z!.shape[1]!, x!.shape[1]! / attrs.group, ...kernel] };
    convolves(x!, w, z!, attrs);
    return w;
  },
  CumSum: like,
  Expand: ([x], { shape }) => {
    demand(
      sameShape(broadcastShapes(x!.shape, shape), shape),
      "Cannot expand as the shapes do not broadcast",
      shape,
      x!.shape,
    );
    return { dtype: x!.dtype, shape };
  },
  Gather: ([x, index], { axis }) => ({
    dtype: x!.dtype,
    shape: [...x!.shape.slice(0, axis), ...index!.shape, ...x!.shape.slice(axis + 1)],
  }),
  GatherElements: ([x, index], { axis }) => ({ dtype: x!.dtype, shape: elementwiseIndex(x!, index!, axis).shape }),
  LogSoftmax: like,
  MatMul: ([a, b]) => matmul(a!, b!),
  MaxPool: pool(),
  MaxPoolIndex: pool("int64"),
  Pad: ([x], { before, after }) => ({ dtype: x!.dtype, shape: x!.shape.map((d, i) => d + before[i]! + after[i]!) }),
  ReduceMax: reduce,
  ReduceMin: reduce,
  ReduceProd: reduce,
  ReduceSum: reduce,
  Reshape: ([x], { shape }) => {
    demand(sizeOf(shape) === sizeOf(x!.shape), "Cannot reshape as the numbers of elements differ", shape, x!.shape);
    return { dtype: x!.dtype, shape };
  },
  ScatterElements([x, index, updates], { axis }) {
    const { shape } = elementwiseIndex(x!, index!, axis);
    demand(
      sameShape(shape, updates!.shape),
      "Cannot scatter as there is not one update an index",
      shape,
      updates!.shape,
    );
    return { dtype: sameDtype([x!, updates!]), shape: x!.shape };
  },
  Slice: ([x], { sizes, starts, steps }) => {
    const inside = x!.shape.every((d, i) => {
      const last = starts[i]! + (sizes[i]! - 1) * steps[i]!;
      return sizes[i] === 0 || (starts[i]! >= 0 && starts[i]! < d && last >= 0 && last < d);
    });
    demand(inside && sizes.length === x!.shape.length, "Cannot slice as the slice leaves the tensor", sizes, x!.shape);
    return { dtype: x!.dtype, shape: sizes };
  },
  Softmax: like,
  TopKIndex([x], { axis, k }) {
    demand(k <= x!.shape[axis]!, "Cannot select as the axis has fewer elements", [k], [x!.shape[axis]!]);
    return { dtype: "int64", shape: x!.shape.map((d, i) => (i === axis ? k : d)) };
  },
  Transpose([x], { perm }) {
    const axes = [...x!.shape.keys()];
    demand(
      sameShape(
        [...perm].sort((a, b) => a - b),
        axes,
      ),
      "Cannot transpose as some axis is not named once",
      axes,
      perm,
    );
    return { dtype: x!.dtype, shape: perm.map((axis) => x!.shape[axis]!) };
  },
  Where: ([condition, a, b]) => ({
    dtype: sameDtype([a!, b!]),
    shape: broadcastShapes(condition!.shape, a!.shape, b!.shape),
  }),
};

/** Output length of a window operator along one axis. */
export function windowCount(length: number, kernel: number, stride: number, dilation: number, pads: number): number {
  return Math.floor((length + pads - dilation * (kernel - 1) - 1) / stride) + 1;
}

function conv(x: Typed, w: Typed, { strides, pads, dilations, group }: ConvAttrs): Typed {
  const spatial = x.shape.length - 2;
  demand(x.shape[1] === w.shape[1]! * group, "Cannot convolve as the channels do not match", w.shape, x.shape);
  demand(
    w.shape[0]! % group === 0,
    "Cannot convolve as the groups do not divide the output channels",
    [group],
    w.shape,
  );
  const lengths = Array.from({ length: spatial }, (_, i) =>
    windowCount(x.shape[i + 2]!, w.shape[i + 2]!, strides[i]!, dilations[i]!, pads[i]! + pads[i + spatial]!),
  );
  return { dtype: sameDtype([x, w]), shape: [x.shape[0]!, w.shape[0]!, ...lengths] };
}

/** The cotangent z must have the shape that x and w convolve to. */
function convolves(x: Typed, w: Typed, z: Typed, attrs: ConvAttrs): void {
  const { shape } = conv(x, w, attrs);
  demand(
    sameShape(shape, z.shape),
    "Cannot transpose a convolution as the shape is not that of its output",
    shape,
    z.shape,
  );
}

function matmul(a: Typed, b: Typed): Typed {
  const ok = a.shape.length >= 2 && b.shape.length >= 2 && a.shape.at(-1) === b.shape.at(-2);
  demand(ok, "Cannot multiply matrices as the inner lengths differ", a.shape, b.shape);
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return { dtype: sameDtype([a, b]), shape: [...batch, a.shape.at(-2)!, b.shape.at(-1)!] };
}

/** The index of an operator that takes or puts one element an index: of the tensor's rank, no longer but along the axis. */
function elementwiseIndex(x: Typed, index: Typed, axis: number): Typed {
  const fits = index.shape.length === x.shape.length && index.shape.every((d, i) => i === axis || d <= x.shape[i]!);
  demand(fits, "Cannot index as the indices lie outside the tensor", x.shape, index.shape);
  return index;
}

function concat(inputs: readonly Typed[], axis: number): Typed {
  const [first] = inputs;
  const agree = inputs.every(
    (i) => i.shape.length === first!.shape.length && i.shape.every((d, k) => k === axis || d === first!.shape[k]),
  );
  demand(
    agree,
    "Cannot concatenate as lengths off the axis differ",
    first!.shape,
    inputs.find((i) => i !== first)?.shape ?? [],
  );
  const length = inputs.reduce((sum, i) => sum + i.shape[axis]!, 0);
  return { dtype: sameDtype(inputs), shape: first!.shape.map((d, k) => (k === axis ? length : d)) };
}

function sameDtype(inputs: readonly Typed[]): Dtype {
  const [first] = inputs;
  const other = inputs.find((i) => i.dtype !== first!.dtype);
  if (other) {
    throw new MismatchError("Cannot combine values as their dtypes differ", {
      expected: first!.dtype,
      found: other.dtype,
    });
  }
  return first!.dtype;
}

function demand(condition: boolean, problem: string, expected: Shape, found: Shape): void {
  if (!condition) throw new MismatchError(problem, { expected: showShape(expected), found: showShape(found) });
}
