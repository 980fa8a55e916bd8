/** Which entries of the flat vector each Kronecker block covers. */
import type { Layer } from "../layers/layer.ts";
import type { ParameterSpace } from "../parameterSpace.ts";
import type { FactorRequest } from "./request.ts";

/** One block of the approximation: G ⊗ A over these entries, or G alone. */
export interface BlockShape {
  /** The parameters that it covers, joined by "+"; with the group's number where a weight has several blocks. */
  readonly name: string;
  /** Position of its layer among the layers. */
  readonly layer: number;
  readonly kind: "matrix" | "table" | "vector";
  /** Number of its group; null if it covers all. */
  readonly group: number | null;
  readonly out: number;
  /** 1 for a vector. */
  readonly in: number;
  /** True if the last input is the bias's constant 1. */
  readonly joint: boolean;
  /** Flat vector index of each entry `[out, in]`, row-major. */
  readonly index: Int32Array;
}

/** Index lists are as long as the vector: they are made once for a list of layers. */
const made = new WeakMap<readonly Layer[], Map<string, BlockShape[]>>();

/** Blocks in the layers' order; a separate bias follows its weight. */
export function blockShapes(space: ParameterSpace, layers: readonly Layer[], request: FactorRequest): BlockShape[] {
  const known = made.get(layers) ?? new Map<string, BlockShape[]>();
  made.set(layers, known);
  const key = `${request.bias} ${request.groups}`;
  const blocks = known.get(key) ?? layers.flatMap((layer, i) => blocksOf(space, layer, i, request));
  known.set(key, blocks);
  return blocks;
}

function blocksOf(space: ParameterSpace, layer: Layer, i: number, { bias, groups }: FactorRequest): BlockShape[] {
  const split = groups === "exact" && layer.groups > 1;
  const count = split ? layer.groups : 1;
  const out = split ? layer.out : layer.groups * layer.out;
  const joint = layer.bias !== undefined && bias === "joint";
  const biasName = layer.bias === undefined ? "" : space.parameters[layer.bias]!.name;
  const weights = Array.from({ length: count }, (_, group): BlockShape => {
    const first = group * out;
    return {
      name: [layer.name, ...(joint ? [biasName] : [])].join("+") + (split ? `[${group}]` : ""),
      layer: i,
      kind: layer.kind,
      group: split ? group : null,
      out,
      in: layer.in + Number(joint),
      joint,
      index: joint ? jointIndex(space, layer, first, out) : weightIndex(space, layer, first, out),
    };
  });
  if (layer.bias === undefined || joint) return weights;
  const vector: BlockShape = {
    name: biasName,
    layer: i,
    kind: "vector",
    group: null,
    out: layer.groups * layer.out,
    in: 1,
    joint: false,
    index: Int32Array.from({ length: layer.groups * layer.out }, (_, o) => space.parameters[layer.bias!]!.offset + o),
  };
  return [...weights, vector];
}

/** Rows `first … first + out` of the canonical weight `[groups · out, in]`. */
function weightIndex(space: ParameterSpace, layer: Layer, first: number, out: number): Int32Array {
  const { offset } = space.parameters[layer.parameter]!;
  const from = first * layer.in;
  const index = new Int32Array(out * layer.in);
  for (let k = 0; k < index.length; k++) index[k] = offset + (layer.index ? layer.index[from + k]! : from + k);
  return index;
}

/** The same with the bias's entry at the end of each row. */
function jointIndex(space: ParameterSpace, layer: Layer, first: number, out: number): Int32Array {
  const weight = weightIndex(space, layer, first, out);
  const { offset } = space.parameters[layer.bias!]!;
  const width = layer.in + 1;
  const index = new Int32Array(out * width);
  for (let row = 0; row < out; row++) {
    index.set(weight.subarray(row * layer.in, (row + 1) * layer.in), row * width);
    index[row * width + layer.in] = offset + first + row;
  }
  return index;
}
