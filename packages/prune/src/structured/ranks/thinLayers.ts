/**
 * A model's file with some layers as two thin ones, in operators that every runtime has.
 *
 *     MatMul, Gemm     x Wᵀ + b = (x Rᵀ) Lᵀ + b
 *     Conv             a convolution with R's kernels, r of them, then L as one of kernel 1 with the bias
 */
import {
  editModel,
  type Matrix,
  type NewAttr,
  type NewTensor,
  type NodeEdit,
  type Tensor,
  transposeMatrix,
} from "@hessonite/core";
import type { ChannelGraph } from "../groups/channelGroups.ts";
import type { WeightLayer } from "../layers/weightLayer.ts";
import { nameSource } from "../shrink/names.ts";
import { keyOf } from "../shrink/shrink.ts";
import { withoutDead } from "../shrink/withoutDead.ts";

export interface ThinLayer {
  readonly layer: WeightLayer;
  /** `[out, r]` */
  readonly left: Matrix;
  /** `[r, in]` */
  readonly right: Matrix;
  /** What is added to the bias; nothing unless given. */
  readonly shift?: Float64Array;
}

/** @param file The bytes that `graph` was read from. */
export function withThinLayers(file: Uint8Array, { model }: ChannelGraph, thin: readonly ThinLayer[]): Uint8Array {
  const { fresh } = nameSource(model);
  const initializers = new Map<string, NewTensor | null>();
  const nodes = new Map<string, NodeEdit | null>();
  for (const { layer, left, right, shift } of thin) {
    const { node, weight, bias } = layer;
    const store = (suffix: string, value: Tensor): string => {
      const name = fresh(`${weight}_${suffix}`);
      initializers.set(name, value);
      return name;
    };
    const inner = fresh(`${node.outputs[0]}_thin`);
    const { tensors, attrs } = formOf(layer, left, right);
    const first = {
      name: inner,
      opType: node.opType,
      inputs: [layer.input, store("right", tensors.right)],
      outputs: [inner],
      attrs: attrs.first,
    };
    const inputs = [inner, store("left", tensors.left), ...node.inputs.slice(2)];
    nodes.set(keyOf(node), { inputs, attrs: attrs.second, before: [first] });
    if (bias !== undefined && shift) {
      const stored = model.initializers.get(bias)!.read();
      initializers.set(bias, { ...stored, data: Float32Array.from(stored.data, (b: number, i) => b + shift[i]!) });
    }
  }
  return editModel(file, withoutDead(model, { nodes, initializers, irVersion: 4 }));
}

interface Form {
  readonly tensors: { readonly left: Tensor; readonly right: Tensor };
  readonly attrs: {
    readonly first: Readonly<Record<string, NewAttr>>;
    readonly second: Readonly<Record<string, NewAttr | null>>;
  };
}

function formOf({ node, kind, in: width, perChannel }: WeightLayer, left: Matrix, right: Matrix): Form {
  if (kind === "conv") {
    const kernel = intsOf(node.attrs["kernel_shape"]) ?? [];
    const kept = ["dilations", "kernel_shape", "pads", "strides"].flatMap((name) => {
      const value = intsOf(node.attrs[name]);
      return value ? [[name, { kind: "ints" as const, value }] as const] : [];
    });
    const ones = { kind: "ints" as const, value: kernel.map(() => 1) };
    return {
      tensors: {
        left: tensorOf(left, [left.rows, left.columns, ...ones.value]),
        right: tensorOf(right, [right.rows, width / perChannel, ...kernel]),
      },
      attrs: {
        first: Object.fromEntries(kept),
        second: { kernel_shape: ones, dilations: null, pads: null, strides: null },
      },
    };
  }
  if (node.opType === "Gemm") {
    const transposed = { kind: "int" as const, value: 1 };
    return {
      tensors: { left: tensorOf(left), right: tensorOf(right) },
      attrs: { first: { transB: transposed }, second: { transB: transposed } },
    };
  }
  return {
    tensors: { left: tensorOf(transposeMatrix(left)), right: tensorOf(transposeMatrix(right)) },
    attrs: { first: {}, second: {} },
  };
}

function intsOf(attr: WeightLayer["node"]["attrs"][string] | undefined): readonly number[] | undefined {
  return attr?.kind === "ints" ? attr.value : undefined;
}

function tensorOf({ rows, columns, data }: Matrix, shape: readonly number[] = [rows, columns]): Tensor {
  return { dtype: "float32", shape, data: Float32Array.from(data) };
}
