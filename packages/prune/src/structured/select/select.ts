/** Which channels go, until a budget is met. */
import { UsageError } from "@hessonite/core";
import type { ChannelGraph, ChannelGroup } from "../groups/channelGroups.ts";
import type { ChannelCosts } from "./channelCosts.ts";
import { type CostModel, type Counted, costModel, type ModelCost, type RunningCost } from "./cost.ts";
import { groupCurve, shareOut } from "./curves.ts";

/** The share of something that has to go: half the FLOPs is `{ of: "flops", share: 0.5 }`. */
export interface ChannelBudget {
  readonly of: Counted | "channels";
  readonly share: number;
}

export const acrossNames = ["global", "uniform", "dynamic"] as const;
export type Across = (typeof acrossNames)[number];

export const budgetKinds = ["flops", "parameters", "bytes"] as const satisfies readonly Counted[];

export interface SelectOptions {
  readonly budget: ChannelBudget;
  /**
   * One order over all groups by cost for what is saved, the same share of each group, or dynamic programming over the groups'
   * curves; "global" unless said.
   */
  readonly across?: Across;
  /** Costs anew, nothing gone: what "dynamic" needs. */
  readonly restart?: () => ChannelCosts;
  /** The least share of a group that stays; 0.1 unless said, and never less than one channel. */
  readonly least?: number;
  /**
   * Groups shrink to multiples of this, for runtimes that work on so many channels at once; 1 unless said. A group that has
   * no more stays.
   */
  readonly multiple?: number;
  /** Length of the model's file, for a budget of bytes. */
  readonly fileBytes?: number;
  readonly signal?: AbortSignal;
}

export interface SelectedChannels {
  /** In the order in which they went. */
  readonly removed: readonly number[];
  /** Predicted rise after each, where the costs are losses. */
  readonly predicted: readonly number[];
  readonly after: ModelCost;
  /** False where groups ran out before. */
  readonly met: boolean;
  /** Groups that nothing is known of the costs of: all of them stay. */
  readonly unknown: readonly ChannelGroup[];
}

/** @throws {UsageError} if the share is not between 0 and 1. */
export function selectChannels(graph: ChannelGraph, costs: ChannelCosts, options: SelectOptions): SelectedChannels {
  const { budget, across = "global", least = 0.1, multiple = 1 } = options;
  if (!(budget.share > 0 && budget.share < 1))
    throw new UsageError("Cannot prune by a share that is not between 0 and 1", { found: budget.share });
  const model = costModel(graph, options.fileBytes);
  const open = openGroups(graph, costs, least, multiple);
  const state = { graph, costs, open, model, budget, signal: options.signal };
  const unknown = graph.groups.filter((group) => !isKnown(group, costs));
  const ways = { global, uniform, dynamic: (own: State) => dynamic(own, options.restart) };
  return { ...ways[across](state), unknown };
}

interface OpenGroup {
  /** Still there. */
  readonly channels: Set<number>;
  readonly whole: number;
  readonly least: number;
  readonly multiple: number;
}

interface State {
  readonly graph: ChannelGraph;
  readonly costs: ChannelCosts;
  readonly open: readonly OpenGroup[];
  readonly model: CostModel;
  readonly budget: ChannelBudget;
  readonly signal: AbortSignal | undefined;
}

function openGroups({ groups }: ChannelGraph, costs: ChannelCosts, least: number, multiple: number): OpenGroup[] {
  return groups
    .filter((group) => isKnown(group, costs))
    .map(({ channels }) => ({
      channels: new Set(channels),
      whole: channels.length,
      least: Math.max(multiple, Math.ceil(least * channels.length)),
      multiple,
    }));
}

function isKnown({ channels }: ChannelGroup, costs: ChannelCosts): boolean {
  return channels.every((channel) => Number.isFinite(costs.cost(channel)));
}

/** How many go at once: as many as it takes to the next multiple; 0 where none may. */
function stepOf({ channels, least, multiple }: OpenGroup): number {
  const next = Math.floor((channels.size - 1) / multiple) * multiple;
  return next >= least ? channels.size - next : 0;
}

/** How far the budget is met: 1 and more where it is. */
function progress({ budget, model, graph }: State, now: ModelCost, removed: number): number {
  const whole = graph.groups.reduce((sum, { channels }) => sum + channels.length, 0);
  const gone = budget.of === "channels" ? removed / whole : 1 - now[budget.of] / model.dense[budget.of];
  return gone / budget.share;
}

/** The step that costs least for what it saves is taken; costs are those after all that went before. */
function global(state: State): Omit<SelectedChannels, "unknown"> {
  const { costs, budget } = state;
  return removeUntilMet(state, (open, running) => {
    let best: { readonly group: OpenGroup; readonly score: number } | undefined;
    for (const group of open) {
      const step = stepOf(group);
      const [first] = group.channels;
      // A channel saves the same as any other of its group.
      const saves = budget.of === "channels" ? 1 : Math.max(running.saving(first!)[budget.of], Number.MIN_VALUE);
      const cheapest = [...group.channels].map(costs.cost).sort((a, b) => a - b);
      const score = cheapest.slice(0, step).reduce((sum, cost) => sum + cost, 0) / (step * saves);
      if (!best || score < best.score) best = { group, score };
    }
    return best?.group;
  });
}

/** The group that has lost the smallest share of its channels is next. */
function uniform(state: State): Omit<SelectedChannels, "unknown"> {
  const left = ({ channels, whole }: OpenGroup): number => channels.size / whole;
  return removeUntilMet(state, (open) => [...open].sort((a, b) => left(b) - left(a))[0]);
}

/** By the curves of the groups, each alone. */
function dynamic(state: State, restart: (() => ChannelCosts) | undefined): Omit<SelectedChannels, "unknown"> {
  if (!restart) throw new UsageError("Cannot share channels out by curves as their costs cannot be counted anew");
  const { costs, graph, model, open, budget, signal } = state;
  const whole = graph.groups.reduce((sum, { channels }) => sum + channels.length, 0);
  const [of, total] = [budget.of, budget.of === "channels" ? whole : model.dense[budget.of]];
  const curves = open.map((group) => {
    signal?.throwIfAborted();
    const running = model.count();
    return groupCurve(
      [...group.channels],
      restart(),
      (left) => stepOf({ ...group, channels: left as Set<number> }),
      (channel) => {
        const saved = of === "channels" ? 1 : running.saving(channel)[of];
        running.remove(channel);
        return saved;
      },
    );
  });
  const savedBy = (removed: readonly number[]): number =>
    of === "channels" ? removed.length : total - model.after(new Set(removed))[of];
  const removed = shareOut(curves, budget.share * total, savedBy);
  const predicted = removed.map((channel) => {
    costs.remove(channel);
    return costs.predicted ?? Number.NaN;
  });
  const after = model.after(new Set(removed));
  return { removed, predicted, after, met: progress(state, after, removed.length) >= 1 };
}

/** Takes steps in the groups that `next` names, in each the channel that costs least by then. */
function removeUntilMet(
  state: State,
  next: (open: readonly OpenGroup[], running: RunningCost) => OpenGroup | undefined,
): Omit<SelectedChannels, "unknown"> {
  const { costs, model, signal } = state;
  const running = model.count();
  const removed: number[] = [];
  const predicted: number[] = [];
  const met = (): boolean => progress(state, running.now, removed.length) >= 1;
  while (!met()) {
    signal?.throwIfAborted();
    const group = next(
      state.open.filter((one) => stepOf(one) > 0),
      running,
    );
    if (!group) break;
    for (let left = stepOf(group); left > 0; left--) {
      const channel = [...group.channels].reduce((a, b) => (costs.cost(b) < costs.cost(a) ? b : a));
      costs.remove(channel);
      running.remove(channel);
      group.channels.delete(channel);
      removed.push(channel);
      predicted.push(costs.predicted ?? Number.NaN);
    }
  }
  return { removed, predicted, after: running.now, met: met() };
}
