/**
 * The diagonal of a task's Fisher matrix, example by example.
 *
 *     type-2      Σ_n s_n diag(J_nᵀ H_n J_n)                 the GGN's diagonal; no labels
 *     mc          the same with H_n from labels drawn from the model
 *     empirical   Σ_n s_n (∂ℓ_n/∂θ)²                         the given labels
 *
 * times the mean loss's scale. Squaring happens before the sum over examples: the square of a batch's mean gradient is no
 * Fisher matrix, and shrinks with the batch.
 *
 * Source: Matena & Raffel (2022), Merging models with Fisher-weighted averaging, arXiv:2111.09832.
 */
import { ggnDiagonal, type Problem, perExampleGradients, type Vector } from "@hessonite/core";

export type FisherKind =
  | { readonly fisher: "type-2" | "empirical" }
  | { readonly fisher: "mc"; readonly samples: number; readonly seed: number };

/**
 * @returns P entries ≥ 0.
 * @throws {UsageError} if labels are needed and absent, or the loss has no likelihood.
 */
export async function fisherDiagonal(problem: Problem, kind: FisherKind, signal?: AbortSignal): Promise<Vector> {
  const cancel = signal ? { signal } : {};
  if (kind.fisher === "type-2") return ggnDiagonal(problem, cancel);
  if (kind.fisher === "mc") {
    return ggnDiagonal(problem, { fisher: "sampled", samples: kind.samples, seed: kind.seed, ...cancel });
  }
  return empiricalDiagonal(problem, signal);
}

async function empiricalDiagonal(problem: Problem, signal: AbortSignal | undefined): Promise<Vector> {
  const { size } = problem.space;
  const total = new Float64Array(size);
  const weights = await rowWeights(problem, signal);
  for await (const { firstRow, rows, gradients } of perExampleGradients(problem, signal ? { signal } : {})) {
    for (let row = 0; row < rows; row++) {
      const weight = weights[firstRow + row] ?? 0;
      if (weight === 0) continue;
      // A gradient carries its row's weight once; the square would carry it twice.
      const factor = problem.scale / weight;
      const own = gradients.subarray(row * size, (row + 1) * size);
      for (let k = 0; k < size; k++) total[k] = (total[k] ?? 0) + factor * (own[k] ?? 0) ** 2;
    }
  }
  return total;
}

async function rowWeights(problem: Problem, signal: AbortSignal | undefined): Promise<Float64Array> {
  const all = new Float64Array(problem.survey.rows);
  for await (const { firstRow, rows, rowWeights: own } of problem.batches(signal))
    all.set(own.data.subarray(0, rows), firstRow);
  return all;
}
