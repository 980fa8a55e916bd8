/**
 * Layers fitted one after the other to what the dense model computes, on the inputs that the pruned model gives them.
 *
 *     minimise (1/n) ‖[X̃, 1] Wᵀ − T‖² + δ ‖W − W₀‖²      X̃ the inputs in the pruned model, all layers before fitted
 *
 * T is the dense layer's output; where a sum of values of one shape follows, as in a residual block, the dense sum less what
 * the pruned model adds: so an error that comes by the other branch is made up for as well. A layer without a bias is fitted
 * without a constant.
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
import { inputRows, outputRows, ownOutputs, positionsOf } from "../layers/rows.ts";
import { groupLayers, nodeLayers, type WeightLayer } from "../layers/weightLayer.ts";

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
  const nodes = nodeLayers(groupLayers(model).filter(fits));
  const fitted: FittedLayer[] = [];
  for (const [i, groups] of nodes.entries()) {
    signal?.throwIfAborted();
    const [layer] = groups;
    const sums = await momentsOf(dense, file, groups, sumAfter(model, layer), {
      data,
      kept,
      positions,
      standsFor,
      signal,
    });
    const { values, ...errors } = await solve(file, groups, sums, damping);
    file = editModel(file, { initializers: values });
    fitted.push({ name: layer.node.name, ...errors });
    onProgress?.({ layer: layer.node.name, done: i + 1, total: nodes.length });
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

/** The layers of one node. */
type Groups = readonly [WeightLayer, ...WeightLayer[]];

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
  groups: Groups,
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
): Promise<Moments[]> {
  const [layer] = groups;
  const constant = layer.bias !== undefined;
  const width = layer.in + Number(constant);
  const sums = groups.map(() => ({ xx: matrix(width, width), xt: matrix(width, layer.out), tt: 0 }));
  let count = 0;
  const own = standsFor(layer.output);
  const joined = after && standsFor(after.sum);
  const options = signal ? { signal } : {};
  const ours = activations(pruned, [layer.input, layer.output, ...(after ? [after.other] : [])], data, options);
  for await (const { values: theirs } of activations(dense, joined ? [own, joined] : [own], data, options)) {
    const { values }: { values: Readonly<Record<string, Tensor>> } = (await ours.next()).value!;
    const z = values[layer.output]!;
    const other = after && values[after.other]!;
    const alike = other?.shape.length === z.shape.length && other.shape.every((d, i) => d === z.shape[i]);
    const target = joined && alike ? joined : own;
    const at = positionsOf(layer, z, positions);
    const whole = columnsOf(
      outputRows(layer, theirs[target]!, at),
      kept(target, layer.kind === "conv" ? 1 : z.shape.length - 1),
    );
    if (other && alike) subtract(whole, outputRows(layer, other, at));
    groups.forEach((group, i) => {
      const x = inputRows(group, values[layer.input]!, z.shape, at, constant);
      const t = ownOutputs(group, whole);
      const sum = sums[i]!;
      addTo(sum.xx, gram(x, { of: "columns" }));
      addTo(sum.xt, matmul(x, t, { a: true }));
      sum.tt += t.data.reduce((total, v) => total + v * v, 0);
    });
    count += at.length;
  }
  await ours.return(undefined);
  const mean = (m: Matrix): Matrix => ({ ...m, data: m.data.map((v) => v / count) });
  return sums.map(({ xx, xt, tt }) => ({ xx: mean(xx), xt: mean(xt), tt: tt / count }));
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
  groups: Groups,
  moments: readonly Moments[],
  damping: number,
): Promise<{ readonly values: Map<string, Tensor>; readonly before: number; readonly after: number }> {
  const { model } = await readModelFile(file);
  const values = new Map<string, Tensor>();
  const stored = (name: string): Tensor => values.get(name) ?? model.initializers.get(name)!.read();
  let [before, after, total] = [0, 0, 0];
  groups.forEach((layer, i) => {
    const { xx, xt, tt } = moments[i]!;
    const now = layerMatrix({ stored }, layer);
    const best = leastSquaresFit(now, moments[i]!, damping);
    for (const [name, tensor] of layerTensors({ stored }, layer, best)) values.set(name, tensor);
    before += errorOf(now, xx, xt, tt);
    after += errorOf(best, xx, xt, tt);
    total += tt;
  });
  return { values, before: before / (total || 1), after: after / (total || 1) };
}

function leastSquaresFit(now: Matrix, { xx, xt }: Moments, damping: number): Matrix {
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
  return transposeMatrix(choleskySolve(choleskySync(left), right));
}

/** ‖X̃ Wᵀ − T‖² / n from moments. */
function errorOf(w: Matrix, xx: Matrix, xt: Matrix, tt: number): number {
  const product = matmul(w, xx);
  let error = tt;
  for (let r = 0; r < w.rows; r++)
    for (let j = 0; j < w.columns; j++)
      error +=
        product.data[r * w.columns + j]! * w.data[r * w.columns + j]! -
        2 * w.data[r * w.columns + j]! * xt.data[j * w.rows + r]!;
  return Math.max(0, error);
}
