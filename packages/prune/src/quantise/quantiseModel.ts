/**
 * A model's file with its weights in 8 or 4 bits.
 *
 * 8 bits: every convolution and matrix behind a DequantizeLinear. 4 bits: matrices as ONNX Runtime's MatMulNBits, or, asked to
 * keep to standard operators, behind a DequantizeLinear with a scale a block (opset 21); convolutions in 8 bits.
 */
import {
  type Dataset,
  editModel,
  type Matrix,
  type ModelEdit,
  type NewTensor,
  type NodeEdit,
  readModelFile,
  type Tensor,
  UsageError,
} from "@hessonite/core";
import { type GramOptions, inputGrams } from "../structured/layers/gram.ts";
import { layerMatrix, layerTensors } from "../structured/layers/matrices.ts";
import { type WeightLayer, weightLayers } from "../structured/layers/weightLayer.ts";
import { nameSource } from "../structured/shrink/names.ts";
import { keyOf } from "../structured/shrink/shrink.ts";
import { dequantised, matMulNBits } from "./forms.ts";
import { type RoundedLayer, roundLayer } from "./roundLayer.ts";

export interface QuantiseOptions extends GramOptions {
  readonly bits: 4 | 8;
  /** Calibration rows: errors are made up for as the sweep goes. Without them each weight goes to the nearest level. */
  readonly data?: Dataset;
  /** Neighbours that share a scale with 4 bits; a power of two from 16, 32 unless said. */
  readonly block?: number;
  /** Standard operators alone; false unless said. */
  readonly standard?: boolean;
}

export interface QuantisedModel {
  readonly file: Uint8Array;
  /** The dense model with the weights that `file` holds, in floats: what it has to agree with. */
  readonly rounded: Uint8Array;
  readonly layers: readonly { readonly name: string; readonly bits: 4 | 8 }[];
}

/** @throws {UsageError} if a block is no power of two, or standard 4-bit operators are asked of a model below opset 21. */
export async function quantiseModel(source: string | Uint8Array, options: QuantiseOptions): Promise<QuantisedModel> {
  const { bits, data, block = 32, standard = false, ...gramOptions } = options;
  const { bytes, model } = await readModelFile(source);
  requireBlock(block);
  if (bits === 4 && standard && (model.opsets.get("") ?? 1) < 21) {
    throw new UsageError("Cannot write 4-bit weights by standard operators as the model's opset does not have them", {
      expected: "opset 21 or later",
      found: model.opsets.get("") ?? 1,
      try: "convert the model to opset 21, or allow MatMulNBits",
    });
  }
  const layers = weightLayers(model);
  const grams = data ? await inputGrams(bytes, layers, data, gramOptions) : undefined;
  const stored = (name: string): Tensor => model.initializers.get(name)!.read();
  const { fresh } = nameSource(model);
  const tensors = new Map<string, NewTensor | null>();
  const nodes = new Map<string, NodeEdit | null>();
  const floats = new Map<string, Tensor>();
  let [opsets, irVersion]: [NonNullable<ModelEdit["opsets"]>, number] = [{}, 4];
  const written: { name: string; bits: 4 | 8 }[] = [];
  layers.forEach((layer, i) => {
    const own = bits === 4 && layer.kind === "linear" ? 4 : 8;
    const rounded = roundLayer(layerMatrix({ stored }, layer), {
      bits: own,
      inputs: layer.in,
      ...(own === 4 ? { block } : {}),
      ...(grams ? { hessian: twice(grams[i]!.a) } : {}),
    });
    const values = layerTensors({ stored }, layer, rounded.weights);
    for (const [name, tensor] of values) floats.set(name, tensor);
    if (layer.bias !== undefined && grams) tensors.set(layer.bias, values.get(layer.bias)!);
    const request = {
      layer,
      grid: rounded.grid,
      weights: withoutBias(layer, rounded),
      stored: stored(layer.weight),
      fresh,
    };
    const packs = own === 4 && !standard;
    const form = packs ? matMulNBits(request) : dequantised(request);
    for (const [name, tensor] of form.tensors) tensors.set(name, tensor);
    tensors.set(layer.weight, null);
    nodes.set(keyOf(layer.node), form.node);
    opsets = { ...opsets, ...form.opsets };
    irVersion = Math.max(irVersion, form.irVersion);
    written.push({ name: layer.node.name, bits: own });
  });
  return {
    file: editModel(bytes, { initializers: tensors, nodes, opsets, irVersion }),
    rounded: editModel(bytes, { initializers: floats }),
    layers: written,
  };
}

/** H of XᵀX / n. */
const twice = (a: Matrix): Matrix => ({ ...a, data: a.data.map((v) => 2 * v) });

function withoutBias({ in: inputs }: WeightLayer, { weights }: RoundedLayer): RoundedLayer["weights"] {
  const { rows, columns, data } = weights;
  if (columns === inputs) return weights;
  return { rows, columns: inputs, data: data.filter((_, at) => at % columns < inputs) };
}

function requireBlock(block: number): void {
  if (Number.isInteger(Math.log2(block)) && block >= 16) return;
  throw new UsageError("Cannot share scales as a block is no power of two from 16", { found: block });
}
