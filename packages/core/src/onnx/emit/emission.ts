/** Collects the nodes and initializers of an ONNX graph while it is written. */
import type { onnx } from "onnx-proto";
import type { Dtype } from "../../ir/dtype.ts";
import type { Value } from "../../ir/graph.ts";
import type { Shape } from "../../ir/shape.ts";
import { scalar, type Tensor } from "../../ir/tensor.ts";
import { messages } from "../proto.ts";
import { dtypeCode, encodeTensor } from "../tensorProto.ts";

/** Attributes of an ONNX node: integers, lists of integers, strings. */
export type OnnxAttrs = Readonly<Record<string, number | string | readonly number[]>>;

export interface Emission {
  /** Emits a node with one output and returns its name. */
  node(op: string, inputs: readonly string[], attrs?: OnnxAttrs): string;
  nodes(op: string, inputs: readonly string[], outputs: number, attrs?: OnnxAttrs): readonly string[];
  cast(input: string, to: Dtype): string;
  /** An int64 initializer, one for each list of numbers. */
  ints(values: readonly number[], shape?: Shape): string;
  scalar(value: number, dtype: Dtype): string;
  tensor(value: Tensor): string;
  /** A tensor of one value throughout, of the type of `like`. */
  filled(value: number, like: Value): string;
  /** What `make` returned the first time for this key. */
  once<T>(key: string, make: () => T): T;
}

export interface EmittedGraph {
  readonly nodeProtos: readonly onnx.INodeProto[];
  readonly initializers: readonly onnx.ITensorProto[];
}

/** A new emission, and the lists that it fills. */
export function emission(): Emission & EmittedGraph {
  const nodes: onnx.INodeProto[] = [];
  const initializers: onnx.ITensorProto[] = [];
  const made = new Map<string, unknown>();
  let count = 0;

  const once = <T>(key: string, make: () => T): T => {
    if (!made.has(key)) made.set(key, make());
    return made.get(key) as T;
  };
  const initializer = (value: Tensor): string => {
    const name = `c${count++}`;
    initializers.push(encodeTensor(name, value));
    return name;
  };
  const emit = (
    op: string,
    inputs: readonly string[],
    outputs: number,
    attribute: onnx.IAttributeProto[],
  ): readonly string[] => {
    const output = Array.from({ length: outputs }, () => `v${count++}`);
    nodes.push({ opType: op, name: `${op}_${output[0]}`, input: [...inputs], output, attribute });
    return output;
  };
  const self: Emission & EmittedGraph = {
    nodeProtos: nodes,
    initializers,
    once,
    tensor: initializer,
    node: (op, inputs, attrs = {}) => emit(op, inputs, 1, encodeAttrs(attrs))[0]!,
    nodes: (op, inputs, outputs, attrs = {}) => emit(op, inputs, outputs, encodeAttrs(attrs)),
    cast: (input, to) => emit("Cast", [input], 1, encodeAttrs({ to: dtypeCode(to) }))[0]!,
    ints: (values, shape = [values.length]) =>
      once(`ints [${shape}] ${values}`, () => initializer({ dtype: "int64", shape, data: Float64Array.from(values) })),
    scalar: (value, dtype) =>
      once(`${dtype} ${Object.is(value, -0) ? "-0" : value}`, () => initializer(scalar(dtype, value))),
    filled: (value, { dtype, shape }) => {
      const t = encodeTensor("", { dtype, shape: [1], data: Float64Array.of(value) });
      const attribute = [{ name: "value", type: messages.AttributeProto.AttributeType.TENSOR, t }];
      return emit("ConstantOfShape", [self.ints(shape)], 1, attribute)[0]!;
    },
  };
  return self;
}

function encodeAttrs(attrs: OnnxAttrs): onnx.IAttributeProto[] {
  const { AttributeType } = messages.AttributeProto;
  return Object.entries(attrs).map(([name, value]) => {
    if (typeof value === "number") return { name, type: AttributeType.INT, i: value };
    if (typeof value === "string") return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
    return { name, type: AttributeType.INTS, ints: [...value] };
  });
}
