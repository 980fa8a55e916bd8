/**
 * Optimal Brain Quantisation: each row's weights go to their levels one by one, the cheapest next, and those that are left make up
 * for the error so far.
 *
 *     cost(j) = ½ (w_j − q_j)² / [H⁻¹]_jj      w ← w − [H⁻¹]_·j (w_j − q_j) / [H⁻¹]_jj      H⁻¹ ← its Schur complement at j
 *
 * Pruned weights go to 0 first. In the columns' order instead of the cheapest, the same steps are GPTQ's, which all rows share.
 *
 * Sources: Frantar & Alistarh (2022), Optimal Brain Compression, arXiv:2208.11580; Frantar et al. (2023), GPTQ, arXiv:2210.17323.
 */
import { type Matrix, matrix } from "@hessonite/core";
import type { PreparedLayer } from "../layerwise/layer.ts";

/** The level of a weight. */
export type Round = (weight: number, row: number, column: number) => number;

/**
 * @param gone 1 where a weight is to be 0.
 * @param inputs Columns that are rounded; those behind them only make up for errors. All unless said.
 *
 * Cost: d³ multiplications a row; for layers of some hundreds of inputs.
 */
export function obqSweep(
  { weights, inverse }: Pick<PreparedLayer, "weights" | "inverse">,
  round: Round,
  gone?: Uint8Array,
  inputs: number = weights.columns,
): Matrix {
  const { rows, columns: d } = weights;
  const out = matrix(rows, d, weights.data.slice());
  for (let row = 0; row < rows; row++) {
    const pruned = (j: number): boolean => gone?.[row * d + j] === 1;
    const level = (w: number, j: number): number => (pruned(j) ? 0 : round(w, row, j));
    sweepRow(out.data.subarray(row * d, (row + 1) * d), inverse, level, pruned, inputs);
  }
  return out;
}

function sweepRow(
  w: Float64Array,
  inverse: Matrix,
  level: (w: number, j: number) => number,
  first: (j: number) => boolean,
  inputs: number,
): void {
  const d = w.length;
  const h = inverse.data.slice();
  const left = new Set(w.keys());
  for (let step = 0; step < inputs; step++) {
    const j = cheapest(left, inputs, (at) => (first(at) ? -1 : (w[at]! - level(w[at]!, at)) ** 2 / h[at * d + at]!));
    const to = level(w[j]!, j);
    const pivot = h[j * d + j]!;
    const error = (w[j]! - to) / pivot;
    left.delete(j);
    w[j] = to;
    for (const i of left) {
      const along = h[i * d + j]!;
      w[i]! -= error * along;
      for (const k of left) h[i * d + k]! -= (along * h[j * d + k]!) / pivot;
    }
  }
}

function cheapest(left: ReadonlySet<number>, inputs: number, cost: (j: number) => number): number {
  let [best, least] = [-1, Number.POSITIVE_INFINITY];
  for (const j of left) {
    if (j >= inputs) continue;
    const own = cost(j);
    if (own < least) [best, least] = [j, own];
  }
  return best;
}
