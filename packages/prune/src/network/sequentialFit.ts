/**
 * Kept weights fitted layer by layer, in the graph's order, to what the dense model computes there, on the inputs that the pruned
 * model gives: errors of the layers before are made up for.
 *
 *     minimise (1/n) ‖[X̃, 1] [W, b]ᵀ − T‖² + (δ/2) ‖W − W₀‖²  subject to W_M = 0      T the dense layer's outputs
 *
 * Source: He, Zhang & Sun (2017), Channel pruning for accelerating very deep neural networks, arXiv:1707.06168.
 */
import {
  type Matrix,
  matmul,
  matrix,
  patchModel,
  readModelFile,
  storedValues,
  type Tensor,
  tensorsOf,
  UsageError,
  type Vector,
} from "@hessonite/core";
import { type FitMoments, fittedWeights } from "../layerwise/compensate.ts";
import { activations } from "../structured/layers/activations.ts";
import { defaultPositions } from "../structured/layers/gram.ts";
import { layerMatrix, layerTensors } from "../structured/layers/matrices.ts";
import { inputRows, outputRows, ownOutputs, positionsOf } from "../structured/layers/rows.ts";
import { groupLayers, nodeLayers, type WeightLayer } from "../structured/layers/weightLayer.ts";
import { better } from "./improve.ts";
import type { Improve } from "./path.ts";
import type { Job } from "./setting.ts";

/** Relative to the mean diagonal. */
const damping = 1e-4;

/**
 * @throws {UsageError} if the job does not know the model's file, which the runtime is to run.
 *
 * Cost: two forward passes a layer, and n · in² multiplications.
 */
export function sequentialFit(job: Job): Improve {
  const { source } = job.setting;
  if (source === undefined) {
    throw new UsageError("Cannot fit layers on the pruned model's inputs as the model was not given as a file");
  }
  return async (point) => {
    const { bytes: dense, model } = await readModelFile(source);
    const theta = point.theta.slice();
    for (const groups of nodeLayers(groupLayers(model))) {
      job.setting.signal?.throwIfAborted();
      const moments = await momentsOf(job, groups, dense, theta);
      groups.forEach((layer, i) => void fitLayer(job, layer, theta, point.kept, moments[i]!));
    }
    return better(point, theta, job.judge);
  };
}

type Moments = Omit<FitMoments, "damping">;

/** 2 X̃ᵀX̃ / n and 2 X̃ᵀT / n of the layers of one node, both models on the same rows. */
async function momentsOf(
  { setting, problem }: Job,
  groups: readonly [WeightLayer, ...WeightLayer[]],
  dense: Uint8Array,
  theta: Vector,
): Promise<Moments[]> {
  const [layer] = groups;
  const stored = storedValues(setting.model, tensorsOf(problem.space, theta));
  const pruned = patchModel(dense, stored.values, { splits: stored.splits }).bytes;
  const options = setting.signal ? { signal: setting.signal } : {};
  const width = layer.in + Number(layer.bias !== undefined);
  const sums = groups.map(() => ({ hessian: matrix(width, width), cross: matrix(width, layer.out) }));
  let rows = 0;
  const names = [layer.input, layer.output];
  for await (const [own, taught] of together(
    activations(pruned, names, setting.data, options),
    activations(dense, [layer.output], setting.data, options),
  )) {
    const z = own.values[layer.output]!;
    const at = positionsOf(layer, z, defaultPositions);
    const whole = outputRows(layer, taught.values[layer.output]!, at);
    groups.forEach((group, i) => {
      const x = inputRows(group, own.values[layer.input]!, z.shape, at, layer.bias !== undefined);
      const t = ownOutputs(group, whole);
      const { hessian, cross } = sums[i]!;
      const [xx, xt] = [matmul(x, x, { a: true }).data, matmul(x, t, { a: true }).data];
      for (let k = 0; k < xx.length; k++) hessian.data[k]! += 2 * xx[k]!;
      for (let k = 0; k < xt.length; k++) cross.data[k]! += 2 * xt[k]!;
    });
    rows += at.length;
  }
  const mean = (m: Matrix): Matrix => ({ ...m, data: m.data.map((v) => v / rows) });
  return sums.map(({ hessian, cross }) => ({ hessian: mean(hessian), cross: mean(cross) }));
}

async function* together<A, B>(first: AsyncIterable<A>, second: AsyncIterable<B>): AsyncGenerator<readonly [A, B]> {
  const others = second[Symbol.asyncIterator]();
  try {
    for await (const one of first) {
      const other = await others.next();
      if (other.done) return;
      yield [one, other.value];
    }
  } finally {
    await others.return?.();
  }
}

/** The layer's kept weights and its bias in θ, where both are parameters. */
function fitLayer(
  { problem, origin }: Job,
  layer: WeightLayer,
  theta: Vector,
  kept: Uint8Array,
  moments: Moments,
): void {
  const places = new Map(problem.space.parameters.map((parameter) => [parameter.name, parameter]));
  const names = [layer.weight, ...(layer.bias === undefined ? [] : [layer.bias])];
  if (!names.every((name) => places.has(name))) return;
  const part =
    (all: ArrayLike<number>) =>
    (name: string): Tensor => {
      const { offset, size, shape } = places.get(name)!;
      return { dtype: "float32", shape, data: Float64Array.from({ length: size }, (_, k) => all[offset + k]!) };
    };
  const dense = part(origin);
  const gone = layerMatrix({ stored: part(kept) }, layer).data.map((k) => Number(k === 0));
  const fitted = fittedWeights(layerMatrix({ stored: dense }, layer), Uint8Array.from(gone), { ...moments, damping });
  for (const [name, { data }] of layerTensors({ stored: part(theta) }, layer, fitted))
    theta.set(data, places.get(name)!.offset);
}
