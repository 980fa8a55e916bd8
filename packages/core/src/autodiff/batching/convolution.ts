/**
 * Batching of the three convolutions.
 *
 * A copy's axis K joins whichever axis of the result it can be carried by without mixing: the batch N where only data
 * are batched, the channels of the operand that is batched, and the groups where both are. Letters: G groups,
 * O = G·o output and C = G·c input channels, … spatial.
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Value } from "../../ir/graph.ts";
import type { BatchingRule } from "./rule.ts";

/** `[K, N, …] → [K·N, …]` */
const mergeFront = (g: GraphBuilder, x: Value): Value => g.reshape(x, [x.shape[0]! * x.shape[1]!, ...x.shape.slice(2)]);

/** `x [K, A, G·b, …]` → `[A, G·K·b, …]`: K between the groups and their channels. */
function intoChannels(g: GraphBuilder, x: Value, group: number): Value {
  const [k, a, channels, ...rest] = x.shape as [number, number, number, ...number[]];
  const split = g.reshape(x, [k, a, group, channels / group, ...rest]);
  const moved = g.transpose(split, [1, 2, 0, 3, ...rest.map((_, i) => i + 4)]);
  return g.reshape(moved, [a, k * channels, ...rest]);
}

/** The inverse: `[A, G·K·b, …]` → `[K, A, G·b, …]`. */
function outOfChannels(g: GraphBuilder, x: Value, group: number, k: number): Value {
  const [a, channels, ...rest] = x.shape as [number, number, ...number[]];
  const split = g.reshape(x, [a, group, k, channels / (group * k), ...rest]);
  const moved = g.transpose(split, [2, 0, 1, 3, ...rest.map((_, i) => i + 4)]);
  return g.reshape(moved, [k, a, channels / k, ...rest]);
}

/** `x [K, G·a, …]` → `[G·K·a, …]`: the same for the first axis. */
function intoFirst(g: GraphBuilder, x: Value, group: number): Value {
  return g.reshape(intoChannels(g, g.unsqueeze(x, 1), group), [x.shape[0]! * x.shape[1]!, ...x.shape.slice(2)]);
}

function outOfFirst(g: GraphBuilder, x: Value, group: number, k: number): Value {
  const y = outOfChannels(g, g.unsqueeze(x, 0), group, k);
  return g.reshape(y, [k, x.shape[0]! / k, ...x.shape.slice(1)]);
}

/** x [N, C, …], w [O, c, …] → [N, O, …] */
const conv: BatchingRule<"Conv"> = (g, node, [x, w], k) => {
  const { attrs } = node;
  if (!w!.batched) return g.reshape(g.conv(mergeFront(g, x!.value), w!.value, attrs), [k, ...node.shape]);
  if (!x!.batched)
    return outOfChannels(g, g.conv(x!.value, intoFirst(g, w!.value, attrs.group), attrs), attrs.group, k);
  const y = g.conv(intoChannels(g, x!.value, 1), mergeFront(g, w!.value), { ...attrs, group: attrs.group * k });
  return outOfChannels(g, y, 1, k);
};

/** z [N, O, …], w [O, c, …] → [N, C, …] */
const inputGrad: BatchingRule<"ConvInputGrad"> = (g, node, [z, w], k) => {
  const { attrs } = node;
  const emit = (z: Value, w: Value, group: number): Value => g.op("ConvInputGrad", [z, w], { ...attrs, group });
  if (!w!.batched) return g.reshape(emit(mergeFront(g, z!.value), w!.value, attrs.group), [k, ...node.shape]);
  if (!z!.batched) {
    // Within a group the result's channels are the columns of w: K joins them.
    const columns = intoChannels(g, w!.value, 1);
    return outOfChannels(g, emit(z!.value, columns, attrs.group), attrs.group, k);
  }
  return outOfChannels(g, emit(intoChannels(g, z!.value, 1), mergeFront(g, w!.value), attrs.group * k), 1, k);
};

/** x [N, C, …], z [N, O, …] → [O, c, …] */
const weightGrad: BatchingRule<"ConvWeightGrad"> = (g, node, [x, z], k) => {
  const { attrs } = node;
  const emit = (x: Value, z: Value, group: number): Value => g.op("ConvWeightGrad", [x, z], { ...attrs, group });
  if (!x!.batched) {
    return outOfFirst(g, emit(x!.value, intoChannels(g, z!.value, attrs.group), attrs.group), attrs.group, k);
  }
  if (!z!.batched) {
    // Within a group the result's columns are the channels of x: K joins them.
    return outOfChannels(g, emit(intoChannels(g, x!.value, attrs.group), z!.value, attrs.group), 1, k);
  }
  const y = emit(intoChannels(g, x!.value, 1), intoChannels(g, z!.value, 1), attrs.group * k);
  return g.reshape(y, [k, ...node.shape]);
};

export const convolutionBatching: {
  readonly [Op in "Conv" | "ConvInputGrad" | "ConvWeightGrad"]: BatchingRule<Op>;
} = { Conv: conv, ConvInputGrad: inputGrad, ConvWeightGrad: weightGrad };
