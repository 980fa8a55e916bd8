/**
 * Writes a graph as an ONNX model that ONNX Runtime runs.
 *
 * Values get short names (`i0` inputs, `o0` outputs): names mean nothing here. Emitted are opset 21 and IR 10, which
 * every runtime of the last years reads.
 */
import type { onnx } from "onnx-proto";
import { type GraphBuilder, graphOf } from "../ir/builder.ts";
import type { Graph, Value } from "../ir/graph.ts";
import type { OpType } from "../ir/ops.ts";
import type { Tensor } from "../ir/tensor.ts";
import { carry } from "./emit/carriers.ts";
import { emission } from "./emit/emission.ts";
import { type Emitted, type Emitter, emitters } from "./emit/emitters.ts";
import { legalize } from "./emit/legalize.ts";
import { messages } from "./proto.ts";
import { dtypeCode, encodeTensor } from "./tensorProto.ts";

const opset = 21;
const irVersion = 10;

/** Names under which a model's inputs are fed and its outputs come back, in the graph's order. */
export interface EncodedModel {
  readonly bytes: Uint8Array;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** What the outputs are as the runtime gives them: with `flatOutputs`, before their last reshape. */
  readonly results: readonly Pick<Value, "dtype" | "shape">[];
}

export interface EncodeOptions {
  readonly inputNames?: readonly string[];
  readonly outputNames?: readonly string[];
  /** Leave a reshape at the end out: the reader knows the shapes, and the runtime would copy. */
  readonly flatOutputs?: boolean;
  /** Inputs whose values the file holds, in itself or in another file; they are no longer fed. */
  readonly stored?: ReadonlyMap<string, StoredValue>;
  /** Key–value pairs for the model's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Values in the file itself, or where they lie in a file beside it. */
export type StoredValue = Tensor | { readonly location: string; readonly offset: number; readonly length: number };

/** The model of `graph`; `g` is used to express what ONNX lacks. */
export function encodeModel(g: GraphBuilder, graph: Graph, options: EncodeOptions = {}): EncodedModel {
  const whole = carry(g, legalize(g, graph));
  const { stored = new Map<string, StoredValue>() } = options;
  const { nodes, inputs, outputs } = options.flatOutputs ? withoutLastReshapes(whole) : whole;
  const e = emission();
  const names = new Map<Value, string>();
  const inputNames = options.inputNames ?? inputs.map((_, i) => `i${i}`);
  const outputNames = options.outputNames ?? outputs.map((_, i) => `o${i}`);
  inputs.forEach((input, i) => names.set(input, inputNames[i]!));
  for (const node of nodes) {
    const emit = emitters[node.op] as Emitter<OpType>;
    const emitted = {
      attrs: node.attrs,
      inputs: node.inputs,
      names: node.inputs.map((i) => names.get(i)!),
      output: node,
    };
    names.set(node, emit(e, emitted as Emitted<OpType>));
  }
  const copies = outputs.map((output, i) => ({
    opType: "Identity",
    input: [names.get(output)!],
    output: [outputNames[i]!],
  }));
  const model: onnx.IModelProto = {
    irVersion,
    opsetImport: [{ domain: "", version: opset }],
    producerName: "hessonite",
    metadataProps: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: {
      name: "hessonite",
      node: [...e.nodeProtos, ...copies],
      initializer: [...e.initializers, ...storedTensors(inputs, inputNames, stored)],
      input: inputs.map((input, i) => valueInfo(inputNames[i]!, input)).filter(({ name }) => !stored.has(name!)),
      output: outputs.map((output, i) => valueInfo(outputNames[i]!, output)),
    },
  };
  return {
    bytes: messages.ModelProto.encode(model).finish(),
    inputs: inputNames.filter((name) => !stored.has(name)),
    outputs: outputNames,
    results: outputs.map(({ dtype, shape }) => ({ dtype, shape })),
  };
}

function storedTensors(
  inputs: readonly Value[],
  names: readonly string[],
  stored: ReadonlyMap<string, StoredValue>,
): onnx.ITensorProto[] {
  return inputs.flatMap(({ dtype, shape }, i) => {
    const value = stored.get(names[i]!);
    if (!value) return [];
    if ("data" in value) return [encodeTensor(names[i]!, { ...value, dtype, shape })];
    const entries = Object.entries(value).map(([key, entry]) => ({ key, value: String(entry) }));
    const dataLocation = messages.TensorProto.DataLocation.EXTERNAL;
    return [{ name: names[i]!, dataType: dtypeCode(dtype), dims: [...shape], externalData: entries, dataLocation }];
  });
}

function withoutLastReshapes({ inputs, outputs }: Graph): Graph {
  return graphOf(
    inputs,
    outputs.map((output) => (output.op === "Reshape" ? output.inputs[0]! : output)),
  );
}

function valueInfo(name: string, { dtype, shape }: Value): onnx.IValueInfoProto {
  return {
    name,
    type: { tensorType: { elemType: dtypeCode(dtype), shape: { dim: shape.map((d) => ({ dimValue: d })) } } },
  };
}
