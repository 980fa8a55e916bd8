/** Models for the benchmarks, with random weights: written as ONNX files are, so that the whole path is measured. */
import type { onnx } from "onnx-proto";
import { messages } from "../src/onnx/proto.ts";
import { randomStream } from "../src/random/random.ts";

interface Layer {
  readonly nodes: onnx.INodeProto[];
  readonly initializers: onnx.ITensorProto[];
  readonly output: string;
}

const stream = randomStream(1, "benchmark weights");

function weight(name: string, dims: readonly number[], scale: number): onnx.ITensorProto {
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => scale * stream.normal());
  return { name, dims: [...dims], dataType: messages.TensorProto.DataType.FLOAT, rawData: new Uint8Array(data.buffer) };
}

const int = (name: string, i: number): onnx.IAttributeProto => ({
  name,
  i,
  type: messages.AttributeProto.AttributeType.INT,
});
const ints = (name: string, list: readonly number[]): onnx.IAttributeProto => ({
  name,
  ints: [...list],
  type: messages.AttributeProto.AttributeType.INTS,
});

function linear(name: string, input: string, from: number, to: number): Layer {
  return {
    nodes: [
      {
        opType: "Gemm",
        name,
        input: [input, `${name}.weight`, `${name}.bias`],
        output: [name],
        attribute: [int("transB", 1)],
      },
    ],
    initializers: [weight(`${name}.weight`, [to, from], Math.sqrt(2 / from)), weight(`${name}.bias`, [to], 0.1)],
    output: name,
  };
}

function conv(name: string, input: string, from: number, to: number): Layer {
  const attribute = [ints("kernel_shape", [3, 3]), ints("pads", [1, 1, 1, 1])];
  return {
    nodes: [{ opType: "Conv", name, input: [input, `${name}.weight`, `${name}.bias`], output: [name], attribute }],
    initializers: [
      weight(`${name}.weight`, [to, from, 3, 3], Math.sqrt(2 / (9 * from))),
      weight(`${name}.bias`, [to], 0.1),
    ],
    output: name,
  };
}

function plain(opType: string, name: string, input: string, attribute: onnx.IAttributeProto[] = []): Layer {
  return { nodes: [{ opType, name, input: [input], output: [name], attribute }], initializers: [], output: name };
}

function model(layers: readonly Layer[], input: readonly number[]): Uint8Array {
  const dim = [{ dimParam: "batch" }, ...input.map((dimValue) => ({ dimValue }))];
  const type = { tensorType: { elemType: messages.TensorProto.DataType.FLOAT, shape: { dim } } };
  const output = layers.at(-1)!.output;
  return messages.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: "", version: 17 }],
    graph: {
      name: "benchmark",
      node: layers.flatMap((layer) => layer.nodes),
      initializer: layers.flatMap((layer) => layer.initializers),
      input: [{ name: "x", type }],
      output: [{ name: output, type: { tensorType: { elemType: messages.TensorProto.DataType.FLOAT } } }],
    },
  }).finish();
}

/** A multilayer perceptron with ReLU between its layers. */
export function mlp(widths: readonly number[]): Uint8Array {
  const layers: Layer[] = [];
  let at = "x";
  widths.slice(1).forEach((to, i) => {
    const layer = linear(`fc${i}`, at, widths[i]!, to);
    layers.push(layer);
    at = layer.output;
    if (i === widths.length - 2) return;
    layers.push(plain("Relu", `relu${i}`, at));
    at = `relu${i}`;
  });
  return model(layers, [widths[0]!]);
}

/** conv 3→16, conv 16→32 (3×3, ReLU, 2×2 max pooling each), linear; on 32×32 images. */
export function cnn(): Uint8Array {
  const pool = (name: string, input: string): Layer =>
    plain("MaxPool", name, input, [ints("kernel_shape", [2, 2]), ints("strides", [2, 2])]);
  return model(
    [
      conv("conv0", "x", 3, 16),
      plain("Relu", "relu0", "conv0"),
      pool("pool0", "relu0"),
      conv("conv1", "pool0", 16, 32),
      plain("Relu", "relu1", "conv1"),
      pool("pool1", "relu1"),
      plain("Flatten", "flat", "pool1", [int("axis", 1)]),
      linear("fc", "flat", 32 * 8 * 8, 10),
    ],
    [3, 32, 32],
  );
}
