/** Matrix products and convolutions. */
import type { Value } from "../../ir/graph.ts";
import { windowCount } from "../../ir/infer.ts";
import type { Lowering, LoweringContext } from "./context.ts";

/** α A' B' + β C */
const gemm: Lowering = (c) => {
  const { g } = c;
  const a = c.int("transA", 0) ? g.transpose(c.need(0)) : c.need(0);
  const b = c.int("transB", 0) ? g.transpose(c.need(1)) : c.need(1);
  const product = g.mul(g.matmul(a, b), c.float("alpha", 1));
  const bias = c.input(2);
  return bias ? g.add(product, g.mul(bias, c.float("beta", 1))) : product;
};

/** numpy.matmul: vectors get an axis of length 1, which leaves again. */
const matmul: Lowering = (c) => {
  const { g } = c;
  const [a, b] = [c.need(0), c.need(1)];
  const left = a.shape.length === 1 ? g.unsqueeze(a, 0) : a;
  const right = b.shape.length === 1 ? g.unsqueeze(b, 1) : b;
  const y = g.matmul(left, right);
  const rank = y.shape.length;
  const dropped = [...(a.shape.length === 1 ? [rank - 2] : []), ...(b.shape.length === 1 ? [rank - 1] : [])];
  return g.reshape(
    y,
    y.shape.filter((_, axis) => !dropped.includes(axis)),
  );
};

/** Begin and end pads that an `auto_pad` mode stands for. */
export function resolvePads(
  c: LoweringContext,
  lengths: readonly number[],
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
): number[] {
  const mode = c.string("auto_pad", "NOTSET");
  if (mode === "NOTSET") return [...(c.intList("pads") ?? new Array<number>(2 * lengths.length).fill(0))];
  if (mode === "VALID") return new Array<number>(2 * lengths.length).fill(0);
  const totals = lengths.map((length, i) => {
    const windows = Math.ceil(length / strides[i]!);
    return Math.max(0, (windows - 1) * strides[i]! + dilations[i]! * (kernel[i]! - 1) + 1 - length);
  });
  const [small, large] = [totals.map((t) => Math.floor(t / 2)), totals.map((t) => Math.ceil(t / 2))];
  return mode === "SAME_UPPER" ? [...small, ...large] : [...large, ...small];
}

/** `[1, O, 1, …]` so that a bias meets its channel. */
function withBias(c: LoweringContext, y: Value, bias: Value | undefined): Value {
  if (!bias) return y;
  return c.g.add(y, c.g.reshape(bias, [1, bias.shape[0]!, ...y.shape.slice(2).map(() => 1)]));
}

const conv: Lowering = (c) => {
  const [x, w] = [c.need(0), c.need(1)];
  const kernel = w.shape.slice(2);
  const ones = kernel.map(() => 1);
  const strides = c.intList("strides") ?? ones;
  const dilations = c.intList("dilations") ?? ones;
  const pads = resolvePads(c, x.shape.slice(2), kernel, strides, dilations);
  return withBias(c, c.g.conv(x, w, { strides, pads, dilations, group: c.int("group", 1) }), c.input(2));
};

/** ConvTranspose is Conv's input gradient at the length that its own attributes give. */
const convTranspose: Lowering = (c) => {
  const [x, w] = [c.need(0), c.need(1)];
  const kernel = w.shape.slice(2);
  const ones = kernel.map(() => 1);
  const strides = c.intList("strides") ?? ones;
  const dilations = c.intList("dilations") ?? ones;
  const extra = c.intList("output_padding") ?? kernel.map(() => 0);
  const full = kernel.map((k, i) => strides[i]! * (x.shape[i + 2]! - 1) + extra[i]! + dilations[i]! * (k - 1) + 1);
  const { spatial, pads } = transposedSize(c, full, x.shape.slice(2), strides);
  const consistent = spatial.every(
    (length, i) =>
      windowCount(length, kernel[i]!, strides[i]!, dilations[i]!, pads[i]! + pads[i + kernel.length]!) ===
      x.shape[i + 2],
  );
  if (!consistent) throw c.refuse("its output shape does not fit its input", { found: `[${spatial.join(", ")}]` });
  const attrs = { strides, pads, dilations, group: c.int("group", 1), spatial };
  return withBias(c, c.g.op("ConvInputGrad", [x, w], attrs), c.input(2));
};

function transposedSize(
  c: LoweringContext,
  full: readonly number[],
  lengths: readonly number[],
  strides: readonly number[],
): { readonly spatial: number[]; readonly pads: number[] } {
  const mode = c.string("auto_pad", "NOTSET");
  const wanted =
    c.intList("output_shape") ?? (mode.startsWith("SAME") ? lengths.map((n, i) => n * strides[i]!) : undefined);
  if (!wanted) {
    const pads = (mode === "NOTSET" && c.intList("pads")) || new Array<number>(2 * full.length).fill(0);
    return { spatial: full.map((n, i) => n - pads[i]! - pads[i + full.length]!), pads: [...pads] };
  }
  const spatial = wanted.slice(-full.length);
  const totals = full.map((n, i) => Math.max(0, n - spatial[i]!));
  const [small, large] = [totals.map((t) => Math.floor(t / 2)), totals.map((t) => Math.ceil(t / 2))];
  return { spatial: [...spatial], pads: mode === "SAME_UPPER" ? [...small, ...large] : [...large, ...small] };
}

export const products: Readonly<Record<string, Lowering>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  Gemm: gemm,
  MatMul: matmul,
};
