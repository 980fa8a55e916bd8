/** What operators demand of their operands. What they infer is compared with every kernel's result in its own tests. */
import { describe, expect, it } from "vitest";
import { MismatchError } from "../errors.ts";
import { GraphBuilder } from "./builder.ts";
import type { Value } from "./graph.ts";

type Emit = (g: GraphBuilder, v: Record<"x" | "w" | "image" | "kernel" | "n", Value>) => Value;

const geometry = { strides: [1], pads: [0, 0], dilations: [1], group: 1 };

const refused: readonly (readonly [message: RegExp, emit: Emit])[] = [
  [/Cannot broadcast shapes/, (g, { x, w }) => g.add(x, w)],
  [/Cannot broadcast shapes/, (g, { x, w }) => g.greater(x, w)],
  [/Cannot combine values as their dtypes differ/, (g, { x, n }) => g.add(x, n)],
  [/Cannot combine values as their dtypes differ/, (g, { x, n }) => g.greater(x, n)],
  [/Cannot combine values as their dtypes differ/, (g, { x, n }) => g.concat([x, n], 0)],
  [/Cannot combine values as their dtypes differ/, (g, { x, n }) => g.where(g.greater(x, 0), x, n)],
  [/Cannot concatenate as lengths off the axis differ/, (g, { x, w }) => g.concat([x, w], 1)],
  [/Cannot multiply matrices as the inner lengths differ/, (g, { x }) => g.matmul(x, x)],
  [/Cannot reshape as the numbers of elements differ/, (g, { x }) => g.reshape(x, [5])],
  [/Cannot expand as the shapes do not broadcast/, (g, { x }) => g.expand(x, [3])],
  [/Cannot slice as the slice leaves the tensor/, (g, { x }) => g.slice(x, [0, 1], [2, 3])],
  [/Cannot slice as the slice leaves the tensor/, (g, { x }) => g.slice(x, [0, 1], [2, 3], [1, -1])],
  [/Cannot transpose as some axis is not named once/, (g, { x }) => g.transpose(x, [1, 1])],
  [/Cannot select as the axis has fewer/, (g, { x }) => g.op("TopKIndex", [x], { axis: 0, k: 3, largest: true })],
  [/Cannot index as the indices lie/, (g, { w, n }) => g.op("GatherElements", [w, n], { axis: 0 })],
  [/Cannot scatter as there is not one/, (g, { x, n }) => scatter(g, x, n, g.narrow(x, 0, 0, 1))],
  [
    /Cannot convolve as the channels do not match/,
    (g, { image, kernel }) => g.conv(image, g.concat([kernel, kernel], 1), geometry),
  ],
  [
    /Cannot convolve as the groups do not divide/,
    (g, { image, kernel }) => g.conv(g.concat([image, image], 1), kernel, { ...geometry, group: 2 }),
  ],
  [
    /Cannot transpose a convolution as the shape is not that of its output/,
    (g, { image, kernel }) => g.op("ConvInputGrad", [image, kernel], { ...geometry, spatial: [6] }),
  ],
  [
    /Cannot transpose a convolution as the shape is not that of its output/,
    (g, { image }) => g.op("ConvWeightGrad", [image, image], { ...geometry, kernel: [2] }),
  ],
];

function scatter(g: GraphBuilder, x: Value, index: Value, updates: Value): Value {
  return g.op("ScatterElements", [x, index, updates], { axis: 0, reduction: "add" });
}

describe("shape inference", () => {
  it.each(refused)("refuses: %s", (message, emit) => {
    const g = new GraphBuilder();
    const values = {
      x: g.input("x", "float32", [2, 3]),
      w: g.input("w", "float32", [3, 2]),
      image: g.input("image", "float32", [1, 1, 4]),
      kernel: g.input("kernel", "float32", [1, 1, 2]),
      n: g.input("n", "int64", [2, 3]),
    };
    expect(() => emit(g, values)).toThrow(message);
    expect(() => emit(g, values)).toThrow(MismatchError);
  });
});
