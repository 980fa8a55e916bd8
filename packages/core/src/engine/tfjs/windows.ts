/**
 * Products, convolutions and pooling.
 *
 * TensorFlow.js's own convolutions know neither groups nor strides together with dilations, nor three spatial axes on every
 * backend. All are made here of what each backend has: windows as strided slices, and matrix products.
 */
import type { ConvAttrs, OpType, PoolAttrs } from "../../ir/ops.ts";
import type { Tf, TfKernels, TfTensor } from "./kernel.ts";

type WindowOp = Extract<OpType, "Conv" | "ConvInputGrad" | "ConvWeightGrad" | "MatMul" | "MaxPool" | "MaxPoolIndex">;

const product = (list: readonly number[]): number => list.reduce((a, b) => a * b, 1);

export const windowKernels: TfKernels<WindowOp> = {
  MatMul(tf, inputs, _, { shape }) {
    const batch = shape.slice(0, -2);
    const [a, b] = inputs.map((x) => {
      const floats = tf.cast(x, "float32");
      const matrix = x.shape.slice(-2);
      const whole = tf.broadcastTo(floats, [...batch, ...matrix] as [number]); // its own broadcast of both sides is wrong
      return tf.reshape(whole, [product(batch), ...matrix] as [number, number, number]);
    }) as [TfTensor, TfTensor];
    return tf.reshape(tf.matMul(a, b), [...shape]);
  },
  // y[n, o, p] = Σ_{c, k} w[o, c, k] x[n, c, window k at p]
  Conv(tf, [x, w], attrs, { shape }) {
    const [n, o, ...space] = shape as [number, number, ...number[]];
    const kernel = w!.shape.slice(2);
    const columns = columnsOf(tf, x!, { ...attrs, kernel, spatial: space }, attrs.group); // [n, g, c/g·K, P]
    const rows = tf.reshape(w!, [1, attrs.group, o / attrs.group, -1]);
    return tf.reshape(tf.matMul(rows, columns), [n, o, ...space]);
  },
  // w̄[o, c, k] = Σ_{n, p} z[n, o, p] x[n, c, window k at p]
  ConvWeightGrad(tf, [x, z], { kernel, ...attrs }, { shape }) {
    const [n, o, ...space] = z!.shape as [number, number, ...number[]];
    const columns = columnsOf(tf, x!, { ...attrs, kernel, spatial: space }, attrs.group);
    const outer = tf.matMul(tf.reshape(z!, [n, attrs.group, o / attrs.group, product(space)]), columns, false, true);
    return tf.reshape(tf.sum(outer, 0), [...shape]);
  },
  // x̄[n, c, window k at p] += Σ_o w[o, c, k] z[n, o, p]
  ConvInputGrad(tf, [z, w], { spatial, ...attrs }) {
    const { group } = attrs;
    const [n, o, ...space] = z!.shape as [number, number, ...number[]];
    const kernel = w!.shape.slice(2);
    const rows = tf.reshape(w!, [1, group, o / group, -1]);
    const columns = tf.matMul(rows, tf.reshape(z!, [n, group, o / group, product(space)]), true, false);
    const parts = tf.reshape(columns, [n, group * w!.shape[1]!, product(kernel), product(space)]);
    return spread(tf, parts, { ...attrs, kernel, spatial: space }, spatial);
  },
  MaxPool(tf, [x], attrs) {
    return tf.max(pooled(tf, x!, attrs), 2);
  },
  MaxPoolIndex(tf, [x], attrs, { shape }) {
    const plane = x!.shape.slice(2);
    const first = tf.argMax(tf.reshape(pooled(tf, x!, attrs), [shape[0]!, shape[1]!, product(attrs.kernel), -1]), 2);
    const [offsets, origins] = planeIndices(attrs, plane);
    const within = tf.gather(tf.tensor1d(offsets, "int32"), first);
    return tf.reshape(tf.add(within, tf.tensor1d(origins, "int32")), [...shape]);
  },
};

interface Windows extends ConvAttrs {
  readonly kernel: readonly number[];
  /** Positions along each axis. */
  readonly spatial: readonly number[];
}

/** Offsets within the window, each an entry an axis, the last axis fastest. */
function offsetsOf(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (list, length) => list.flatMap((head) => Array.from({ length }, (_, i) => [...head, i])),
    [[]],
  );
}

/** `[N, C, K, …positions]`: what each offset of the window sees. Outside the tensor it is `value`. */
function windowsOf(tf: Tf, x: TfTensor, windows: Omit<Windows, "group">, value: number): TfTensor {
  const { kernel, strides, dilations, pads, spatial } = windows;
  const axes = spatial.length;
  const needed = spatial.map((positions, i) => (positions - 1) * strides[i]! + (kernel[i]! - 1) * dilations[i]! + 1);
  const after = needed.map((length, i) => Math.max(0, length - x.shape[i + 2]! - pads[i]!));
  const paddings = [[0, 0], [0, 0], ...after.map((n, i) => [pads[i]!, n])] as [number, number][];
  const padded = paddings.flat().some((n) => n > 0) ? tf.pad(x, paddings, value) : x;
  const seen = offsetsOf(kernel).map((offset) => {
    const begin = [0, 0, ...offset.map((k, i) => k * dilations[i]!)];
    const end = [x.shape[0]!, x.shape[1]!, ...spatial.map((n, i) => begin[i + 2]! + (n - 1) * strides[i]! + 1)];
    return tf.stridedSlice(padded, begin, end, [1, 1, ...strides.slice(0, axes)]);
  });
  return tf.stack(seen, 2);
}

/** `[N, group, C/group · K, positions]`. */
function columnsOf(tf: Tf, x: TfTensor, windows: Windows, group: number): TfTensor {
  const [n, c] = x.shape as [number, number];
  const seen = windowsOf(tf, x, windows, 0);
  return tf.reshape(seen, [n, group, (c / group) * product(windows.kernel), product(windows.spatial)]);
}

/** The transpose of taking windows: parts `[N, C, K, positions]` are added up where they were seen, `[N, C, …spatial]`. */
function spread(
  tf: Tf,
  parts: TfTensor,
  { kernel, strides, dilations, pads, spatial: positions }: Windows,
  spatial: readonly number[],
): TfTensor {
  const [n, c] = parts.shape as [number, number];
  const padded = spatial.map((length, i) =>
    Math.max(length + pads[i]!, (positions[i]! - 1) * strides[i]! + (kernel[i]! - 1) * dilations[i]! + 1),
  );
  const sum = offsetsOf(kernel)
    .map((offset, k) => {
      const part = tf.reshape(tf.slice(parts, [0, 0, k, 0], [n, c, 1, product(positions)]), [n, c, ...positions]);
      const apart = strides.reduce((y, stride, i) => spaced(tf, y, i + 2, stride), part);
      const before = offset.map((at, i) => at * dilations[i]!);
      const paddings = before.map((at, i): [number, number] => [at, padded[i]! - at - apart.shape[i + 2]!]);
      return tf.pad(apart, [[0, 0], [0, 0], ...paddings] as [number, number][]);
    })
    .reduce((a, b) => tf.add(a, b));
  return tf.slice(sum, [0, 0, ...pads.slice(0, spatial.length)], [n, c, ...spatial]);
}

/** Zeros between the elements along an axis, `stride` − 1 each. */
function spaced(tf: Tf, x: TfTensor, axis: number, stride: number): TfTensor {
  if (stride === 1) return x;
  const length = x.shape[axis]!;
  const [before, after] = [product(x.shape.slice(0, axis)), product(x.shape.slice(axis + 1))];
  const wide = tf.pad(tf.reshape(x, [before, length, 1, after]), [
    [0, 0],
    [0, 0],
    [0, stride - 1],
    [0, 0],
  ]);
  const kept = (length - 1) * stride + 1;
  const cut = tf.slice(tf.reshape(wide, [before, length * stride, after]), [0, 0, 0], [before, kept, after]);
  return tf.reshape(cut, [...x.shape.slice(0, axis), kept, ...x.shape.slice(axis + 1)]);
}

function pooled(tf: Tf, x: TfTensor, attrs: PoolAttrs): TfTensor {
  return windowsOf(tf, x, attrs, Number.NEGATIVE_INFINITY);
}

/** Index in its plane of each offset of the window, and of each position's origin (the padding counts as before 0). */
function planeIndices({ kernel, strides, dilations, pads, spatial }: PoolAttrs, plane: readonly number[]) {
  const pitch = plane.map((_, i) => product(plane.slice(i + 1)));
  const along = (list: number[][], at: (n: number, i: number) => number): Int32Array =>
    Int32Array.from(list, (entry) => entry.reduce((sum, n, i) => sum + at(n, i) * pitch[i]!, 0));
  return [
    along(offsetsOf(kernel), (k, i) => k * dilations[i]!),
    along(offsetsOf(spatial), (p, i) => p * strides[i]! - pads[i]!),
  ] as const;
}
