/** A rounded layer as operators that ONNX Runtime runs: the nodes, the stored tensors, and what they need of the model. */
import type { ModelEdit, NewAttr, NewTensor, NodeEdit, Tensor } from "@hessonite/core";
import type { WeightLayer } from "../structured/layers/weightLayer.ts";
import { type Grid, levelOf } from "./grid.ts";

export interface WrittenLayer {
  readonly tensors: ReadonlyMap<string, NewTensor>;
  readonly node: NodeEdit;
  readonly opsets: NonNullable<ModelEdit["opsets"]>;
  readonly irVersion: number;
}

export interface FormRequest {
  readonly layer: WeightLayer;
  readonly grid: Grid;
  /** On the grid, `[out, in]`. */
  readonly weights: { readonly rows: number; readonly columns: number; readonly data: Float64Array };
  /** As stored, for its shape. */
  readonly stored: Tensor;
  fresh(hint: string): string;
}

/** ONNX's numbers of the element types that our tensors do not hold. */
const int4 = 22;

/**
 * The weight behind a DequantizeLinear: 8 bits with a scale an output (opset 13), or 4 bits with a scale a block (opset 21).
 * The runtime unpacks it as the model is loaded: smaller on disk, as fast as before.
 */
export function dequantised(request: FormRequest): WrittenLayer {
  const { layer, grid, weights, stored, fresh } = request;
  const [packed, scale, unpacked] = ["quantised", "scale", "dequantised"].map((part) =>
    fresh(`${layer.weight}_${part}`),
  ) as [string, string, string];
  const levels = Int32Array.from(
    layer.toTensor(levelsOf(grid, weights), { ...stored, dtype: "float32" }).data,
    (v: number) => Math.round(v),
  );
  const perBlock = grid.bits === 4;
  const outAxis = outputAxis(layer, stored);
  const tensors = new Map<string, NewTensor>([
    [
      packed,
      perBlock
        ? { code: int4, shape: stored.shape, bytes: nibbles(levels) }
        : { dtype: "int8", shape: stored.shape, data: levels },
    ],
    [
      scale,
      perBlock
        ? blockScales(grid, stored, outAxis)
        : { dtype: "float32", shape: [grid.scales.rows], data: Float32Array.from(grid.scales.data) },
    ],
  ]);
  const axis = perBlock ? 1 - outAxis : outAxis;
  const attrs: Record<string, NewAttr> = { axis: { kind: "int", value: axis } };
  if (perBlock) attrs["block_size"] = { kind: "int", value: grid.block };
  return {
    tensors,
    node: {
      inputs: layer.node.inputs.map((name) => (name === layer.weight ? unpacked : name)),
      before: [{ name: unpacked, opType: "DequantizeLinear", inputs: [packed, scale], outputs: [unpacked], attrs }],
    },
    opsets: {},
    irVersion: perBlock ? 10 : 4,
  };
}

/** ONNX Runtime's own product with 4-bit weights, which it multiplies packed: smaller and faster. */
export function matMulNBits({ layer, grid, weights, fresh }: FormRequest): WrittenLayer {
  const { rows: n, columns: k } = weights;
  const blocks = grid.scales.columns;
  const [packed, scale] = ["packed", "scales"].map((part) => fresh(`${layer.weight}_${part}`)) as [string, string];
  // A block's levels are offset by 8, two to a byte, the lower first; what lies behind a row's end is 0, that is 8.
  const bytes = new Uint8Array((n * blocks * grid.block) / 2).fill(0x88);
  for (let r = 0; r < n; r++) {
    for (let j = 0; j < k; j++) {
      const at = r * blocks * grid.block + j;
      const level = levelOf(grid, weights.data[r * k + j]!, r, j) + 8;
      const shift = at % 2 === 0 ? 0 : 4;
      bytes[at >> 1] = (bytes[at >> 1]! & ~(15 << shift)) | (level << shift);
    }
  }
  const tensors = new Map<string, NewTensor>([
    [packed, { dtype: "uint8", shape: [n, blocks, grid.block / 2], data: bytes }],
    [scale, { dtype: "float32", shape: [n * blocks], data: Float32Array.from(grid.scales.data) }],
  ]);
  const [output] = layer.node.outputs as [string];
  const gemmBias = layer.node.opType === "Gemm" ? layer.bias : undefined;
  const product = gemmBias === undefined ? output : fresh(`${output}_product`);
  const attrs = {
    K: { kind: "int", value: k },
    N: { kind: "int", value: n },
    bits: { kind: "int", value: 4 },
    block_size: { kind: "int", value: grid.block },
  } as const;
  const inputs = [layer.input, packed, scale];
  const node = {
    name: layer.node.name,
    opType: "MatMulNBits",
    domain: "com.microsoft",
    inputs,
    outputs: [product],
    attrs,
  };
  const sum = {
    name: fresh(`${layer.node.name}_bias`),
    opType: "Add",
    inputs: [product, gemmBias ?? ""],
    outputs: [output],
  };
  return {
    tensors,
    node: { replaced: true, before: gemmBias === undefined ? [node] : [node, sum] },
    opsets: { "com.microsoft": 1 },
    irVersion: 4,
  };
}

function levelsOf(grid: Grid, { rows, columns, data }: FormRequest["weights"]): FormRequest["weights"] {
  return { rows, columns, data: data.map((w, at) => levelOf(grid, w, Math.floor(at / columns), at % columns)) };
}

/** Two to a byte, the lower first, in two's complement. */
function nibbles(levels: Int32Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(levels.length / 2));
  levels.forEach((level, i) => {
    bytes[i >> 1]! |= (level & 15) << (i % 2 === 0 ? 0 : 4);
  });
  return bytes;
}

/** Which axis of the stored weight counts outputs. */
function outputAxis({ node }: WeightLayer, { shape }: Tensor): number {
  if (shape.length > 2) return 0;
  if (node.opType === "MatMul") return 1;
  const transposed = node.attrs["transB"];
  return transposed?.kind === "int" && transposed.value === 1 ? 0 : 1;
}

/** Scales laid out as the stored weight is, with its blocks in the place of its inputs. */
function blockScales({ scales }: Grid, stored: Tensor, outAxis: number): Tensor {
  const { rows, columns, data } = scales;
  if (stored.shape.length !== 2) throw new Error("internal: blocks are for matrices");
  if (outAxis === 0) return { dtype: "float32", shape: [rows, columns], data: Float32Array.from(data) };
  const turned = Float32Array.from(
    { length: data.length },
    (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!,
  );
  return { dtype: "float32", shape: [columns, rows], data: turned };
}
