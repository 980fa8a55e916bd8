/**
 * Averages of weights.
 *
 *     average   θ = 1/n Σ θ_i
 *     linear    θ = Σ w_i θ_i, divided by Σ w_i where normalised
 *
 * Source: Wortsman et al. (2022), Model soups, arXiv:2203.05482.
 */
import { type Tensor, UsageError } from "@hessonite/core";
import { weightedSum, weightsFor } from "./entries.ts";

/** The mean. */
export function average(tensors: readonly Tensor[]): Tensor {
  return linear(tensors);
}

export interface LinearOptions {
  /** w, one a tensor; 1 unless given. */
  readonly weights?: readonly number[];
  /** Divide by Σ w; true unless said. */
  readonly normalize?: boolean;
}

/**
 * @throws {UsageError} if the weights add up to 0 and are to be normalised.
 *
 * @example
 * ```ts
 * const [a, b] = [tensor("float32", [2], [0, 2]), tensor("float32", [2], [4, 2])];
 * expect([...linear([a, b], { weights: [1, 3] }).data]).toEqual([3, 2]);
 * ```
 */
export function linear(tensors: readonly Tensor[], { weights, normalize = true }: LinearOptions = {}): Tensor {
  const given = weightsFor(tensors, weights);
  if (!normalize) return weightedSum(tensors, given);
  const total = given.reduce((sum, w) => sum + w, 0);
  if (total === 0) throw new UsageError("Cannot normalise weights as they add up to 0", { found: given.join(", ") });
  return weightedSum(
    tensors,
    given.map((w) => w / total),
  );
}
