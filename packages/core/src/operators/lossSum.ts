/** Σ_t s_t ℓ_t over all data, unscaled: what went into it goes on where an earlier run was stopped. */
import { UsageError } from "../errors.ts";
import type { PartialSums } from "./factors/partialSums.ts";
import { sumStatistic } from "./factors/statistics.ts";
import type { Problem } from "./problem.ts";

export interface LossSumOptions {
  readonly part?: PartialSums;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/**
 * @throws {UsageError} if the sum is not finite.
 *
 * Cost: one evaluation of the model.
 */
export async function lossSum(problem: Problem, options: LossSumOptions = {}): Promise<number> {
  const sums = await sumStatistic(problem, {
    name: "loss",
    fisher: { fisher: "forward-only" },
    termwise: false,
    build: ({ g, loss }) => [g.reshape(loss, [1])],
    perColumn: () => false,
    ...options,
  });
  const sum = sums[0]?.[0] ?? 0;
  if (!problem.checks.finite || Number.isFinite(sum)) return sum;
  throw new UsageError("Cannot use the loss as it is not finite", { at: problem.data.name, found: sum });
}
