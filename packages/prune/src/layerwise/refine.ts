/**
 * Refinement after greedy: units change places while the exact loss falls.
 *
 * First single swaps, a pruned unit for a kept one, the best each time; then pairs of swaps together, which leaves the
 * places where no single swap helps. Every move's loss is exact (tableau.ts), so refinement never makes it worse.
 */
import type { Units } from "./pattern.ts";
import { changeOf, sweep, type Tableau } from "./tableau.ts";

export interface RefineOptions {
  /** Whether pairs of swaps are tried too. */
  readonly pairs: boolean;
  /** Units on either side that a pair is made of, the cheapest to take and the dearest to leave out; 16 unless said. */
  readonly candidates?: number;
  /** Moves at most; 4 a unit unless said. */
  readonly most?: number;
}

type Shape = Pick<Units, "width" | "quota">;

/** A move must gain more than rounding, relative to the loss. */
const least = 1e-11;

/** Improves the tableau in place; returns how many moves were made. */
export function refine(tableau: Tableau, shape: Shape, { pairs, candidates = 16, most }: RefineOptions): number {
  const limit = most ?? (4 * tableau.d) / shape.width;
  let moves = 0;
  while (moves < limit) {
    const move = bestSwap(tableau, shape) ?? (pairs ? bestPair(tableau, shape, candidates) : undefined);
    if (!move) break;
    for (const unit of move) sweepUnit(tableau, unit, shape.width);
    moves++;
  }
  return moves;
}

/** Columns of a unit. */
export function columnsOf(unit: number, width: number): number[] {
  return Array.from({ length: width }, (_, j) => unit * width + j);
}

export function sweepUnit(tableau: Tableau, unit: number, width: number): void {
  for (let j = 0; j < width; j++) sweep(tableau, unit * width + j);
}

interface Sides {
  readonly pruned: readonly number[];
  readonly kept: readonly number[];
}

function sidesOf({ d, out }: Tableau, { width }: Shape): Sides {
  const [pruned, kept]: [number[], number[]] = [[], []];
  for (let u = 0; u < d / width; u++) (out[u * width] ? pruned : kept).push(u);
  return { pruned, kept };
}

const groupOf = (unit: number, { quota }: Shape): number => (quota ? Math.floor(unit / quota.of) : 0);

const columns = (units: readonly number[], width: number): number[] => units.flatMap((u) => columnsOf(u, width));

/** The single swap that lowers the loss most. */
function bestSwap(tableau: Tableau, shape: Shape): readonly number[] | undefined {
  const { pruned, kept } = sidesOf(tableau, shape);
  let best: readonly number[] | undefined;
  let bound = -least * tableau.loss;
  for (const p of pruned) {
    for (const q of kept) {
      if (groupOf(p, shape) !== groupOf(q, shape)) continue;
      const change = changeOf(tableau, shape.width === 1 ? [p, q] : columns([p, q], shape.width));
      if (change < bound) [best, bound] = [[p, q], change];
    }
  }
  return best;
}

/** The best pair of swaps among the units most likely to change sides. */
function bestPair(tableau: Tableau, shape: Shape, candidates: number): readonly number[] | undefined {
  const sides = sidesOf(tableau, shape);
  const pruned = likeliest(tableau, sides.pruned, shape, candidates);
  const kept = likeliest(tableau, sides.kept, shape, candidates);
  let best: readonly number[] | undefined;
  let bound = -least * tableau.loss;
  for (const back of pairsOf(pruned)) {
    for (const gone of pairsOf(kept)) {
      if (!sameGroups(back, gone, shape)) continue;
      const units = [...back, ...gone];
      const change = changeOf(tableau, columns(units, shape.width));
      if (change < bound) [best, bound] = [units, change];
    }
  }
  return best;
}

/** Units whose own change is least: for pruned ones the largest gain, for kept ones the least loss. */
function likeliest(tableau: Tableau, units: readonly number[], { width }: Shape, count: number): readonly number[] {
  if (units.length <= count) return units;
  const priced = units.map((u) => ({ u, change: changeOf(tableau, columnsOf(u, width)) }));
  return priced
    .sort((a, b) => a.change - b.change)
    .slice(0, count)
    .map(({ u }) => u);
}

function pairsOf(units: readonly number[]): (readonly [number, number])[] {
  return units.flatMap((a, i) => units.slice(i + 1).map((b) => [a, b] as const));
}

function sameGroups(a: readonly [number, number], b: readonly [number, number], shape: Shape): boolean {
  if (!shape.quota) return true;
  const [a0, a1, b0, b1] = [...a, ...b].map((u) => groupOf(u, shape)) as [number, number, number, number];
  return (a0 === b0 && a1 === b1) || (a0 === b1 && a1 === b0);
}
