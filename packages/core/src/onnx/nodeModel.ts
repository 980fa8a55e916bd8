/** Small ONNX models written by hand, for tests. */
import type { onnx } from "onnx-proto";
import type { Tensor } from "../ir/tensor.ts";
import { messages } from "./proto.ts";
import { dtypeCode, encodeTensor } from "./tensorProto.ts";

/** Integers, then everything else by its kind; a number with a fraction would be ambiguous, so floats say `{ float }`. */
export type AttrSpec =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: Tensor }
  | { readonly graph: GraphSpec };

export interface NodeSpec {
  readonly op: string;
  readonly domain?: string;
  readonly name?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs?: Readonly<Record<string, AttrSpec>>;
}

/** A port is a name alone where the type is known from elsewhere. */
export interface PortSpec {
  readonly name: string;
  readonly dtype?: Tensor["dtype"];
  readonly shape?: readonly (number | string)[];
}

export interface GraphSpec {
  readonly inputs?: readonly PortSpec[];
  readonly outputs: readonly PortSpec[];
  readonly nodes: readonly NodeSpec[];
  readonly initializers?: Readonly<Record<string, Tensor>>;
}

export interface ModelSpec extends GraphSpec {
  /** Version of the default domain; 21 unless said. */
  readonly opset?: number;
  /** Versions of other domains; 1 for those that nodes use and that are not named. */
  readonly opsets?: Readonly<Record<string, number>>;
  readonly functions?: readonly onnx.IFunctionProto[];
}

/** The bytes of a model. */
export function encodeSpec({ opset = 21, opsets = {}, functions = [], ...graph }: ModelSpec): Uint8Array {
  const used = graph.nodes.flatMap(({ domain }) => (domain ? [domain] : []));
  const versions = { ...Object.fromEntries(used.map((domain) => [domain, 1])), ...opsets };
  const model: onnx.IModelProto = {
    irVersion: 10,
    opsetImport: [
      { domain: "", version: opset },
      ...Object.entries(versions).map(([domain, version]) => ({ domain, version })),
    ],
    graph: graphProto(graph),
    functions: [...functions],
  };
  return messages.ModelProto.encode(model).finish();
}

function graphProto({ inputs = [], outputs, nodes, initializers = {} }: GraphSpec): onnx.IGraphProto {
  return {
    name: "graph",
    node: nodes.map(nodeProto),
    input: inputs.map(portProto),
    output: outputs.map(portProto),
    initializer: Object.entries(initializers).map(([name, value]) => encodeTensor(name, value)),
  };
}

/** A node's message. */
export function nodeProto({ op, domain = "", name = "", inputs, outputs, attrs = {} }: NodeSpec): onnx.INodeProto {
  return {
    opType: op,
    domain,
    name,
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attrs).map(attrProto),
  };
}

function attrProto([name, value]: [string, AttrSpec]): onnx.IAttributeProto {
  const { AttributeType } = messages.AttributeProto;
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  if (typeof value === "number") return { name, type: AttributeType.INT, i: value };
  if (typeof value === "string") return { name, type: AttributeType.STRING, s: bytes(value) };
  if (Array.isArray(value)) {
    const texts = value.filter((v): v is string => typeof v === "string");
    return texts.length > 0
      ? { name, type: AttributeType.STRINGS, strings: texts.map(bytes) }
      : { name, type: AttributeType.INTS, ints: value as number[] };
  }
  if ("float" in value) return { name, type: AttributeType.FLOAT, f: value.float };
  if ("floats" in value) return { name, type: AttributeType.FLOATS, floats: [...value.floats] };
  if ("tensor" in value) return { name, type: AttributeType.TENSOR, t: encodeTensor("", value.tensor) };
  if ("graph" in value) return { name, type: AttributeType.GRAPH, g: graphProto(value.graph) };
  throw new Error(`internal: attribute "${name}" is of no known kind`);
}

function portProto({ name, dtype, shape }: PortSpec): onnx.IValueInfoProto {
  if (!dtype) return { name };
  const dim = shape?.map((d) => (typeof d === "number" ? { dimValue: d } : { dimParam: d }));
  return { name, type: { tensorType: { elemType: dtypeCode(dtype), ...(dim ? { shape: { dim } } : {}) } } };
}
