/** Operators that move, repeat or join elements. */
import type { OpType } from "../../ir/ops.ts";
import { fromStart, mostAxes, onLastAxis, type Result, type Tf, type TfKernels, type TfTensor } from "./kernel.ts";

type LayoutOp = Extract<
  OpType,
  "Concat" | "Expand" | "Pad" | "Reshape" | "Slice" | "Transpose" | "Gather" | "GatherElements" | "ScatterElements"
>;

export const layoutKernels: TfKernels<LayoutOp> = {
  Concat: (tf, inputs, { axis }) => tf.concat([...inputs], axis),
  Expand: (tf, [x], { shape }) => tf.broadcastTo(x!, [...shape] as [number]),
  Pad(tf, [x], { before, after, value }) {
    if (before.every((n) => n === 0) && after.every((n) => n === 0)) return tf.clone(x!);
    if (x!.rank > mostAxes && tf.getBackend() !== "cpu") throw new Error(`no padding of ${x!.rank} axes`);
    return tf.pad(
      x!,
      before.map((n, i): [number, number] => [n, after[i]!]),
      value,
    );
  },
  Reshape: (tf, [x], { shape }) => tf.reshape(x!, [...shape] as [number]),
  Slice(tf, [x], { starts, steps, sizes }) {
    const whole = x!.shape.map((length, axis) => (steps[axis] === 1 ? sizes[axis]! : length));
    const first = starts.map((start, axis) => (steps[axis] === 1 ? start : 0));
    return steps.reduce<TfTensor>(
      (y, step, axis) => {
        if (step === 1) return y;
        const places = Int32Array.from({ length: sizes[axis]! }, (_, i) => starts[axis]! + i * step);
        return tf.gather(y, tf.tensor1d(places, "int32"), axis);
      },
      tf.slice(x!, first, whole),
    );
  },
  Transpose: (tf, [x], { perm }) => tf.transpose(x!, [...perm]),
  Gather: (tf, [data, indices], { axis }) => tf.gather(data!, fromStart(tf, indices!, data!.shape[axis]!), axis),
  GatherElements(tf, [data, indices], { axis }) {
    const places = flatPlaces(tf, data!, indices!, axis);
    return tf.reshape(tf.gather(tf.reshape(data!, [-1]), places), indices!.shape);
  },
  ScatterElements(tf, [data, indices, updates], { axis, reduction }) {
    if (reduction !== "none" && reduction !== "add") throw new Error(`no scatter with reduction "${reduction}"`);
    const places = tf.expandDims(flatPlaces(tf, data!, indices!, axis), 1);
    const flat = tf.reshape(updates!, [-1]);
    const added = tf.reshape(tf.scatterND(places, flat, [data!.size]), data!.shape);
    if (reduction === "add") return tf.add(data!, added);
    const hit = tf.reshape(tf.scatterND(places, tf.onesLike(flat), [data!.size]), data!.shape);
    return tf.where(tf.notEqual(hit, tf.zerosLike(hit)), added, data!);
  },
};

/** Where the elements that `indices` name lie in the flattened data. */
function flatPlaces(tf: Tf, data: TfTensor, indices: TfTensor, axis: number): TfTensor {
  const strides = data.shape.map((_, i) => data.shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const others = indices.shape.map((length, i) => {
    const places = Int32Array.from({ length }, (_, at) => (i === axis ? 0 : at * strides[i]!));
    return tf.reshape(
      tf.tensor1d(places, "int32"),
      indices.shape.map((_, j) => (j === i ? length : 1)),
    );
  });
  const along = tf.mul(fromStart(tf, indices, data.shape[axis]!), tf.scalar(strides[axis]!, "int32"));
  return tf.reshape(
    others.reduce<TfTensor>((sum, part) => tf.add(sum, part), along),
    [-1],
  );
}

type AlongAxisOp = Extract<
  OpType,
  | "ArgMax"
  | "ArgMin"
  | "CumSum"
  | "LogSoftmax"
  | "ReduceMax"
  | "ReduceMin"
  | "ReduceProd"
  | "ReduceSum"
  | "Softmax"
  | "TopKIndex"
>;

/** What a reduction of nothing gives. */
const neutral = { max: Number.NEGATIVE_INFINITY, min: Number.POSITIVE_INFINITY, prod: 1, sum: 0 };

const reduce =
  (name: keyof typeof neutral) =>
  (
    tf: Tf,
    [x]: readonly TfTensor[],
    { axes, keepdims }: { axes: readonly number[]; keepdims: boolean },
    { dtype, shape }: Result,
  ): TfTensor => {
    if (axes.length === 0) return tf.clone(x!);
    if (x!.size > 0) return tf[name](x!, [...axes], keepdims);
    return tf.fill([...shape], dtype === "bool" ? Number(neutral[name] > 0) : neutral[name]);
  };

const select =
  (name: "argMax" | "argMin") =>
  (
    tf: Tf,
    [x]: readonly TfTensor[],
    { axis, keepdims, selectLast }: { axis: number; keepdims: boolean; selectLast: boolean },
  ): TfTensor => {
    const last = tf.scalar(x!.shape[axis]! - 1, "int32");
    const index = selectLast ? tf.sub(last, tf[name](tf.reverse(x!, axis), axis)) : tf[name](x!, axis);
    return keepdims ? tf.expandDims(index, axis) : index;
  };

export const alongAxisKernels: TfKernels<AlongAxisOp> = {
  ArgMax: select("argMax"),
  ArgMin: select("argMin"),
  CumSum: (tf, [x], { axis, exclusive, reverse }) => tf.cumsum(x!, axis, exclusive, reverse),
  LogSoftmax(tf, [x], { axis }) {
    const centred = tf.sub(x!, tf.max(x!, axis, true));
    return tf.sub(centred, tf.log(tf.sum(tf.exp(centred), axis, true)));
  },
  ReduceMax: reduce("max"),
  ReduceMin: reduce("min"),
  ReduceProd: reduce("prod"),
  ReduceSum: reduce("sum"),
  Softmax(tf, [x], { axis }) {
    const e = tf.exp(tf.sub(x!, tf.max(x!, axis, true)));
    return tf.div(e, tf.sum(e, axis, true));
  },
  TopKIndex: (tf, [x], { axis, k, largest }) =>
    onLastAxis(tf, x!, axis, (y) => tf.topk(largest ? y : tf.neg(y), k).indices),
};
