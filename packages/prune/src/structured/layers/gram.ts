/** Second moments of layers' inputs, summed over the calibration rows. */
import { type Dataset, gram, type Matrix, matrix } from "@hessonite/core";
import { type ActivationOptions, activations } from "./activations.ts";
import { inputRows, positionsOf } from "./rows.ts";
import type { WeightLayer } from "./weightLayer.ts";

export interface GramOptions extends ActivationOptions {
  /** Positions of a batch that a layer is looked at; 4,096 unless said. */
  readonly positions?: number;
  readonly onProgress?: (progress: { readonly done: number }) => void;
}

export interface InputGram {
  /** XᵀX / n, with a row and column of ones last where the layer has a bias. */
  readonly a: Matrix;
  /** n */
  readonly rows: number;
}

/** What is to be said of layers that were seen too seldom for their moments to be regular; nothing where none was. */
export function shortNotes(
  layers: readonly { readonly layer: WeightLayer; readonly gram: InputGram }[],
  damping: number,
): string[] {
  const short = layers.filter(({ gram: { a, rows } }) => rows < a.rows);
  const [worst] = [...short].sort((a, b) => a.gram.rows - b.gram.rows);
  if (!worst) return [];
  const { layer, gram: least } = worst;
  return [
    `${short.length} of ${layers.length} layers saw fewer positions than they have inputs (${layer.node.name} ${least.rows} of ${least.a.rows}): their moments are damped by ${damping} of the mean.`,
  ];
}

export const defaultPositions = 4096;

/**
 * XᵀX / n of every layer.
 *
 * Cost: a forward pass, and n · in² multiplications a layer.
 */
export async function inputGrams(
  file: Uint8Array,
  layers: readonly WeightLayer[],
  data: Dataset,
  { positions = defaultPositions, onProgress, ...options }: GramOptions = {},
): Promise<InputGram[]> {
  const sums = layers.map((layer) => {
    const width = layer.in + Number(layer.bias !== undefined);
    return { a: matrix(width, width), rows: 0 };
  });
  let done = 0;
  const names = layers.flatMap(({ input, output }) => [input, output]);
  for await (const { batch, values } of activations(file, names, data, options)) {
    layers.forEach((layer, i) => {
      const z = values[layer.output]!;
      const at = positionsOf(layer, z, positions);
      const own = gram(inputRows(layer, values[layer.input]!, z.shape, at, layer.bias !== undefined), {
        of: "columns",
      });
      const sum = sums[i]!;
      for (let k = 0; k < own.data.length; k++) sum.a.data[k]! += own.data[k]!;
      sum.rows += at.length;
    });
    done += batch.rows;
    onProgress?.({ done });
  }
  return sums.map(({ a, rows }) => ({ a: { ...a, data: a.data.map((v) => v / rows) }, rows }));
}
