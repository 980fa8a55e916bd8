/** Curvature that knows no pairs: C = diag(c). The optimum is the mask alone, a unit's cost ½ Σ c_j θ_j². */
import type { Vector } from "@hessonite/core";
import { maskedOrigin, type Quadratic, unitCount } from "./quadratic.ts";

/** @param curvature c ≥ 0, one entry a weight; all 1 is magnitude. */
export function diagonalQuadratic(name: string, origin: Vector, curvature: Vector): Quadratic {
  const rise = (delta: Vector): number => delta.reduce((sum, d, at) => sum + 0.5 * curvature[at]! * d * d, 0);
  return {
    name,
    origin,
    async optimum(kept) {
      const theta = maskedOrigin(origin, kept);
      return { theta, rise: rise(theta.map((value, at) => value - origin[at]!)) };
    },
    async costs(_kept, theta, units) {
      return Float64Array.from({ length: unitCount(units) }, (_, u) => {
        let cost = 0;
        for (const at of units.members.subarray(u * units.size, (u + 1) * units.size))
          cost += 0.5 * curvature[at]! * theta[at]! ** 2;
        return cost;
      });
    },
    solve: async (kept, x) => x.map((value, at) => (kept[at] && curvature[at]! > 0 ? value / curvature[at]! : 0)),
    rise: async (delta) => rise(delta),
  };
}
