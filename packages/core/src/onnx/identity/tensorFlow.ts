/**
 * Names that tf2onnx gives: those of TensorFlow's operations, the last of which reads a variable or was folded.
 *
 *     sequential/dense/MatMul/ReadVariableOp:0       →  sequential/dense/kernel
 *     model/conv2d_1/convolution/merged_input:0      →  model/conv2d_1/kernel
 *     dense/kernel/Read/ReadVariableOp:0             →  dense/kernel
 *
 * What has no path, as `W__359` or `const_fold_opt__12`, gets that of the node that uses it, or of those around.
 */
import type { OnnxNode } from "../model.ts";
import type { Role, Use } from "../roles.ts";

/** What stands at a path's end, in this order: reads, a small operation, any number of others, a function around them. */
const ends = [
  /(\/(ReadVariableOp|Read|resource|read)(_\d+)?)*$/,
  /(\/(add|depthwise|einsum|merged_input|mul|split|strided_slice|sub|transpose|while_loop|zeros)(_\d+)?)?$/,
  new RegExp(
    `(/(${[
      "Add|AddV2|BatchMatMul|BatchMatMulV2|BiasAdd|Cast|Const|Conv[123]D|Conv2DBackpropInput|Conv3DBackpropInputV2",
      "DepthwiseConv2dNative|Einsum|ExpandDims|FusedBatchNorm|FusedBatchNormV3|Gather|GatherV2|Identity|MatMul|Mul|Neg",
      "Reshape|ResourceGather|Rsqrt|SelectV2|Shape|Squeeze|Sub|Transpose",
    ].join("|")})(_\\d+)?)*$`,
  ),
  /(\/(Tensordot|batchnorm|conv_transpose|convolution|embedding_lookup|moments)(_\d+)?)?$/,
];

/** Functions that a layer may be called like as well: told by what they call. */
const ambiguous = /\/(conv2d_transpose|separable_conv2d)(_\d+)?\/(ReadVariableOp|depthwise)(_\d+)?$/;

/** Where a cell reads the weight of its own state. */
const ofState = /_cell(_\d+)?\/((Cast_1|MatMul_1|split_1)\/)?ReadVariableOp(_\d+)?(\/resource)?$/;

/** TensorFlow's word for what a parameter is to its layer, by role or by position. */
const called: Readonly<Record<string, string>> = { weight: "kernel", table: "embeddings" };
const recurrent = [undefined, "kernel", "recurrent_kernel", "bias"];
const calledAt: Readonly<Record<string, readonly (string | undefined)[]>> = {
  BatchNormalization: [undefined, "gamma", "beta"],
  GRU: recurrent,
  LSTM: recurrent,
  RNN: recurrent,
};

/** An operation's path, and which of its outputs. */
const tensorName = /^(?:(?:Stateful)?PartitionedCall\/)*(.+\/.+):\d+$/;

/** True for names that say by what operation a value was read or made. */
export function isOperationName(name: string): boolean {
  const path = tensorName.exec(name)?.[1];
  return path !== undefined && layerOf(path) !== path;
}

/**
 * The name of a parameter: its variable's, or its layer's and what it is there.
 *
 * @param stored Its name in the file.
 * @returns Undefined where no name has a path.
 */
export function tensorFlowName(
  stored: string,
  { node, position }: Use,
  role: Role,
  paths: PathsAround,
): string | undefined {
  const path = tensorName.exec(stored)?.[1];
  const variable = /^(.*)\/(?:read|Read\/ReadVariableOp)$/.exec(path ?? "")?.[1];
  if (variable !== undefined) return variable;
  const layer = path === undefined ? mostCommon(paths(node).map(layerOf)) : layerOf(path);
  if (layer === undefined) return undefined;
  if (role === "weight" && ofState.test(path ?? "")) return `${layer}/recurrent_kernel`;
  return `${layer}/${calledAt[node.opType]?.[position] ?? called[role] ?? role.replaceAll(" ", "_")}`;
}

/** A path without the operations at its end. */
function layerOf(path: string): string {
  return ends.reduce((rest, end) => rest.replace(end, ""), path.replace(ambiguous, ""));
}

function mostCommon(names: readonly string[]): string | undefined {
  const count = (name: string): number => names.filter((other) => other === name).length;
  return [...names].sort((a, b) => count(b) - count(a))[0];
}

/** The path of a node, or those of what else is stored for it, or those of the nearest nodes that have one. */
export type PathsAround = (node: OnnxNode) => string[];

/** For the nodes of one graph. */
export function pathsAround(nodes: readonly OnnxNode[]): PathsAround {
  const touching = new Map<string, OnnxNode[]>();
  for (const node of nodes) {
    for (const name of valuesOf(node)) touching.set(name, [...(touching.get(name) ?? []), node]);
  }
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  const storedFor = ({ inputs }: OnnxNode): string[] =>
    inputs.flatMap((name) => (made.has(name) ? [] : (tensorName.exec(name)?.[1] ?? [])));
  return (node) => {
    const seen = new Set([node]);
    const stored = pathOf(node.name) === undefined ? storedFor(node) : [];
    if (stored.length > 0) return stored;
    for (let ring = [node], depth = 0; depth < 4; depth++) {
      const paths = ring.flatMap(({ name }) => pathOf(name) ?? []);
      if (paths.length > 0) return paths;
      ring = ring.flatMap(valuesOf).flatMap((name) => touching.get(name) ?? []);
      ring = [...new Set(ring)].filter((other) => !seen.has(other));
      for (const other of ring) seen.add(other);
    }
    return [];
  };
}

/** Without the constants that tf2onnx makes once for whoever needs them. */
function valuesOf({ inputs, outputs }: OnnxNode): string[] {
  return [...inputs, ...outputs].filter((name) => name !== "" && !name.startsWith("const_"));
}

/** tf2onnx numbers what it adds: `dense/BiasAdd__11`. PyTorch's paths begin with a slash. */
function pathOf(name: string): string | undefined {
  return /^[^/]+\/.+$/.test(name) ? name.replace(/__\d+$/, "") : undefined;
}
