/**
 * How much to take from each of several curves so that the total loss is least, by dynamic programming.
 *
 *     minimise Σ_i f_i(k_i)   subject to Σ_i s_i(k_i) ≥ S        one choice k_i a curve
 *
 * Exact on a grid of savings: every choice's saving is rounded down to a whole number of steps, so what is asked for is met.
 */
import { UsageError } from "@hessonite/core";

export interface Choice {
  /** What the choice saves: weights, bytes, operations. */
  readonly saving: number;
  /** What it costs, in loss. */
  readonly loss: number;
}

/** Steps of the grid at most; a finer saving is rounded. */
const finest = 20_000;

/**
 * The chosen index of each curve.
 *
 * @throws {UsageError} if even the largest savings together are less than what is asked for.
 *
 * Cost: grid steps × choices of all curves.
 */
export function allocate(curves: readonly (readonly Choice[])[], wanted: number): number[] {
  const most = curves.map((curve) => Math.max(...curve.map(({ saving }) => saving)));
  const possible = most.reduce((sum, x) => sum + x, 0);
  if (possible < wanted) {
    throw new UsageError("Cannot save as much as was asked for", { expected: wanted, found: possible });
  }
  const whole = curves.every((curve) => curve.every(({ saving }) => Number.isInteger(saving)));
  const step = whole && wanted <= finest ? 1 : Math.max(wanted, Number.MIN_VALUE) / finest;
  const target = Math.ceil(wanted / step);
  let best = new Float64Array(target + 1).fill(Number.POSITIVE_INFINITY);
  best[0] = 0;
  const stages = curves.map((curve) => {
    const next = new Float64Array(target + 1).fill(Number.POSITIVE_INFINITY);
    const pick = new Int32Array(target + 1);
    const origin = new Int32Array(target + 1);
    curve.forEach(({ saving, loss }, k) => {
      const size = Math.floor(saving / step + 1e-9);
      for (let from = 0; from <= target; from++) {
        const total = best[from]! + loss;
        const to = Math.min(target, from + size);
        if (total < next[to]!) {
          next[to] = total;
          pick[to] = k;
          origin[to] = from;
        }
      }
    });
    best = next;
    return { pick, origin };
  });
  const chosen = new Array<number>(curves.length).fill(0);
  let at = target;
  for (let i = curves.length - 1; i >= 0; i--) {
    chosen[i] = stages[i]!.pick[at]!;
    at = stages[i]!.origin[at]!;
  }
  return chosen;
}
