/**
 * Max pooling, by the position of each window's maximum.
 *
 * Padding counts as −∞ and is never selected. Of equal elements the first in row-major order of the window is taken;
 * NaN counts as larger than all numbers. A window of nothing but padding has the maximum −∞ and, as no position is
 * right, position 0.
 */
import type { PoolAttrs } from "../../ir/ops.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { Kernels } from "./kernel.ts";
import { allocate, lowest } from "./storage.ts";
import { type Tap, tapsOf } from "./window.ts";

export const poolingKernels: Kernels<"MaxPool" | "MaxPoolIndex"> = {
  MaxPool: ([x], attrs, out) => {
    const [inSize, outSize] = [sizeOf(x!.shape.slice(2)), sizeOf(attrs.spatial)];
    const y = allocate(out.dtype, sizeOf(out.shape));
    for (const [i, at] of maximumPositions(x!, attrs).entries()) {
      y[i] = at < 0 ? lowest(out.dtype) : x!.data[Math.floor(i / outSize) * inSize + at]!;
    }
    return y;
  },
  MaxPoolIndex: ([x], attrs) => Float64Array.from(maximumPositions(x!, attrs), (at) => Math.max(at, 0)),
};

/** Position of each window's maximum within its plane, −1 for a window without elements. */
function maximumPositions({ shape, data }: Tensor, attrs: PoolAttrs): Int32Array {
  const window = { ...attrs, input: shape.slice(2), output: attrs.spatial };
  const taps = tapsOf(window);
  const [inSize, outSize] = [sizeOf(window.input), sizeOf(window.output)];
  const best = new Int32Array(shape[0]! * shape[1]! * outSize).fill(-1);
  for (let plane = 0; plane < shape[0]! * shape[1]!; plane++) {
    const x = data.subarray(plane * inSize, (plane + 1) * inSize);
    for (const tap of taps) improve(best.subarray(plane * outSize, (plane + 1) * outSize), x, tap);
  }
  return best;
}

/** Moves each window's best position to this tap's where that is larger. */
function improve(best: Int32Array, x: Tensor["data"], { inputs, outputs, length, step }: Tap): void {
  for (let row = 0; row < inputs.length; row++) {
    for (let j = 0; j < length; j++) {
      const [at, out] = [inputs[row]! + j * step, outputs[row]! + j];
      const leader = best[out]!;
      if (leader < 0 || larger(x[at]!, x[leader]!)) best[out] = at;
    }
  }
}

function larger(x: number, best: number): boolean {
  return x > best || (Number.isNaN(x) && !Number.isNaN(best));
}
