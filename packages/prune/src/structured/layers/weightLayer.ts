/**
 * Layers whose outputs are linear in their inputs, as matrices.
 *
 *     Z [rows, out] = X [rows, in] Wᵀ + b        a row is an example's position: a pixel of a convolution, a token
 *
 * For a convolution X holds the patch that the kernel sees, channel by channel, in the order in which the kernel is stored.
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
  /** `[out, in]` from the stored weight, and back. */
  toMatrix(weight: Tensor): Matrix;
  toTensor(weights: Matrix, like: Tensor): Tensor;
}

/**
 * The layers of a model in the graph's order: convolutions without groups, Gemm, and MatMul by a stored matrix, or one that a
 * Transpose turns. A weight that several nodes use is left out.
 */
export function weightLayers(model: OnnxModel, nodes: readonly OnnxNode[] = model.nodes): WeightLayer[] {
  const consumers = new Map<string, OnnxNode[]>();
  for (const node of nodes)
    for (const name of new Set(node.inputs)) consumers.set(name, [...(consumers.get(name) ?? []), node]);
  const used = (name: string): number => consumers.get(name)?.length ?? 0;
  const makers = new Map(model.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const taken = (name: string): TakenMatrix | undefined => takenMatrix(model, name, (value) => makers.get(value));
  return nodes.flatMap((node): WeightLayer[] => {
    const layer = node.domain === "" ? recognise[node.opType]?.(model, node, consumers, taken) : undefined;
    return layer && used(layer.weight) === 1 && used(node.inputs[1] ?? "") === 1 ? [layer] : [];
  });
}

type Recognise = (
  model: OnnxModel,
  node: OnnxNode,
  consumers: ReadonlyMap<string, readonly OnnxNode[]>,
  taken: (name: string) => TakenMatrix | undefined,
) => WeightLayer | undefined;

const int = ({ attrs }: OnnxNode, name: string, otherwise: number): number => {
  const attr = attrs[name];
  return attr?.kind === "int" || attr?.kind === "float" ? attr.value : otherwise;
};

const conv: Recognise = (model, node) => {
  const [input = "", weight = "", bias = ""] = node.inputs;
  const shape = model.initializers.get(weight)?.shape;
  const own = bias === "" || model.initializers.has(bias);
  if ((shape?.length !== 4 && shape?.length !== 3) || int(node, "group", 1) !== 1 || !own || node.attrs["auto_pad"])
    return undefined;
  const [out, channels, ...kernel] = shape as [number, number, ...number[]];
  const perChannel = kernel.reduce((n, d) => n * d, 1);
  return {
    node,
    kind: "conv",
    weight,
    ...(bias === "" ? {} : { bias }),
    input,
    output: node.outputs[0]!,
    out,
    in: channels * perChannel,
    perChannel,
    ...plain(out, channels * perChannel),
  };
};

/** The weight as stored is `[out, in]` row by row. */
function plain(out: number, width: number): Pick<WeightLayer, "toMatrix" | "toTensor"> {
  return {
    toMatrix: ({ data }) => matrix(out, width, Float64Array.from(data)),
    toTensor: ({ data }, like) => ({ ...like, data: Float32Array.from(data) }),
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
  if (!matrixTaken || scaled) return undefined;
  const { name: weight, shape, turned } = matrixTaken;
  const transposed = int(node, "transB", 0) !== 0;
  const [out, width] = transposed ? shape : [shape[1], shape[0]];
  const stored = bias !== "" && model.initializers.get(bias);
  if (bias !== "" && (!stored || stored.shape.reduce((n, d) => n * d, 1) !== out)) return undefined;
  return {
    ...linear(node, weight, input, node.outputs[0]!, out, width),
    ...(bias === "" ? {} : { bias }),
    ...(transposed !== turned ? plain(out, width) : flipped(out, width)),
  };
};

/** With the bias that an Add right behind it adds. */
const matmul: Recognise = (model, node, consumers, taken) => {
  const [input = ""] = node.inputs;
  const matrixTaken = taken(node.inputs[1] ?? "");
  if (!matrixTaken) return undefined;
  const { name: weight, turned } = matrixTaken;
  const [width, out] = matrixTaken.shape;
  const followers = consumers.get(node.outputs[0]!) ?? [];
  const add = followers.length === 1 && followers[0]!.opType === "Add" ? followers[0]! : undefined;
  const bias = add?.inputs.find((name) => model.initializers.get(name)?.shape.join() === `${out}`);
  const shares = bias !== undefined && (consumers.get(bias)?.length ?? 0) === 1;
  return {
    ...linear(node, weight, input, shares ? add!.outputs[0]! : node.outputs[0]!, out, width),
    ...(shares ? { bias } : {}),
    ...(turned ? plain(out, width) : flipped(out, width)),
  };
};

function linear(
  node: OnnxNode,
  weight: string,
  input: string,
  output: string,
  out: number,
  width: number,
): Omit<WeightLayer, "toMatrix" | "toTensor"> {
  return { node, kind: "linear", weight, input, output, out, in: width, perChannel: 1 };
}

const recognise: Readonly<Record<string, Recognise>> = { Conv: conv, Gemm: gemm, MatMul: matmul };
