/** What a kernel of the TensorFlow.js engine is, and how types go over. */
import type * as Tfjs from "@tensorflow/tfjs-core";
import { type Dtype, isFloat } from "../../ir/dtype.ts";
import type { AttrsOf, OpType } from "../../ir/ops.ts";
import type { Shape } from "../../ir/shape.ts";

export type Tf = typeof Tfjs;
export type TfTensor = Tfjs.Tensor;
export type TfDtype = "float32" | "int32" | "bool";

/** What a kernel has to make. */
export interface Result {
  readonly dtype: Dtype;
  readonly shape: Shape;
}

/** One operator by TensorFlow.js's own. What it makes on the way is released for it. */
export type TfKernel<Op extends OpType> = (
  tf: Tf,
  inputs: readonly TfTensor[],
  attrs: AttrsOf<Op>,
  result: Result,
) => TfTensor;

export type TfKernels<Ops extends OpType> = { readonly [Op in Ops]: TfKernel<Op> };

/** TensorFlow.js has one float type, one integer type, and bool. */
export function tfDtype(dtype: Dtype): TfDtype {
  if (isFloat(dtype)) return "float32";
  return dtype === "bool" ? "bool" : "int32";
}

/** Backends compute something else, silently, where tensors with more axes are padded or broadcast. */
export const mostAxes = 6;

/** Indices from the end become indices from the start. */
export function fromStart(tf: Tf, indices: TfTensor, length: number): TfTensor {
  return tf.where(tf.less(indices, tf.scalar(0, "int32")), tf.add(indices, tf.scalar(length, "int32")), indices);
}

/** Runs `f` with `axis` moved to the end, and moves the result's last axis back. */
export function onLastAxis(tf: Tf, x: TfTensor, axis: number, f: (x: TfTensor) => TfTensor): TfTensor {
  const last = x.rank - 1;
  if (axis === last) return f(x);
  const others = Array.from({ length: x.rank }, (_, i) => i).filter((i) => i !== axis);
  const back = Array.from({ length: x.rank }, (_, i) => (i === axis ? last : others.indexOf(i)));
  return tf.transpose(f(tf.transpose(x, [...others, axis])), back);
}
