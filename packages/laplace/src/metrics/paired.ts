/** Differences between two predictions of the same rows, and how sure they are. */
import { randomStream } from "@hessonite/core";
import { mean } from "./classification.ts";

export interface Paired {
  /** Mean of a − b. */
  readonly difference: number;
  /** Of that mean. */
  readonly standardError: number;
}

export function paired(a: ArrayLike<number>, b: ArrayLike<number>): Paired {
  const differences = Array.from(a, (x, i) => x - b[i]!);
  const difference = mean(differences);
  const squares = differences.reduce((sum, d) => sum + (d - difference) ** 2, 0);
  return { difference, standardError: Math.sqrt(squares / Math.max(differences.length - 1, 1) / differences.length) };
}

/**
 * The middle 95 % of a statistic over rows drawn with replacement.
 *
 * @param statistic Of the rows whose numbers it is given.
 */
export function bootstrapInterval(
  rows: number,
  statistic: (rows: Int32Array) => number,
  { draws = 1000, seed = 0 }: { readonly draws?: number; readonly seed?: number } = {},
): readonly [number, number] {
  const stream = randomStream(seed, "bootstrap");
  const values = Float64Array.from({ length: draws }, () =>
    statistic(Int32Array.from({ length: rows }, () => stream.integer(rows))),
  );
  values.sort();
  const at = (share: number): number => values[Math.min(Math.floor(share * draws), draws - 1)]!;
  return [at(0.025), at(0.975)];
}
