/**
 * Softmax and its logarithm along one axis.
 *
 *     m = max x,   s = Σ exp(x − m),   Softmax = exp(x − m) / s,   LogSoftmax = x − m − log s
 *
 * Entries of −∞ are masked: their Softmax is 0. A lane of nothing else is NaN, as everywhere.
 */
import type { NumericArray, Tensor } from "../../ir/tensor.ts";
import type { Kernels } from "./kernel.ts";
import { lanesOf } from "./strided.ts";

type Finish = (shifted: number, sum: number) => number;

/** Each element from x − m and s of its lane. */
function normalize({ shape, data }: Tensor, axis: number, finish: Finish): NumericArray {
  const { starts, step, length } = lanesOf(shape, axis);
  const y = new Float64Array(data.length);
  for (let lane = 0; lane < starts.length; lane++) {
    const start = starts[lane]!;
    const end = start + length * step;
    let max = Number.NEGATIVE_INFINITY;
    for (let at = start; at < end; at += step) max = Math.max(max, data[at]!);
    let sum = 0;
    for (let at = start; at < end; at += step) sum += Math.exp(data[at]! - max);
    for (let at = start; at < end; at += step) y[at] = finish(data[at]! - max, sum);
  }
  return y;
}

export const softmaxKernels: Kernels<"LogSoftmax" | "Softmax"> = {
  LogSoftmax: ([x], { axis }) => normalize(x!, axis, (shifted, sum) => shifted - Math.log(sum)),
  Softmax: ([x], { axis }) => normalize(x!, axis, (shifted, sum) => Math.exp(shifted) / sum),
};
