/** One linear layer pruned: a method chooses the mask, a compensation the weights that stay. */
import type { Matrix } from "@hessonite/core";
import { masked, summedUpdates } from "./compensate.ts";
import { magnitudeCosts, obdCosts, obsCosts, rowCosts, wandaCosts } from "./costs.ts";
import { jointUpdate } from "./jointUpdate.ts";
import { type PreparedLayer, prepareLayer, reconstructionError } from "./layer.ts";
import { firstSteps, obcTraces, perGroup, type TraceOptions } from "./obc.ts";
import { type Pattern, spread, type Units, unitsOf } from "./pattern.ts";
import { type Refinement, refinedUnits } from "./refinedRows.ts";
import { selectByCosts } from "./select.ts";
import { sparsegptSweep } from "./sparsegpt.ts";

export const layerMethods = ["magnitude", "wanda", "obd", "obs", "obc", "sparsegpt"] as const;
export type LayerMethod = (typeof layerMethods)[number];

export const layerCompensations = ["none", "summed", "joint"] as const;
export type LayerCompensation = (typeof layerCompensations)[number];

export interface PruneLayerOptions extends TraceOptions {
  readonly method: LayerMethod;
  /** Elements unless said. */
  readonly pattern?: Pattern;
  /** Share of the units to remove; n:m says it itself. */
  readonly sparsity?: number;
  /** Of the mask, after OBC's greedy order; none unless said. */
  readonly refinement?: Refinement;
  /** The method's own unless said: none for magnitude, Wanda and OBD, the joint update for OBS and OBC, the sweep's for SparseGPT. */
  readonly compensation?: LayerCompensation;
  /** Relative to H's mean diagonal: SparseGPT 0.01, others 0 unless said; more where H is singular. */
  readonly damping?: number;
  /** Columns a block of SparseGPT's; 128 unless said. */
  readonly blockSize?: number;
}

export interface PrunedLayer {
  readonly weights: Matrix;
  /** 1 where pruned. */
  readonly mask: Uint8Array;
  /** ½ tr(Δ H Δᵀ), damping left out: (1/n) ‖X (W − W₀)ᵀ‖² for H of the inputs X. */
  readonly loss: number;
  readonly damping: number;
  readonly dead: readonly number[];
}

/**
 * @param weights W₀ `[out, in]`.
 * @param hessian H = 2 XᵀX / n `[in, in]`, as layerHessian makes it.
 * @throws {UsageError | MismatchError} if the layer cannot take the pattern, or something is not finite.
 *
 * @example
 * ```ts
 * const x = fromRows([[1, 0.9], [0.9, 1], [-1, -0.8]]);
 * const pruned = pruneLayer(fromRows([[1, 1]]), layerHessian(x), { method: "obc", sparsity: 0.5 });
 * expect(pruned.weights.data.filter((w) => w === 0)).toHaveLength(1);
 * ```
 */
export function pruneLayer(weights: Matrix, hessian: Matrix, options: PruneLayerOptions): PrunedLayer {
  const { method, damping = method === "sparsegpt" ? 0.01 : 0 } = options;
  const layer = prepareLayer(weights, hessian, { damping });
  const units = unitsOf(options.pattern ?? { kind: "element" }, weights);
  const { chosen, swept } = choose(layer, units, options);
  const compensation = options.compensation ?? (swept ? "swept" : defaultCompensation[method]);
  const after = compensation === "swept" ? swept! : compensated(layer, chosen, compensation);
  return {
    weights: after,
    mask: chosen,
    loss: reconstructionError(weights, after, hessian),
    damping: layer.damping,
    dead: layer.dead,
  };
}

const defaultCompensation: Readonly<Record<LayerMethod, LayerCompensation>> = {
  magnitude: "none",
  wanda: "none",
  obd: "none",
  obs: "joint",
  obc: "joint",
  sparsegpt: "joint",
};

interface Chosen {
  /** 1 where pruned. */
  readonly chosen: Uint8Array;
  /** Weights that the choice made on its way. */
  readonly swept?: Matrix;
}

function choose(layer: PreparedLayer, units: Units, options: PruneLayerOptions): Chosen {
  const { method, sparsity = 0.5, refinement, blockSize } = options;
  if (units.across === 1) {
    const costs = method === "magnitude" ? magnitudeCosts(layer.weights) : rowCosts(layer);
    return { chosen: spread(selectByCosts(costs, units, { sparsity, within: "layer" }), units) };
  }
  if (method === "sparsegpt") {
    const { weights, mask } = sparsegptSweep(layer, units, { sparsity, ...(blockSize ? { blockSize } : {}) });
    return { chosen: mask, swept: weights };
  }
  if (method === "obc") {
    if (refinement) return { chosen: spread(refinedUnits(layer, units, sparsity, refinement, options), units) };
    const traces = obcTraces(layer, units, options);
    return { chosen: spread(firstSteps(traces, perGroup(traces, units, sparsity), units), units) };
  }
  const costs = costsOf[method](layer);
  const within = method === "wanda" ? "row" : "layer";
  return { chosen: spread(selectByCosts(costs, units, { sparsity, within }), units) };
}

const costsOf = {
  magnitude: ({ weights }: PreparedLayer) => magnitudeCosts(weights),
  wanda: wandaCosts,
  obd: obdCosts,
  obs: obsCosts,
} as const;

function compensated(layer: PreparedLayer, mask: Uint8Array, compensation: LayerCompensation): Matrix {
  if (compensation === "joint") return jointUpdate(layer, mask).weights;
  return compensation === "summed" ? summedUpdates(layer, mask) : masked(layer.weights, mask);
}
