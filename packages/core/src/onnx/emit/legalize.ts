/**
 * Expresses the core operators that ONNX lacks, or that ONNX Runtime is slow at, by those it is fast at.
 *
 * Measured on [16,64,56,56] × [64,64,3,3], float32, CPU: the input gradient as Conv with the flipped kernel 115 GFLOP/s,
 * as ConvTranspose 52; the weight gradient as strided slices, one concatenation and one MatMul 111 to 120, as a Conv
 * with batch and channels swapped 21.
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Graph, NodeValue, Value } from "../../ir/graph.ts";
import { tapSlices } from "../../ir/patches.ts";
import { type Expansion, rewrite } from "../../ir/rewrite.ts";
import { sizeOf } from "../../ir/shape.ts";

/** `graph` in operators that have an ONNX form. */
export function legalize(g: GraphBuilder, graph: Graph): Graph {
  return rewrite(g, graph, { expand: expansions });
}

const expansions: Expansion = {
  ConvInputGrad: (g, node, [z, w]) => flippedConv(g, node, z!, w!),
  ConvWeightGrad: (g, node, [x, z]) => patchProduct(g, node, x!, z!),
};

/**
 * x̄ = conv(z, flip(wᵀ)) with pads d(k−1) − p, for stride 1.
 * Undefined (the node stays, to become ConvTranspose) for other strides and for pads wider than the kernel.
 */
function flippedConv(g: GraphBuilder, { attrs }: NodeValue<"ConvInputGrad">, z: Value, w: Value): Value | undefined {
  const { strides, pads, dilations, group } = attrs;
  const [out, c, ...kernel] = w.shape as [number, number, ...number[]];
  const rank = kernel.length;
  const full = pads.map((p, i) => dilations[i % rank]! * (kernel[i % rank]! - 1) - p);
  if (strides.some((s) => s !== 1) || full.some((p) => p < 0)) return undefined;
  const spatialAxes = kernel.map((_, i) => i + 3);
  const grouped = g.transpose(g.reshape(w, [group, out / group, c, ...kernel]), [0, 2, 1, ...spatialAxes]);
  const swapped = g.reshape(grouped, [group * c, out / group, ...kernel]);
  const flipped = g.slice(swapped, [0, 0, ...kernel.map((k) => k - 1)], swapped.shape, [
    1,
    1,
    ...kernel.map((k) => (k === 1 ? 1 : -1)),
  ]);
  return g.conv(z, flipped, { strides, pads: full, dilations, group });
}

/**
 * w̄[o, c, κ] = Σ_{n,p} z[n, o, p] · x[n, c, p·stride + κ·dilation − pad], as one matrix product over (n, p).
 * With groups the product has the group as its batch axis.
 */
function patchProduct(g: GraphBuilder, { attrs }: NodeValue<"ConvWeightGrad">, x: Value, z: Value): Value {
  const { group, kernel } = attrs;
  const [n, out, ...positions] = z.shape as [number, number, ...number[]];
  const channels = x.shape[1]! / group;
  const patches = channelsFirstPatches(g, x, attrs, positions); // [κ·C, n·p]
  const count = sizeOf(kernel);
  const p = n * sizeOf(positions);
  const z2 = g.reshape(swapFirstTwo(g, z), [out, p]);
  const product = group === 1 ? g.matmul(z2, g.transpose(patches)) : groupProduct(g, z2, patches, count, group);
  const split = g.transpose(g.reshape(product, [out, count, channels]), [0, 2, 1]);
  return g.reshape(split, [out, channels, ...kernel]);
}

/** [O, p] · [κ·C, p]ᵀ within each group: [G, o, κ·c]. */
function groupProduct(g: GraphBuilder, z: Value, patches: Value, count: number, group: number): Value {
  const [out, p] = z.shape as [number, number];
  const channels = patches.shape[0]! / count / group;
  const byGroup = g.transpose(g.reshape(patches, [count, group, channels, p]), [1, 0, 2, 3]);
  const columns = g.transpose(g.reshape(byGroup, [group, count * channels, p]));
  return g.matmul(g.reshape(z, [group, out / group, p]), columns);
}

function swapFirstTwo(g: GraphBuilder, x: Value): Value {
  return g.transpose(x, [1, 0, ...x.shape.slice(2).map((_, i) => i + 2)]);
}

/** What each kernel tap sees, `[κ·C, N·P]`, channels first. */
function channelsFirstPatches(
  g: GraphBuilder,
  x: Value,
  attrs: NodeValue<"ConvWeightGrad">["attrs"],
  positions: readonly number[],
): Value {
  const taps = tapSlices(g, swapFirstTwo(g, x), attrs, attrs.kernel, positions);
  return g.reshape(g.concat(taps, 0), [taps.length * x.shape[1]!, x.shape[0]! * sizeOf(positions)]);
}
