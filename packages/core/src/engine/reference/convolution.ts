/**
 * Convolution and its transposes, in any number of spatial dimensions.
 *
 * Conv is trilinear: it is known by the triples (x position, w position, y position) that it connects,
 *
 *     ⟨z, Conv(x, w)⟩ = Σ over triples  z[n, o, out] · x[n, c, in] · w[o, c, tap],
 *
 * and the three operators each solve this sum for one of its factors. So there is one walk over the triples, and a
 * loop for each factor.
 */
import type { ConvAttrs } from "../../ir/ops.ts";
import { type Shape, sizeOf } from "../../ir/shape.ts";
import type { NumericArray } from "../../ir/tensor.ts";
import type { Kernels } from "./kernel.ts";
import { allocate } from "./storage.ts";
import { type Tap, tapsOf } from "./window.ts";

export const convolutionKernels: Kernels<"Conv" | "ConvInputGrad" | "ConvWeightGrad"> = {
  Conv: ([x, w], attrs, out) => {
    const y = allocate(out.dtype, sizeOf(out.shape));
    walk(x!.shape, w!.shape, out.shape, attrs, (tap, inPlane, k, outPlane) => {
      accumulateOutput(tap, x!.data, inPlane, w!.data[k]!, y, outPlane);
    });
    return y;
  },
  ConvInputGrad: ([z, w], attrs, out) => {
    const x = allocate(out.dtype, sizeOf(out.shape));
    walk(out.shape, w!.shape, z!.shape, attrs, (tap, inPlane, k, outPlane) => {
      accumulateInput(tap, x, inPlane, w!.data[k]!, z!.data, outPlane);
    });
    return x;
  },
  ConvWeightGrad: ([x, z], attrs, out) => {
    const w = allocate(out.dtype, sizeOf(out.shape));
    walk(x!.shape, out.shape, z!.shape, attrs, (tap, inPlane, k, outPlane) => {
      w[k]! += correlate(tap, x!.data, inPlane, z!.data, outPlane);
    });
    return w;
  },
};

/** Called once for each weight and example, with where the weight's input plane, itself and its output plane lie. */
type Visit = (tap: Tap, inPlane: number, weight: number, outPlane: number) => void;

function walk(x: Shape, w: Shape, y: Shape, attrs: ConvAttrs, visit: Visit): void {
  const [batch, outputs, channels] = [x[0]!, w[0]!, w[1]!]; // channels: of one group
  const window = { ...attrs, input: x.slice(2), kernel: w.slice(2), output: y.slice(2) };
  const taps = tapsOf(window);
  const [inSize, outSize] = [sizeOf(window.input), sizeOf(window.output)];
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outputs; o++) {
      const group = Math.floor((o * attrs.group) / outputs);
      const outPlane = (n * outputs + o) * outSize;
      for (let c = 0; c < channels; c++) {
        const inPlane = ((n * attrs.group + group) * channels + c) * inSize;
        const weight = (o * channels + c) * taps.length;
        for (let k = 0; k < taps.length; k++) visit(taps[k]!, inPlane, weight + k, outPlane);
      }
    }
  }
}

/** y += w x */
function accumulateOutput(
  tap: Tap,
  x: NumericArray,
  inPlane: number,
  w: number,
  y: NumericArray,
  outPlane: number,
): void {
  const { inputs, outputs, length, step } = tap;
  for (let row = 0; row < inputs.length; row++) {
    const to = outPlane + outputs[row]!;
    for (let j = 0, from = inPlane + inputs[row]!; j < length; j++, from += step) y[to + j]! += w * x[from]!;
  }
}

/** x += w z */
function accumulateInput(
  tap: Tap,
  x: NumericArray,
  inPlane: number,
  w: number,
  z: NumericArray,
  outPlane: number,
): void {
  const { inputs, outputs, length, step } = tap;
  for (let row = 0; row < inputs.length; row++) {
    const from = outPlane + outputs[row]!;
    for (let j = 0, to = inPlane + inputs[row]!; j < length; j++, to += step) x[to]! += w * z[from + j]!;
  }
}

/** Σ x z */
function correlate(tap: Tap, x: NumericArray, inPlane: number, z: NumericArray, outPlane: number): number {
  const { inputs, outputs, length, step } = tap;
  let sum = 0;
  for (let row = 0; row < inputs.length; row++) {
    const out = outPlane + outputs[row]!;
    for (let j = 0, at = inPlane + inputs[row]!; j < length; j++, at += step) sum += x[at]! * z[out + j]!;
  }
  return sum;
}
