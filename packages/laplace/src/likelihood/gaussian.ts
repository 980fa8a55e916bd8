/**
 * Regression with one noise for all outputs: y ~ N(f, σ² I).
 *
 *     −log p = ‖f − y‖² / (2σ²) + C log(σ √(2π))
 */
import { squaredError } from "@hessonite/core";
import { rootOfDiagonal } from "./diagonal.ts";
import type { Likelihood } from "./likelihood.ts";
import type { RowLikelihood } from "./rowwise.ts";

export function gaussian(): Likelihood {
  return {
    name: "gaussian",
    kind: "regression",
    loss: squaredError({ reduction: "sum" }),
    unit: 0.5,
    noisy: true,
    logNormaliser: (entries, noise) => entries * Math.log(noise * Math.sqrt(2 * Math.PI)),
    rowwise,
  };
}

const rowwise: RowLikelihood = {
  logDensity: (f, y, noise) =>
    f.reduce((sum, m, c) => sum - 0.5 * ((y[c]! - m) / noise) ** 2 - Math.log(noise * Math.sqrt(2 * Math.PI)), 0),
  residual: (f, y) => f.map((m, c) => m - y[c]!),
  outputFactor: (f) => rootOfDiagonal(f.map(() => 1)),
  sample: (f, noise, stream) => f.map((m) => m + noise * stream.normal()),
};
