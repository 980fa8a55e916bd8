/** Small models for tests, as the records that a file would be read into. */
import { sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Dimension, OnnxAttr, OnnxModel, OnnxNode } from "../onnx/model.ts";
import { randomStream } from "../random/random.ts";

/** A node with one output, which it is named by. */
export function node(
  opType: string,
  inputs: readonly string[],
  output: string,
  attrs: Readonly<Record<string, OnnxAttr>> = {},
): OnnxNode {
  return { name: output, opType, domain: "", inputs, outputs: [output], attrs };
}

export const intAttr = (value: number): OnnxAttr => ({ kind: "int", value });
export const intsAttr = (...value: number[]): OnnxAttr => ({ kind: "ints", value });

/** float32 in the graph, kept in float64 for the engine that computes so. */
export function floats(shape: readonly number[], values: ArrayLike<number>): Tensor {
  return { dtype: "float32", shape, data: Float64Array.from(values) };
}

export function ints(shape: readonly number[], values: ArrayLike<number>): Tensor {
  return { dtype: "int64", shape, data: Float64Array.from(values) };
}

/** Independent normals. */
export function normalFloats(shape: readonly number[], seed: number, name: string): Tensor {
  const random = randomStream(seed, name);
  return floats(
    shape,
    Array.from({ length: sizeOf(shape) }, () => random.normal()),
  );
}

/** A model whose prediction is the last node's output. */
export function smallModel(
  inputs: Readonly<Record<string, readonly Dimension[]>>,
  values: Readonly<Record<string, Tensor>>,
  nodes: readonly OnnxNode[],
): OnnxModel {
  const output = nodes[nodes.length - 1]?.outputs[0] ?? "";
  return {
    source: "small model",
    irVersion: 8,
    opsets: new Map([["", 17]]),
    producer: "",
    inputs: Object.entries(inputs).map(([name, shape]) => ({ name, dtype: "float32", shape })),
    outputs: [{ name: output, dtype: "float32", shape: null }],
    initializers: new Map(
      Object.entries(values).map(([name, value]) => [
        name,
        { name, dtype: value.dtype, shape: value.shape, read: () => value },
      ]),
    ),
    nodes,
  };
}

const gemm = (input: string, layer: string, output: string): OnnxNode =>
  node("Gemm", [input, `${layer}.weight`, `${layer}.bias`], output, { transB: intAttr(1) });

/** f(x) = W x, W `[outputs, inputs]`: gradients and curvature in closed form. */
export function linearModel(weight: Tensor): OnnxModel {
  return smallModel({ x: ["batch", weight.shape[1] ?? 0] }, { weight }, [
    node("Gemm", ["x", "weight"], "f", { transB: intAttr(1) }),
  ]);
}

/** Linear layers fc0, fc1, … of these widths, with tanh between them. */
export function tanhNetwork(widths: readonly number[], seed = 1): OnnxModel {
  const layers = widths.slice(1).map((to, i) => ({ name: `fc${i}`, from: widths[i] ?? 0, to }));
  const values = layers.flatMap(({ name, from, to }) => [
    [`${name}.weight`, normalFloats([to, from], seed, `${name} weight`)] as const,
    [`${name}.bias`, normalFloats([to], seed, `${name} bias`)] as const,
  ]);
  const nodes = layers.flatMap(({ name }, i) => [
    gemm(i === 0 ? "x" : `tanh${i - 1}`, name, name),
    ...(i < layers.length - 1 ? [node("Tanh", [name], `tanh${i}`)] : []),
  ]);
  return smallModel({ x: ["batch", widths[0] ?? 0] }, Object.fromEntries(values), nodes);
}
