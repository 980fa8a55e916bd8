/**
 * A quadratic with a slope at its origin: q(δ) = gᵀδ + ½ δᵀ C δ.
 *
 *     θ_K = θ₀_K + C_KK⁻¹ (C_KM θ₀_M − g_K)        costs of units as without a slope, at this optimum
 *
 * A model that was pruned before no longer does what the dense one did: with the slope of their divergence the kept weights
 * also make up for what is already lost.
 */
import type { Vector } from "@hessonite/core";
import type { Quadratic } from "./quadratic.ts";

export function sloped(base: Quadratic, slope: Vector): Quadratic {
  const rise = async (delta: Vector): Promise<number> =>
    (await base.rise(delta)) + delta.reduce((sum, d, at) => sum + d * slope[at]!, 0);
  return {
    ...base,
    async optimum(kept) {
      const { theta } = await base.optimum(kept);
      const step = await base.solve(kept, slope);
      for (let at = 0; at < theta.length; at++) if (kept[at]) theta[at]! -= step[at]!;
      return { theta, rise: await rise(theta.map((value, at) => value - base.origin[at]!)) };
    },
    rise,
  };
}
