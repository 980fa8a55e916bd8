/** Operators that move, repeat or retype elements without computing. */
import { sizeOf, stridesOf } from "../../ir/shape.ts";
import type { NumericArray, Tensor } from "../../ir/tensor.ts";
import { cast } from "./elementwise.ts";
import type { Kernels, Out } from "./kernel.ts";
import { allocate, held } from "./storage.ts";
import { broadcastTo, offsetsOf, take } from "./strided.ts";

export const layoutKernels: Kernels<
  "Cast" | "Concat" | "Constant" | "Expand" | "Pad" | "Reshape" | "Slice" | "Transpose" | "Where"
> = {
  Cast: ([x], { to }) => cast(x!, to),
  Concat: (inputs, { axis }, out) => {
    const y = allocate(out.dtype, sizeOf(out.shape));
    let start = 0;
    for (const x of inputs) {
      place(y, out, x, start);
      start += x.shape[axis]! * stridesOf(out.shape)[axis]!;
    }
    return y;
  },
  Constant: (_, { value }) => held(value).data,
  Expand: ([x], { shape }) => broadcastTo(x!, shape),
  Pad: ([x], { before, value }, out) => {
    const y = allocate(out.dtype, sizeOf(out.shape)).fill(value);
    return place(y, out, x!, dot(before, stridesOf(out.shape)));
  },
  Reshape: ([x]) => x!.data,
  // y[i] = x[starts + i·steps]
  Slice: ([x], { starts, steps }, out) => {
    const strides = stridesOf(x!.shape);
    return take(
      x!,
      offsetsOf(
        out.shape,
        strides.map((s, axis) => s * steps[axis]!),
        dot(starts, strides),
      ),
    );
  },
  Transpose: ([x], { perm }, out) => {
    const strides = stridesOf(x!.shape);
    return take(
      x!,
      offsetsOf(
        out.shape,
        perm.map((axis) => strides[axis]!),
      ),
    );
  },
  Where: ([condition, a, b], _, out) => {
    const [chosen, yes, no] = [condition!, a!, b!].map((x) => broadcastTo(x, out.shape));
    const y = allocate(out.dtype, sizeOf(out.shape));
    for (let i = 0; i < y.length; i++) y[i] = chosen![i] !== 0 ? yes![i]! : no![i]!;
    return y;
  },
};

/** Writes `x` as a block of the larger `y`, its first element at offset `start`. */
function place(y: NumericArray, { shape }: Out, x: Tensor, start: number): NumericArray {
  const offsets = offsetsOf(x.shape, stridesOf(shape), start);
  for (let i = 0; i < offsets.length; i++) y[offsets[i]!] = x.data[i]!;
  return y;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * b[i]!, 0);
}
