/**
 * A quadratic model of what leaving θ₀ costs, that knows the price of every weight.
 *
 *     q(δ) = ½ δᵀ C δ        C positive definite, damping included; δ = θ − θ₀
 *
 * With M the pruned weights (θ_M = 0) and K the kept ones:
 *
 *     optimum    θ_K = θ₀_K + C_KK⁻¹ C_KM θ₀_M,   the least q that the mask allows
 *     cost       ½ θ_uᵀ [C_KK⁻¹]_uu⁻¹ θ_u,        what the unit u ⊂ K adds to that least q, at the optimum θ
 */
import type { Vector } from "@hessonite/core";

export interface Optimum {
  /** The point: 0 where pruned. Entries that the model does not know of are θ₀'s. */
  readonly theta: Vector;
  /** q there: the predicted rise of the loss. */
  readonly rise: number;
}

export interface Quadratic {
  /** What it is made of, for people. */
  readonly name: string;
  /** θ₀ */
  readonly origin: Vector;
  /** @param kept 1 where a weight may be other than 0. */
  optimum(kept: Uint8Array): Promise<Optimum>;
  /**
   * The cost of each unit at the optimum of `kept`.
   *
   * @param units `[count, size]` positions of the units' weights, all kept.
   */
  costs(kept: Uint8Array, theta: Vector, units: Units): Promise<Float64Array>;
  /** C_KK⁻¹ x_K, and 0 where pruned. */
  solve(kept: Uint8Array, x: Vector): Promise<Vector>;
  /** ½ δᵀ C δ, damping included. */
  rise(delta: Vector): Promise<number>;
}

/** Units of one size, as positions in the flat vector. */
export interface Units {
  readonly size: number;
  /** `[count, size]` */
  readonly members: Int32Array;
}

export function unitCount({ size, members }: Units): number {
  return members.length / size;
}

/**
 * The single updates of all pruned weights, added up as if they did not know of each other (WoodFisher).
 *
 *     θ = θ₀ − C⁻¹ Σ_{j ∈ M} e_j θ₀_j / [C⁻¹]_jj, and 0 where pruned
 */
export async function summedUpdates(quadratic: Quadratic, kept: Uint8Array): Promise<Optimum> {
  const { origin } = quadratic;
  const all = new Uint8Array(origin.length).fill(1);
  const members = Int32Array.from([...kept.keys()].filter((at) => !kept[at] && origin[at] !== 0));
  const costs = await quadratic.costs(all, origin, { size: 1, members });
  const ratios = new Float64Array(origin.length);
  members.forEach((at, k) => {
    ratios[at] = (2 * costs[k]!) / origin[at]!; // θ_j / [C⁻¹]_jj
  });
  const moved = await quadratic.solve(all, ratios);
  const theta = origin.map((value, at) => (kept[at] ? value - moved[at]! : 0));
  return { theta, rise: await quadratic.rise(theta.map((value, at) => value - origin[at]!)) };
}

/** θ₀ with 0 where pruned. */
export function maskedOrigin(origin: Vector, kept: Uint8Array): Vector {
  return origin.map((value, at) => (kept[at] ? value : 0));
}
