/** Gathers and scatters: reads and writes at indices that are data. Indices count from the end where negative. */
import { MismatchError } from "../../errors.ts";
import type { OpAttrs } from "../../ir/ops.ts";
import { type Shape, sizeOf, stridesOf } from "../../ir/shape.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { Kernels } from "./kernel.ts";
import { allocate, settle } from "./storage.ts";
import { offsetsOf } from "./strided.ts";

export const indexingKernels: Kernels<"Gather" | "GatherElements" | "ScatterElements"> = {
  // y[o, i, n] = x[o, index[i], n], where o runs over the axes before `axis` and n over those after
  Gather: ([x, index], { axis }, out) => {
    const length = x!.shape[axis]!;
    const inner = sizeOf(x!.shape.slice(axis + 1));
    const outer = sizeOf(x!.shape.slice(0, axis));
    const y = allocate(out.dtype, sizeOf(out.shape));
    const positions = Array.from(index!.data, (i) => position(i, length, "gather"));
    for (let o = 0, at = 0; o < outer; o++) {
      for (const i of positions) {
        const from = (o * length + i) * inner;
        y.set(x!.data.subarray(from, from + inner), at);
        at += inner;
      }
    }
    return y;
  },
  // y[…, i, …] = x[…, index[…, i, …], …]
  GatherElements: ([x, index], { axis }, out) => {
    const y = allocate(out.dtype, sizeOf(out.shape));
    const offsets = elementOffsets(x!.shape, index!, axis, "gather");
    for (let i = 0; i < y.length; i++) y[i] = x!.data[offsets[i]!]!;
    return y;
  },
  // y = x, then y[…, index[…, i, …], …] = updates[…, i, …], joined to what is there by the reduction
  ScatterElements: ([x, index, updates], { axis, reduction }, out) => {
    const y = allocate(out.dtype, x!.data.length);
    y.set(x!.data);
    const offsets = elementOffsets(x!.shape, index!, axis, "scatter");
    const join = joins[reduction];
    for (let i = 0; i < offsets.length; i++) {
      const at = offsets[i]!;
      y[at] = join(y[at]!, updates!.data[i]!);
    }
    return settle(out.dtype, y);
  },
};

const joins: Readonly<Record<OpAttrs["ScatterElements"]["reduction"], (there: number, update: number) => number>> = {
  none: (_, update) => update,
  add: (there, update) => there + update,
  mul: (there, update) => there * update,
  max: Math.max,
  min: Math.min,
};

/** Offset in a tensor of `shape` of the element that each index names: its own place, but along `axis` where it says. */
function elementOffsets(shape: Shape, index: Tensor, axis: number, action: string): Int32Array {
  const strides = stridesOf(shape);
  const step = strides[axis]!;
  const base = offsetsOf(
    index.shape,
    strides.map((stride, i) => (i === axis ? 0 : stride)),
  );
  return base.map((offset, i) => offset + position(index.data[i]!, shape[axis]!, action) * step);
}

/** An index in [0, length). */
function position(index: number, length: number, action: string): number {
  if (!Number.isInteger(index) || index < -length || index >= length) {
    throw new MismatchError(`Cannot ${action} as an index lies outside the axis`, {
      expected: `${-length} to ${length - 1}`,
      found: index,
    });
  }
  return index < 0 ? index + length : index;
}
