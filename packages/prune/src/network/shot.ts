/**
 * Units removed at one quadratic, by one threshold over all layers.
 *
 * In rounds: the costs of what is left, at the optimum of what is left; the cheapest go; the optimum again. One round is OBS by
 * independent costs, as many rounds as units the exact greedy order.
 */
import type { Vector } from "@hessonite/core";
import { type Quadratic, type Units, unitCount } from "../curvature/quadratic.ts";
import { leastOf } from "../layerwise/select.ts";
import type { NetworkUnits } from "./prunable.ts";

export interface ShotOptions {
  /** Weights to be 0 when it ends, of those the units are made of. */
  readonly zeros: number;
  /** 8 unless said. */
  readonly rounds?: number;
  readonly signal?: AbortSignal;
}

export interface Shot {
  readonly kept: Uint8Array;
  readonly theta: Vector;
  /** q at θ. */
  readonly predicted: number;
  /** Costs of the units of the last round that are kept, for a histogram: at most some thousands. */
  readonly costs: Float64Array;
}

/** @param kept What is kept before; not written to. */
export async function shoot(
  quadratic: Quadratic,
  lists: readonly NetworkUnits[],
  kept: Uint8Array,
  { zeros, rounds = 8, signal }: ShotOptions,
): Promise<Shot> {
  const mask = kept.slice();
  let { theta, rise } = await quadratic.optimum(mask);
  let costs: Float64Array = new Float64Array(0);
  const before = weightsOf(lists, mask, false);
  const whole = weightsOf(lists, mask, true);
  for (let round = 1; round <= rounds; round++) {
    signal?.throwIfAborted();
    const target = targetAfter(before, zeros, whole, round / rounds);
    if (target <= weightsOf(lists, mask, false)) continue; // too few for this round
    const open = await openUnits(quadratic, lists, mask, theta);
    costs = open.costs;
    if (!removeCheapest(open, lists, mask, target, whole)) break;
    ({ theta, rise } = await quadratic.optimum(mask));
  }
  return { kept: mask, theta, predicted: rise, costs };
}

/** Zeros after a share of the rounds: what is kept shrinks by the same factor each time. */
function targetAfter(before: number, zeros: number, whole: number, share: number): number {
  const [first, last] = [whole - before, Math.max(whole - zeros, 0.5)];
  return share >= 1 ? zeros : Math.round(whole - first * (last / first) ** share);
}

/** Weights in all units, or those of them that are 0. */
function weightsOf(lists: readonly NetworkUnits[], mask: Uint8Array, all: boolean): number {
  return lists.reduce((sum, { members }) => sum + members.reduce((own, at) => own + Number(all || !mask[at]), 0), 0);
}

interface Open {
  /** Where each open unit is: its list and its number there. */
  readonly list: Int32Array;
  readonly unit: Int32Array;
  readonly costs: Float64Array;
}

async function openUnits(
  quadratic: Quadratic,
  lists: readonly NetworkUnits[],
  mask: Uint8Array,
  theta: Vector,
): Promise<Open> {
  const [list, unit, costs]: [number[], number[], number[]] = [[], [], []];
  for (const [i, units] of lists.entries()) {
    const { size, members } = units;
    const open = Array.from({ length: unitCount(units) }, (_, u) => u).filter((u) => mask[members[u * size]!]);
    const chosen: Units = {
      size,
      members: Int32Array.from(
        { length: open.length * size },
        (_, k) => members[open[Math.floor(k / size)]! * size + (k % size)]!,
      ),
    };
    const own = await quadratic.costs(mask, theta, chosen);
    open.forEach((u, k) => {
      list.push(i);
      unit.push(u);
      costs.push(own[k]! / size); // of one weight, so that units of several sizes compare
    });
  }
  return { list: Int32Array.from(list), unit: Int32Array.from(unit), costs: Float64Array.from(costs) };
}

/** Marks the cheapest open units until `target` weights are 0; false if none could go. */
function removeCheapest(
  { list, unit, costs }: Open,
  lists: readonly NetworkUnits[],
  mask: Uint8Array,
  target: number,
  whole: number,
): boolean {
  const order = lists.length === 1 && !lists[0]!.groups && lists[0]!.size === 1 ? undefined : sorted(costs);
  let zeros = weightsOf(lists, mask, false);
  if (!order) {
    const gone = leastOf(costs, Math.max(0, Math.min(costs.length, target - zeros)));
    for (const k of gone) mask[lists[0]!.members[unit[k]!]!] = 0;
    return gone.length > 0;
  }
  const taken = lists.map(({ groups }) => groupCounts(groups, lists, mask));
  let removed = false;
  for (const k of order) {
    if (zeros >= Math.min(target, whole)) break;
    const units = lists[list[k]!]!;
    const counts = taken[list[k]!];
    if (counts && units.groups) {
      const group = units.groups.of[unit[k]!]!;
      if (counts[group]! >= units.groups.zeros) continue;
      counts[group]!++;
    }
    const own = units.members.subarray(unit[k]! * units.size, (unit[k]! + 1) * units.size);
    for (const at of own) mask[at] = 0;
    zeros += units.size;
    removed = true;
  }
  return removed;
}

function sorted(costs: Float64Array): number[] {
  return Array.from(costs, (_, k) => k).sort((a, b) => costs[a]! - costs[b]!);
}

/** Zeros of each n:m group so far. */
function groupCounts(
  groups: NetworkUnits["groups"],
  lists: readonly NetworkUnits[],
  mask: Uint8Array,
): Int32Array | undefined {
  if (!groups) return undefined;
  const counts = new Int32Array(groups.count);
  for (const { members, groups: own } of lists) {
    if (own !== groups) continue;
    members.forEach((at, u) => {
      if (!mask[at]) counts[own.of[u]!]!++;
    });
  }
  return counts;
}
