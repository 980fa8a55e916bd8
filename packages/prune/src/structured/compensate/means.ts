/**
 * Bias and BatchNorm correction: layer by layer, in the graph's order, what a pruned model gives has the dense model's mean.
 *
 *     b ← b + mean(T − Z̃)               T the dense layer's output, or the dense sum behind it less what the pruned model adds
 *     μ, σ² ← mean and variance          of what enters a BatchNormalization in the pruned model
 *
 * Means are over all rows and positions. Layers without a stored bias of their own keep what they have.
 *
 * Sources: Nagel et al. (2019), Data-free quantization through weight equalization and bias correction, arXiv:1906.04721;
 * Li et al. (2020), EagleEye, arXiv:2007.02491, for the statistics.
 */
import { type Dataset, editModel, type OnnxModel, type OnnxNode, readModelFile, type Tensor } from "@hessonite/core";
import { activations } from "../layers/activations.ts";
import { type WeightLayer, weightLayers } from "../layers/weightLayer.ts";
import { type KeptChannels, type LeastSquaresOptions, sumAfter } from "./leastSquares.ts";

export type MeansOptions = Pick<LeastSquaresOptions, "signal" | "onProgress" | "standsFor">;

/**
 * @param dense The dense model's file.
 * @param pruned The same model with something gone, its values under the same names.
 *
 * Cost: a pass of both models for each layer.
 */
export async function restoreMeans(
  dense: Uint8Array,
  pruned: Uint8Array,
  data: Dataset,
  kept: KeptChannels,
  { signal, onProgress, standsFor = (value) => value }: MeansOptions = {},
): Promise<Uint8Array> {
  const { model } = await readModelFile(pruned);
  const layers = new Map(weightLayers(model).map((layer) => [layer.node, layer]));
  const corrected = model.nodes.filter((node) => layers.get(node)?.bias !== undefined || hasStatistics(model, node));
  let file = pruned;
  for (const [i, node] of corrected.entries()) {
    signal?.throwIfAborted();
    const layer = layers.get(node);
    const values = layer
      ? await newBias(dense, file, layer, model, { data, kept, standsFor, signal })
      : await newStatistics(file, node, { data, signal });
    file = editModel(file, { initializers: values });
    onProgress?.({ layer: node.name, done: i + 1, total: corrected.length });
  }
  return file;
}

function hasStatistics({ initializers }: OnnxModel, { opType, domain, inputs }: OnnxNode): boolean {
  return domain === "" && opType === "BatchNormalization" && [3, 4].every((i) => initializers.has(inputs[i] ?? ""));
}

interface Rows {
  readonly data: Dataset;
  readonly signal: AbortSignal | undefined;
}

async function newBias(
  dense: Uint8Array,
  pruned: Uint8Array,
  layer: WeightLayer,
  model: OnnxModel,
  {
    data,
    signal,
    kept,
    standsFor,
  }: Rows & { readonly kept: KeptChannels; readonly standsFor: (value: string) => string },
): Promise<Map<string, Tensor>> {
  const axis = layer.kind === "conv" ? 1 : -1;
  let ours = sumAfter(model, layer)?.sum ?? layer.output;
  let { mean: now } = await meansOf(pruned, ours, axis, data, signal);
  if (now.length !== layer.out) {
    ours = layer.output; // a sum over which the layer's few outputs are spread has other channels
    ({ mean: now } = await meansOf(pruned, ours, axis, data, signal));
  }
  const theirs = standsFor(ours);
  const { mean: whole, axis: at } = await meansOf(dense, theirs, axis, data, signal);
  const stay = kept(theirs, at);
  const bias = model.initializers.get(layer.bias!)!.read();
  const target = stay ? stay.map((i) => whole[i]!) : whole;
  const next = Float32Array.from(bias.data, (b: number, i) => b + target[i]! - now[i]!);
  return new Map([[layer.bias!, { ...bias, data: next }]]);
}

async function newStatistics(
  pruned: Uint8Array,
  { inputs }: OnnxNode,
  { data, signal }: Rows,
): Promise<Map<string, Tensor>> {
  const { mean, variance } = await meansOf(pruned, inputs[0]!, 1, data, signal);
  const tensor = (values: Float64Array): Tensor => ({
    dtype: "float32",
    shape: [values.length],
    data: Float32Array.from(values),
  });
  return new Map([
    [inputs[3]!, tensor(mean)],
    [inputs[4]!, tensor(variance)],
  ]);
}

/** Mean and variance of a value's channels over all else. */
async function meansOf(
  file: Uint8Array,
  value: string,
  axis: number,
  data: Dataset,
  signal: AbortSignal | undefined,
): Promise<{ readonly mean: Float64Array; readonly variance: Float64Array; readonly axis: number }> {
  let [sums, squares, count, at] = [new Float64Array(0), new Float64Array(0), 0, axis];
  for await (const { values } of activations(file, [value], data, signal ? { signal } : {})) {
    const { shape, data: all } = values[value]!;
    at = axis < 0 ? axis + shape.length : axis;
    const channels = shape[at] ?? 1;
    const inner = shape.slice(at + 1).reduce((n, d) => n * d, 1);
    if (sums.length === 0) [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
    for (let k = 0; k < all.length; k++) {
      const c = Math.floor(k / inner) % channels;
      sums[c]! += all[k]!;
      squares[c]! += all[k]! ** 2;
    }
    count += all.length / channels;
  }
  const mean = sums.map((sum) => sum / count);
  return { mean, variance: squares.map((square, c) => Math.max(0, square / count - mean[c]! ** 2)), axis: at };
}
