/** Writes a network down as an ONNX file, node after node, with random weights. */
import { sizeOf } from "../src/ir/shape.ts";
import { type Tensor, tensor } from "../src/ir/tensor.ts";
import { type AttrSpec, encodeSpec, type NodeSpec, type PortSpec } from "../src/onnx/nodeModel.ts";
import { randomStream } from "../src/random/random.ts";

export interface Net {
  /** Adds a node and names its output after it. */
  add(op: string, name: string, inputs: readonly string[], attrs?: Readonly<Record<string, AttrSpec>>): string;
  /** A normal weight of this standard deviation around `mean`. */
  weight(name: string, shape: readonly number[], deviation: number, mean?: number): string;
  constant(name: string, value: Tensor): string;
  /** The file's bytes. */
  encode(input: PortSpec, output: string): Uint8Array;
}

export function net(): Net {
  const stream = randomStream(1, "benchmark weights");
  const nodes: NodeSpec[] = [];
  const initializers: Record<string, Tensor> = {};
  const keep = (name: string, value: Tensor): string => {
    initializers[name] = value;
    return name;
  };
  return {
    add(op, name, inputs, attrs = {}) {
      nodes.push({ op, name, inputs, outputs: [name], attrs });
      return name;
    },
    weight(name, shape, deviation, mean = 0) {
      const data = Float32Array.from({ length: sizeOf(shape) }, () => mean + deviation * stream.normal());
      return keep(name, tensor("float32", shape, data));
    },
    constant: keep,
    encode: (input, output) =>
      encodeSpec({ opset: 17, inputs: [input], outputs: [{ name: output, dtype: "float32" }], nodes, initializers }),
  };
}

/** One-dimensional integers, as shapes and axes are given. */
export function integers(...list: readonly number[]): Tensor {
  return tensor("int64", [list.length], Float64Array.from(list));
}

export function scalar(x: number): Tensor {
  return tensor("float32", [], Float32Array.of(x));
}
