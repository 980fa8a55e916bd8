/**
 * The diagonal of the generalised Gauss–Newton matrix, exact or by Monte Carlo.
 *
 *     diag G = scale · Σ_t s_t Σ_c (J_tᵀ S_t,c)²        S_t S_tᵀ = ∂²ℓ_t/∂f²
 *
 * With `samples`, the columns S_t,c are scores of labels drawn from the model, divided by √samples.
 *
 * Source: Dangel, Kunstner, Hennig (2020), BackPACK: packing more into backprop, ICLR (DiagGGN, DiagGGN-MC).
 */
import { requireFiniteResult } from "./checks.ts";
import { layerDiagonal } from "./examples/blockDiagonals.ts";
import { layersIfAll } from "./factors/layersIfAll.ts";
import type { FactorOptions } from "./factors/request.ts";
import { requireLikelihood } from "./ggn.ts";
import type { Vector } from "./linearOperator.ts";
import type { Problem } from "./problem.ts";
import { vectorisedDiagonal } from "./vectorisedDiagonal.ts";

export type GgnDiagonalOptions = { readonly signal?: AbortSignal } & (
  | { readonly fisher?: "exact" }
  | { readonly fisher: "sampled"; readonly samples: number; readonly seed: number }
);

/**
 * @returns P entries, all ≥ 0.
 * @throws {UsageError} if the loss has no likelihood to factor.
 *
 * Cost: a pull-back to the layers' outputs for each class or sample (and each loss term of a row), and products of what the
 * layers see: no gradient of a row is formed where a layer sees one position a row. Where a parameter lies in no layer, the
 * gradients themselves are pulled back, which takes many times as long.
 */
export async function ggnDiagonal(problem: Problem, options: GgnDiagonalOptions = {}): Promise<Vector> {
  const likelihood = requireLikelihood(problem.loss, "GGN diagonal");
  const layers = layersIfAll(problem);
  const small = layers?.every(({ kind, in: rows }) => kind !== "table" || rows <= mostTableRows);
  const found = small ? await byLayers(problem, options) : await vectorisedDiagonal(problem, likelihood, options);
  if (problem.checks.finite) requireFiniteResult(problem.space, found, "GGN diagonal");
  return found;
}

/** Rows of an embedding table above which its look-ups as a one-hot matrix cost more than what layers save. */
const mostTableRows = 4096;

async function byLayers(problem: Problem, options: GgnDiagonalOptions): Promise<Vector> {
  const { signal } = options;
  const labels: FactorOptions =
    options.fisher === "sampled"
      ? { fisher: "mc", samples: options.samples, seed: options.seed }
      : { fisher: "type-2" };
  return layerDiagonal(problem, { bias: "separate", ...labels }, { convention: "perTerm", ...(signal && { signal }) });
}
