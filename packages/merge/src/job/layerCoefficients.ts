/**
 * How far each layer goes from where a merge starts to what it came to, by held-out loss.
 *
 *     θ_l ← a_l + c_l (θ_l − a_l)
 *
 * a is the anchor of a merge by curvature; else the base, or without one the average. For task arithmetic c_l is a λ a layer.
 *
 * Source: Yang et al. (2024), AdaMerging: adaptive model merging for multi-task learning, arXiv:2310.02575 (coefficients by
 * layer; there by entropy and gradient descent).
 */
import type { ParameterSpace, Vector } from "@hessonite/core";
import { layersOf } from "../models/layers.ts";
import { bestFactor, type Choice, worth } from "./choices.ts";
import type { Judge } from "./judge.ts";

export const layerFactors: readonly number[] = [0.25, 0.5, 0.75, 1, 1.25, 1.5];

/** Cost: six evaluations of all tasks' held-out rows a layer. */
export async function chooseLayerCoefficients(
  space: ParameterSpace,
  origin: Vector,
  merged: Vector,
  judge: Judge,
): Promise<{ readonly values: Vector; readonly choices: readonly Choice[] }> {
  let values = merged;
  const choices: Choice[] = [];
  for (const { layer, parameters } of layersOf(space)) {
    const own = parameters.flatMap((i) => space.parameters[i] ?? []);
    const moved = (coefficient: number): Vector => along(own, values, origin, merged, coefficient);
    const { factor, curve } = await bestFactor(layerFactors, (tried) => worth(judge, moved(tried)));
    if (factor !== 1) values = moved(factor);
    choices.push({ what: "layers", of: layer, by: "held-out data", chosen: factor, curve });
  }
  return { values, choices };
}

/** `values` with some parameters at a + c (θ − a). */
function along(
  parameters: ParameterSpace["parameters"],
  values: Vector,
  origin: Vector,
  merged: Vector,
  coefficient: number,
): Vector {
  const theta = values.slice();
  for (const { offset, size } of parameters) {
    for (let k = offset; k < offset + size; k++)
      theta[k] = (origin[k] ?? 0) + coefficient * ((merged[k] ?? 0) - (origin[k] ?? 0));
  }
  return theta;
}
