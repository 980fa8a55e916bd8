/**
 * A model at growing sparsities, layer by layer, by the error of each layer's own outputs.
 *
 *     H_l = 2 A_l,  A_l the mean of a aᵀ over rows and positions       L_l(W) = ½ tr(Δ H_l Δᵀ)
 *     rise of the loss ≈ Σ_l ½ ḡ_l L_l                                 ḡ_l the mean diagonal of the output curvature G_l
 *
 * Layers are chosen for at the dense model's inputs, or one after the other at the inputs that the layers before, already
 * pruned, give them.
 */
import {
  type KroneckerFactors,
  kroneckerFactors,
  type Matrix,
  matrix,
  type Problem,
  type Vector,
} from "@hessonite/core";
import { allocate } from "../layerwise/allocate.ts";
import type { Pattern } from "../layerwise/pattern.ts";
import { type PrunedLayer, pruneLayer } from "../layerwise/pruneLayer.ts";
import type { Refinement } from "../layerwise/refinedRows.ts";
import type { MethodParts } from "./method.ts";
import type { Improve, PathPoint } from "./path.ts";
import { layerValues, type Prunable, type PrunableLayer, zerosIn } from "./prunable.ts";
import { type Job, problemAt } from "./setting.ts";

export interface LayerPathOptions {
  readonly pattern: Pattern;
  /** Sparsities, ascending. */
  readonly levels: readonly number[];
  /** Inputs from the model pruned so far, layer by layer. */
  readonly sequential: boolean;
  readonly refinement?: Refinement;
  /** Relative to H's mean diagonal; each method's own unless said. */
  readonly damping?: number;
  readonly improve?: Improve;
  readonly signal?: AbortSignal;
  readonly onPoint?: (point: PathPoint) => void;
}

type LayerwiseMethod = Extract<MethodParts, { readonly scope: "layer" }>;

export async function layerPath(
  job: Job,
  prunable: Prunable,
  method: LayerwiseMethod,
  options: LayerPathOptions,
): Promise<PathPoint[]> {
  const { levels, improve, onPoint } = options;
  const factors = await factorsOf(job.problem, prunable, "backward");
  const before = await job.judge.loss(job.origin);
  const grid =
    method.allocation === "dynamic" && options.pattern.kind !== "n:m"
      ? curvesOf(job, prunable, factors, method, options)
      : undefined;
  const points: PathPoint[] = [];
  for (const level of levels) {
    options.signal?.throwIfAborted();
    const shares = grid ? sharesAt(prunable, grid, level) : prunable.layers.map(() => level);
    const { theta, kept, rise } = await prunedAt(job, prunable, factors, method, shares, options);
    const zeros = zerosIn(prunable.layers, kept);
    const plain: PathPoint = {
      sparsity: zeros / prunable.weights,
      zeros,
      theta,
      kept,
      predicted: before + rise,
      measured: await job.judge.measure(theta),
      candidates: 1,
      curvature: "layers' inputs",
      costs: new Float64Array(0),
    };
    const point = improve ? await improve(plain) : plain;
    points.push(point);
    onPoint?.(point);
  }
  return points;
}

interface LayerFactors {
  /** H = 2 A */
  readonly hessian: Matrix;
  /** ḡ: the mean of G's diagonal; 1 where it was not asked for. */
  readonly weight: number;
}

/** Of every prunable layer, in order. */
async function factorsOf(
  problem: Problem,
  { layers }: Prunable,
  pass: "forward" | "backward",
): Promise<LayerFactors[]> {
  const { blocks } = await kroneckerFactors(problem, {
    bias: "separate",
    ...(pass === "forward" ? { fisher: "forward-only" as const } : {}),
  });
  const byName = new Map(blocks.map((block) => [block.name, block]));
  return layers.map(({ name }) => factorOf(byName.get(name)!));
}

function factorOf({ a, g }: KroneckerFactors["blocks"][number]): LayerFactors {
  const inputs = a as Matrix; // a matrix layer's
  let trace = 0;
  for (let i = 0; i < g.rows; i++) trace += g.data[i * (g.rows + 1)]!;
  return {
    hessian: matrix(
      inputs.rows,
      inputs.columns,
      inputs.data.map((x) => 2 * x),
    ),
    weight: trace / g.rows,
  };
}

/** Sparsities that curves are made at. */
const grid = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 1] as const;

interface Curve {
  /** Foretold rise of the loss at each of the grid's sparsities. */
  readonly losses: readonly number[];
}

/** Without refinement: curves are for sharing out. */
function curvesOf(
  { origin }: Job,
  { layers }: Prunable,
  factors: readonly LayerFactors[],
  method: LayerwiseMethod,
  options: LayerPathOptions,
): Curve[] {
  return layers.map((layer, l) => ({
    losses: grid.map((sparsity) => {
      if (sparsity === 0) return 0;
      const { loss } = prunedLayer(layer, origin, factors[l]!, method, sparsity, { ...options, refinement: undefined });
      return 0.5 * factors[l]!.weight * loss;
    }),
  }));
}

function sharesAt({ layers, weights }: Prunable, curves: readonly Curve[], level: number): number[] {
  const choices = curves.map(({ losses }, l) =>
    losses.map((loss, k) => ({ loss, saving: Math.round(grid[k]! * layers[l]!.index.length) })),
  );
  const wanted = Math.round(level * weights);
  const picks = allocate(choices, wanted);
  const saved = picks.reduce((sum, k, l) => sum + choices[l]![k]!.saving, 0);
  return picks.map(
    (k, l) => Math.max(0, (grid[k]! * wanted) / Math.max(saved, 1)) * Number(layers[l]!.index.length > 0),
  );
}

interface PrunedPoint {
  readonly theta: Vector;
  readonly kept: Uint8Array;
  readonly rise: number;
}

async function prunedAt(
  job: Job,
  prunable: Prunable,
  dense: readonly LayerFactors[],
  method: LayerwiseMethod,
  shares: readonly number[],
  options: LayerPathOptions,
): Promise<PrunedPoint> {
  const theta = job.origin.slice();
  const kept = new Uint8Array(theta.length).fill(1);
  let rise = 0;
  for (const [l, layer] of prunable.layers.entries()) {
    options.signal?.throwIfAborted();
    const hessian =
      options.sequential && l > 0 ? (await factorsAt(job, prunable, theta))[l]!.hessian : dense[l]!.hessian;
    const pruned = prunedLayer(layer, theta, { ...dense[l]!, hessian }, method, shares[l]!, options);
    layer.index.forEach((at, k) => {
      theta[at] = pruned.weights.data[k]!;
      if (pruned.mask[k]) kept[at] = 0;
    });
    rise += 0.5 * dense[l]!.weight * pruned.loss;
  }
  return { theta, kept, rise };
}

async function factorsAt(job: Job, prunable: Prunable, theta: Vector): Promise<LayerFactors[]> {
  await using problem = await problemAt(job, theta);
  return factorsOf(problem, prunable, "forward");
}

function prunedLayer(
  layer: PrunableLayer,
  theta: Vector,
  { hessian }: LayerFactors,
  method: LayerwiseMethod,
  sparsity: number,
  {
    pattern,
    refinement,
    damping,
    signal,
  }: Omit<LayerPathOptions, "refinement"> & { readonly refinement?: Refinement | undefined },
): PrunedLayer {
  return pruneLayer(matrix(layer.out, layer.in, layerValues(layer, theta)), hessian, {
    method: method.selection,
    pattern,
    sparsity,
    ...(method.compensation ? { compensation: method.compensation } : {}),
    ...(refinement && method.selection === "obc" ? { refinement } : {}),
    ...(damping === undefined ? {} : { damping }),
    ...(signal ? { signal } : {}),
  });
}
