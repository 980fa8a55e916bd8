/**
 * Layers whose outputs are linear in their inputs, as matrices.
 *
 *     Z [rows, out] = X [rows, in] Wᵀ + b        a row is an example's position: a pixel of a convolution, a token
 *
 * For a convolution X holds the patch that the kernel sees, channel by channel, in the order in which the kernel is stored. With
 * groups it is as many layers, each of its own inputs and outputs.
 */
import type { OnnxModel, OnnxNode, Tensor } from "@hessonite/core";
import { type Matrix, matrix } from "@hessonite/core";
import { type TakenMatrix, takenMatrix } from "./takenMatrix.ts";

export interface WeightLayer {
  readonly node: OnnxNode;
  readonly kind: "conv" | "linear";
  /** Stored tensors. */
  readonly weight: string;
  readonly bias?: string;
  /** Values: what enters, and what leaves with the bias added. */
  readonly input: string;
  readonly output: string;
  readonly out: number;
  readonly in: number;
  /** Inputs of one channel: kernel positions of a convolution, 1 else. */
  readonly perChannel: number;
  /** Shape of a convolution's kernel; none else. */
  readonly kernel: readonly number[];
  /** Which of the node's groups it is, and of how many. */
  readonly group: { readonly at: number; readonly of: number };
  /** `[out, in]` from the stored weight, and back. */
  toMatrix(weight: Tensor): Matrix;
  toTensor(weights: Matrix, like: Tensor): Tensor;
}

/**
 * The layers of a model in the graph's order: convolutions without groups, Gemm, and MatMul by a stored matrix, or one that a
 * Transpose turns. A weight that several nodes use is left out.
 */
export function weightLayers(model: OnnxModel, nodes: readonly OnnxNode[] = model.nodes): WeightLayer[] {
  return groupLayers(model, nodes).filter(({ group }) => group.of === 1);
}

/** The same, and a layer for each group of a convolution, one after the other. */
export function groupLayers(model: OnnxModel, nodes: readonly OnnxNode[] = model.nodes): WeightLayer[] {
  const consumers = new Map<string, OnnxNode[]>();
  for (const node of nodes)
    for (const name of new Set(node.inputs)) consumers.set(name, [...(consumers.get(name) ?? []), node]);
  const used = (name: string): number => consumers.get(name)?.length ?? 0;
  const makers = new Map(model.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const taken = (name: string): TakenMatrix | undefined => takenMatrix(model, name, (value) => makers.get(value));
  return nodes.flatMap((node): WeightLayer[] => {
    const found = (node.domain === "" && recognise[node.opType]?.(model, node, consumers, taken)) || [];
    return found.filter(({ weight }) => used(weight) === 1 && used(node.inputs[1] ?? "") === 1);
  });
}

/** The layers of each node together. */
export function nodeLayers(layers: readonly WeightLayer[]): (readonly [WeightLayer, ...WeightLayer[]])[] {
  const byNode = new Map<OnnxNode, [WeightLayer, ...WeightLayer[]]>();
  for (const layer of layers) {
    const known = byNode.get(layer.node);
    if (known) known.push(layer);
    else byNode.set(layer.node, [layer]);
  }
  return [...byNode.values()];
}

type Recognise = (
  model: OnnxModel,
  node: OnnxNode,
  consumers: ReadonlyMap<string, readonly OnnxNode[]>,
  taken: (name: string) => TakenMatrix | undefined,
) => WeightLayer[];

const int = ({ attrs }: OnnxNode, name: string, otherwise: number): number => {
  const attr = attrs[name];
  return attr?.kind === "int" || attr?.kind === "float" ? attr.value : otherwise;
};

const conv: Recognise = (model, node) => {
  const [input = "", weight = "", bias = ""] = node.inputs;
  const shape = model.initializers.get(weight)?.shape ?? [];
  const own = bias === "" || model.initializers.has(bias);
  if (shape.length < 3 || !own || node.attrs["auto_pad"]) return [];
  const [all, channels, ...kernel] = shape as [number, number, ...number[]];
  const of = int(node, "group", 1);
  const [out, perChannel] = [all / of, kernel.reduce((n, d) => n * d, 1)];
  return Array.from({ length: of }, (_, at) => ({
    node,
    kind: "conv",
    weight,
    ...(bias === "" ? {} : { bias }),
    input,
    output: node.outputs[0]!,
    out,
    in: channels * perChannel,
    perChannel,
    kernel,
    group: { at, of },
    ...rowsOf(at * out, out, channels * perChannel),
  }));
};

/** The weight as stored holds `[out, in]` row by row, from a row on. */
function rowsOf(first: number, out: number, width: number): Pick<WeightLayer, "toMatrix" | "toTensor"> {
  const [from, to] = [first * width, (first + out) * width];
  return {
    toMatrix: ({ data }) => matrix(out, width, Float64Array.from(data.subarray(from, to))),
    toTensor({ data }, like) {
      const all = Float32Array.from(like.data);
      all.set(data, from);
      return { ...like, data: all };
    },
  };
}

/** It is `[in, out]`. */
function flipped(out: number, width: number): Pick<WeightLayer, "toMatrix" | "toTensor"> {
  return {
    toMatrix: ({ data }) =>
      matrix(
        out,
        width,
        Float64Array.from(data, (_, at) => data[(at % width) * out + Math.floor(at / width)]!),
      ),
    toTensor: ({ data }, like) => ({
      ...like,
      data: Float32Array.from(data, (_, at) => data[(at % out) * width + Math.floor(at / out)]!),
    }),
  };
}

const gemm: Recognise = (model, node, _, taken) => {
  const [input = "", , bias = ""] = node.inputs;
  const matrixTaken = taken(node.inputs[1] ?? "");
  const scaled = int(node, "alpha", 1) !== 1 || int(node, "beta", 1) !== 1 || int(node, "transA", 0) !== 0;
  if (!matrixTaken || scaled) return [];
  const { name: weight, shape, turned } = matrixTaken;
  const transposed = int(node, "transB", 0) !== 0;
  const [out, width] = transposed ? shape : [shape[1], shape[0]];
  const stored = bias !== "" && model.initializers.get(bias);
  if (bias !== "" && (!stored || stored.shape.reduce((n, d) => n * d, 1) !== out)) return [];
  return [
    {
      ...linear(node, weight, input, node.outputs[0]!, out, width),
      ...(bias === "" ? {} : { bias }),
      ...(transposed !== turned ? rowsOf(0, out, width) : flipped(out, width)),
    },
  ];
};

/** With the bias that an Add right behind it adds. */
const matmul: Recognise = (model, node, consumers, taken) => {
  const [input = ""] = node.inputs;
  const matrixTaken = taken(node.inputs[1] ?? "");
  if (!matrixTaken) return [];
  const { name: weight, turned } = matrixTaken;
  const [width, out] = matrixTaken.shape;
  const followers = consumers.get(node.outputs[0]!) ?? [];
  const add = followers.length === 1 && followers[0]!.opType === "Add" ? followers[0]! : undefined;
  const bias = add?.inputs.find((name) => model.initializers.get(name)?.shape.join() === `${out}`);
  const shares = bias !== undefined && (consumers.get(bias)?.length ?? 0) === 1;
  return [
    {
      ...linear(node, weight, input, shares ? add!.outputs[0]! : node.outputs[0]!, out, width),
      ...(shares ? { bias } : {}),
      ...(turned ? rowsOf(0, out, width) : flipped(out, width)),
    },
  ];
};

function linear(
  node: OnnxNode,
  weight: string,
  input: string,
  output: string,
  out: number,
  width: number,
): Omit<WeightLayer, "toMatrix" | "toTensor"> {
  return {
    node,
    kind: "linear",
    weight,
    input,
    output,
    out,
    in: width,
    perChannel: 1,
    kernel: [],
    group: { at: 0, of: 1 },
  };
}

const recognise: Readonly<Record<string, Recognise>> = { Conv: conv, Gemm: gemm, MatMul: matmul };
