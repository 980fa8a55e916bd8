/**
 * A likelihood whose negative logarithm is an ONNX graph (prediction, target) → terms, without a normaliser.
 *
 *     −log p(y | f) = ℓ(f, y) + constant
 *
 * Evidences of one loss can be compared; their size means something only where ℓ is normalised. Its curvature is the exact one,
 * which may be indefinite.
 */
import { customLoss, type OnnxModel } from "@hessonite/core";
import type { Likelihood } from "./likelihood.ts";

export interface CustomOptions {
  /** Say so only if ∂²ℓ/∂f² ≥ 0 everywhere: low-rank and matrix-free posteriors need it. */
  readonly convex?: boolean;
}

export function customLikelihood(graph: OnnxModel, { convex = false }: CustomOptions = {}): Likelihood {
  return {
    name: "custom",
    kind: "custom",
    loss: customLoss(graph, { reduction: "sum", convex }),
    unit: 1,
    noisy: false,
    logNormaliser: () => 0,
  };
}
