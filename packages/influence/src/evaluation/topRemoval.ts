/**
 * Top-k removal: a query's most helpful rows are taken away and the model is trained again, beside as many random rows. Scores
 * that know what helps raise the query's loss more.
 *
 * Source: Park et al. (2023), TRAK, arXiv:2303.14186, section 5 (brittleness); Ilyas et al. (2022), arXiv:2202.00622.
 */
import { randomStream, UsageError } from "@hessonite/core";
import { extremeRows } from "./combine.ts";

export interface TopRemovalRequest {
  /** `[queries, rows]` */
  readonly scores: ArrayLike<number>;
  readonly queries: number;
  readonly rows: number;
  /** How many rows are taken away. */
  readonly count: number;
  /** The losses of all queries after training on these rows. */
  readonly retrain: (rows: Int32Array) => Promise<ArrayLike<number>>;
  /** Queries to try; all unless said. Each costs one training. */
  readonly chosen?: readonly number[];
  /** Random removals, each one training; 3 unless said. */
  readonly draws?: number;
  readonly seed?: number;
}

export interface TopRemoval {
  readonly query: number;
  /** What the query's loss rises by without its most helpful rows. */
  readonly top: number;
  /** Mean rise without as many random rows. */
  readonly random: number;
}

/** @throws {UsageError} if more rows are to go than there are. */
export async function topRemoval(request: TopRemovalRequest): Promise<TopRemoval[]> {
  const { scores, queries, rows, count, retrain, draws = 3, seed = 0 } = request;
  if (!(count > 0 && count < rows)) {
    throw new UsageError("Cannot remove so many rows as there are not more of them", {
      expected: `1 … ${rows - 1}`,
      found: count,
    });
  }
  const { chosen = Array.from({ length: queries }, (_, q) => q) } = request;
  const whole = await retrain(without(rows, []));
  const stream = randomStream(seed, "random removal");
  const atRandom: ArrayLike<number>[] = [];
  for (let i = 0; i < draws; i++)
    atRandom.push(await retrain(without(rows, [...stream.permutation(rows).subarray(0, count)])));
  const found: TopRemoval[] = [];
  for (const query of chosen) {
    const own = Array.from({ length: rows }, (_, i) => scores[query * rows + i]!);
    const gone = extremeRows(own, count).helpful.map(({ row }) => row);
    const losses = await retrain(without(rows, gone));
    const random = atRandom.reduce((sum, one) => sum + one[query]! - whole[query]!, 0) / draws;
    found.push({ query, top: losses[query]! - whole[query]!, random });
  }
  return found;
}

function without(rows: number, gone: readonly number[]): Int32Array {
  const absent = new Set(gone);
  return Int32Array.from({ length: rows }, (_, i) => i).filter((row) => !absent.has(row));
}
