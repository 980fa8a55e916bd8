/**
 * Layers fitted one after the other to what the dense model computes, on the inputs that the pruned model gives them.
 *
 *     minimise (1/n) ‖[X̃, 1] Wᵀ − T‖² + δ ‖W − W₀‖²      X̃ the inputs in the pruned model, all layers before fitted
 *
 * T is the dense layer's output; where a sum follows, as in a residual block, the dense sum less what the pruned model adds:
 * so an error that comes by the other branch is made up for as well. A layer without a bias is fitted without a constant.
 *
 * Source: He, Zhang & Sun (2017), Channel pruning for accelerating very deep neural networks, arXiv:1707.06168.
 */
import {
  choleskySolve,
  choleskySync,
  type Dataset,
  editModel,
  gram,
  type Matrix,
  matmul,
  matrix,
  type OnnxModel,
  readModelFile,
  type Tensor,
  transposeMatrix,
} from "@hessonite/core";
import { activations } from "../layers/activations.ts";
import { defaultPositions, type GramOptions } from "../layers/gram.ts";
import { layerMatrix, layerTensors } from "../layers/matrices.ts";
import { inputRows, outputRows, positionsOf } from "../layers/rows.ts";
import { type WeightLayer, weightLayers } from "../layers/weightLayer.ts";

export interface LeastSquaresOptions extends Omit<GramOptions, "onProgress"> {
  /** δ, relative to the mean diagonal of X̃ᵀX̃ / n; 1e-4 unless said. */
  readonly damping?: number;
  /** The dense value that a value of the pruned model takes the place of; the one of its name unless said. */
  readonly standsFor?: (value: string) => string;
  /** Layers that are fitted; all unless said. */
  readonly fits?: (layer: WeightLayer) => boolean;
  readonly onProgress?: (progress: { readonly layer: string; readonly done: number; readonly total: number }) => void;
}

/** Which channels of a dense value, along an axis of it, the pruned model still has; null for all. */
export type KeptChannels = (value: string, axis: number) => readonly number[] | null;

/** What became of a layer: its squared output error a row, over the mean square of what it was fitted to. */
export interface FittedLayer {
  readonly name: string;
  readonly before: number;
  readonly after: number;
}

export interface Fitted {
  readonly file: Uint8Array;
  readonly layers: readonly FittedLayer[];
}

/**
 * @param dense The dense model's file.
 * @param pruned The same model with channels gone, its values under the same names.
 */
export async function leastSquares(
  dense: Uint8Array,
  pruned: Uint8Array,
  data: Dataset,
  kept: KeptChannels,
  {
    damping = 1e-4,
    positions = defaultPositions,
    standsFor = (value) => value,
    fits = () => true,
    signal,
    onProgress,
  }: LeastSquaresOptions = {},
): Promise<Fitted> {
  let file = pruned;
  const { model } = await readModelFile(pruned);
  const layers = weightLayers(model).filter(fits);
  const fitted: FittedLayer[] = [];
  for (const [i, layer] of layers.entries()) {
    signal?.throwIfAborted();
    const sums = await momentsOf(dense, file, layer, sumAfter(model, layer), {
      data,
      kept,
      positions,
      standsFor,
      signal,
    });
    const { values, ...errors } = await solve(file, layer, sums, damping);
    file = editModel(file, { initializers: values });
    fitted.push({ name: layer.node.name, ...errors });
    onProgress?.({ layer: layer.node.name, done: i + 1, total: layers.length });
  }
  return { file, layers: fitted };
}

/** A sum of the layer's output, used nowhere else, and another activation. */
export interface SumAfter {
  readonly sum: string;
  readonly other: string;
}

export function sumAfter({ nodes, initializers }: OnnxModel, { output }: WeightLayer): SumAfter | undefined {
  const users = nodes.filter(({ inputs }) => inputs.includes(output));
  const [user] = users;
  if (users.length !== 1 || user?.opType !== "Add") return undefined;
  const other = user.inputs.find((name) => name !== output);
  return other === undefined || initializers.has(other) ? undefined : { sum: user.outputs[0]!, other };
}

interface Moments {
  /** X̃ᵀX̃ / n and X̃ᵀT / n */
  readonly xx: Matrix;
  readonly xt: Matrix;
  /** ‖T‖² / n */
  readonly tt: number;
}

async function momentsOf(
  dense: Uint8Array,
  pruned: Uint8Array,
  layer: WeightLayer,
  after: SumAfter | undefined,
  {
    data,
    kept,
    positions,
    standsFor,
    signal,
  }: {
    readonly data: Dataset;
    readonly standsFor: (value: string) => string;
    readonly kept: KeptChannels;
    readonly positions: number;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Moments> {
  const constant = layer.bias !== undefined;
  const width = layer.in + Number(constant);
  const [xx, xt] = [matrix(width, width), matrix(width, layer.out)];
  let [tt, count] = [0, 0];
  const target = standsFor(after?.sum ?? layer.output);
  const options = signal ? { signal } : {};
  const ours = activations(pruned, [layer.input, layer.output, ...(after ? [after.other] : [])], data, options);
  for await (const { values: theirs } of activations(dense, [target], data, options)) {
    const { values } = (await ours.next()).value!;
    const z = values[layer.output]!;
    const at = positionsOf(layer, z, positions);
    const x = inputRows(layer, values[layer.input]!, z.shape, at, constant);
    const t = columnsOf(
      outputRows(layer, theirs[target]!, at),
      kept(target, layer.kind === "conv" ? 1 : z.shape.length - 1),
    );
    if (after) subtract(t, outputRows(layer, values[after.other]!, at));
    addTo(xx, gram(x, { of: "columns" }));
    addTo(xt, matmul(x, t, { a: true }));
    tt += t.data.reduce((sum, v) => sum + v * v, 0);
    count += at.length;
  }
  await ours.return(undefined);
  for (const m of [xx, xt]) for (let k = 0; k < m.data.length; k++) m.data[k]! /= count;
  return { xx, xt, tt: tt / count };
}

function columnsOf(rows: Matrix, kept: readonly number[] | null): Matrix {
  if (!kept) return rows;
  const result = matrix(rows.rows, kept.length);
  for (let r = 0; r < rows.rows; r++)
    kept.forEach((from, to) => {
      result.data[r * kept.length + to] = rows.data[r * rows.columns + from]!;
    });
  return result;
}

function subtract(a: Matrix, b: Matrix): void {
  for (let k = 0; k < a.data.length; k++) a.data[k]! -= b.data[k]!;
}

function addTo(sum: Matrix, part: Matrix): void {
  for (let k = 0; k < sum.data.length; k++) sum.data[k]! += part.data[k]!;
}

async function solve(
  file: Uint8Array,
  layer: WeightLayer,
  { xx, xt, tt }: Moments,
  damping: number,
): Promise<{ readonly values: Map<string, Tensor>; readonly before: number; readonly after: number }> {
  const { model } = await readModelFile(file);
  const stored = (name: string): Tensor => model.initializers.get(name)!.read();
  const now = layerMatrix({ stored }, layer);
  const d = xx.rows;
  let mean = 0;
  for (let j = 0; j < d; j++) mean += xx.data[j * (d + 1)]! / d;
  const delta = damping * mean || Number.MIN_VALUE;
  const left = { ...xx, data: xx.data.slice() };
  for (let j = 0; j < d; j++) left.data[j * (d + 1)]! += delta;
  const right = matrix(d, now.rows);
  for (let j = 0; j < d; j++)
    for (let r = 0; r < now.rows; r++)
      right.data[j * now.rows + r] = xt.data[j * now.rows + r]! + delta * now.data[r * d + j]!;
  const best = transposeMatrix(choleskySolve(choleskySync(left), right));
  return {
    values: layerTensors({ stored }, layer, best),
    before: errorOf(now, xx, xt, tt),
    after: errorOf(best, xx, xt, tt),
  };
}

/** ‖X̃ Wᵀ − T‖² / ‖T‖² from moments. */
function errorOf(w: Matrix, xx: Matrix, xt: Matrix, tt: number): number {
  const product = matmul(w, xx);
  let error = tt;
  for (let r = 0; r < w.rows; r++)
    for (let j = 0; j < w.columns; j++)
      error +=
        product.data[r * w.columns + j]! * w.data[r * w.columns + j]! -
        2 * w.data[r * w.columns + j]! * xt.data[j * w.rows + r]!;
  return Math.max(0, error) / (tt || 1);
}
