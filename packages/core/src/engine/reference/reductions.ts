/** Reductions along axes, and the running sum. Over no elements a reduction is its neutral element. */
import type { Dtype } from "../../ir/dtype.ts";
import type { ReduceAttrs } from "../../ir/ops.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { NumericArray, Tensor } from "../../ir/tensor.ts";
import type { Kernels, Out } from "./kernel.ts";
import { allocate, highest, lowest, settle } from "./storage.ts";
import { lanesOf, offsetsAlong, otherAxes } from "./strided.ts";

type Reduce = (inputs: readonly Tensor[], attrs: ReduceAttrs, out: Out) => NumericArray;

/** y[k] = fold over r of x[k, r], where r runs over `axes` and k over the others. */
function reduce(neutral: (dtype: Dtype) => number, fold: (sum: number, x: number) => number): Reduce {
  return ([x], { axes }, out) => {
    const kept = offsetsAlong(x!.shape, otherAxes(x!.shape, axes));
    const folded = offsetsAlong(x!.shape, axes);
    const y = allocate(out.dtype, sizeOf(out.shape));
    for (let k = 0; k < y.length; k++) {
      let sum = neutral(out.dtype);
      for (let r = 0; r < folded.length; r++) sum = fold(sum, x!.data[kept[k]! + folded[r]!]!);
      y[k] = sum;
    }
    return settle(out.dtype, y);
  };
}

export const reductionKernels: Kernels<"CumSum" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceSum"> = {
  // y[i] = Σ x[j] over j ≤ i, or j < i if exclusive; from the other end if reverse
  CumSum: ([x], { axis, exclusive, reverse }, out) => {
    const { starts, step, length } = lanesOf(x!.shape, axis);
    const y = allocate(out.dtype, x!.data.length);
    for (const start of starts) {
      let sum = 0;
      for (let i = 0; i < length; i++) {
        const at = start + (reverse ? length - 1 - i : i) * step;
        const next = sum + x!.data[at]!;
        y[at] = exclusive ? sum : next;
        sum = next;
      }
    }
    return settle(out.dtype, y);
  },
  ReduceMax: reduce(lowest, Math.max), // NaN if any is, as numpy
  ReduceMin: reduce(highest, Math.min),
  ReduceProd: reduce(
    () => 1,
    (product, x) => product * x,
  ),
  ReduceSum: reduce(
    () => 0,
    (sum, x) => sum + x,
  ),
};
