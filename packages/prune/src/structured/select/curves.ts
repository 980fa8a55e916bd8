/**
 * Channels shared out between groups by dynamic programming: what each group alone would cost and save, step by step, and the
 * choice of steps that costs least together.
 *
 *     minimise Σ_groups loss(steps)   subject to Σ_groups saving(steps) ≥ T
 *
 * Savings of groups that meet in one layer are not a sum (a product of lengths shrinks by less), so T is raised until the model
 * without those channels saves what is asked for.
 */
import { allocate, type Choice } from "../../layerwise/allocate.ts";
import type { ChannelCosts } from "./channelCosts.ts";

/** A group's channels in the order in which it would lose them, and what that costs and saves after so many. */
export interface GroupCurve {
  readonly order: readonly number[];
  /** The first is nothing lost. */
  readonly steps: readonly (Choice & { readonly count: number })[];
}

/** Steps of a curve, at most. */
const mostSteps = 64;

/**
 * @param next How many channels of those left go at once; 0 where none may.
 * @param savedBy What one more channel saves; called before it goes.
 */
export function groupCurve(
  channels: readonly number[],
  costs: ChannelCosts,
  next: (left: ReadonlySet<number>) => number,
  savedBy: (channel: number) => number,
): GroupCurve {
  const left = new Set(channels);
  const order: number[] = [];
  const steps = [{ count: 0, saving: 0, loss: 0 }];
  let [saving, loss] = [0, 0];
  for (let step = next(left); step > 0; step = next(left)) {
    for (let k = 0; k < step; k++) {
      const channel = [...left].reduce((a, b) => (costs.cost(b) < costs.cost(a) ? b : a));
      loss += costs.cost(channel);
      saving += savedBy(channel);
      costs.remove(channel);
      left.delete(channel);
      order.push(channel);
    }
    steps.push({ count: order.length, saving, loss });
  }
  const stride = Math.ceil(steps.length / mostSteps);
  return { order, steps: steps.filter((_, i) => i % stride === 0 || i === steps.length - 1) };
}

/** Bisections of T. */
const trials = 12;

/**
 * The channels that go.
 *
 * @param wanted What is to be saved.
 * @param savedBy What a model without these channels saves.
 */
export function shareOut(
  curves: readonly GroupCurve[],
  wanted: number,
  savedBy: (removed: readonly number[]) => number,
): readonly number[] {
  const all = curves.map(({ steps }) => steps.length - 1);
  const removedAt = (picks: readonly number[]): number[] =>
    curves.flatMap(({ order, steps }, i) => order.slice(0, steps[picks[i]!]!.count));
  const most = curves.reduce((sum, { steps }) => sum + steps.at(-1)!.saving, 0) * (1 - 1e-3); // savings are rounded
  if (most < wanted || savedBy(removedAt(all)) < wanted) return removedAt(all);
  const at = (target: number): number[] =>
    removedAt(
      allocate(
        curves.map(({ steps }) => steps),
        target,
      ),
    );
  let [low, high] = [wanted, most];
  let best = at(low);
  if (savedBy(best) >= wanted) return best;
  best = removedAt(all);
  for (let k = 0; k < trials; k++) {
    const middle = (low + high) / 2;
    const removed = at(middle);
    if (savedBy(removed) >= wanted) [best, high] = [removed, middle];
    else low = middle;
  }
  return best;
}
