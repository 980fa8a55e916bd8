/** Which units go, by the sums of their weights' costs. */
import type { Matrix } from "@hessonite/core";
import type { Units } from "./pattern.ts";

export interface SelectOptions {
  /** Share of the units to remove; ignored where an n:m quota says it. */
  readonly sparsity: number;
  /** Units that are compared with each other: all, or those of a row of units (as Wanda does). */
  readonly within: "layer" | "row";
}

/** Chosen units `[down, across]`, 1 where they go; ties go to the first. */
export function selectByCosts(costs: Matrix, units: Units, { sparsity, within }: SelectOptions): Uint8Array {
  const totals = unitTotals(costs, units);
  const chosen = new Uint8Array(totals.length);
  const { across, down, quota } = units;
  if (quota) {
    for (let first = 0; first < totals.length; first += quota.of)
      markLeast(totals, chosen, first, quota.of, quota.zeros);
  } else if (within === "layer") {
    markLeast(totals, chosen, 0, totals.length, countOf(totals.length, sparsity));
  } else {
    for (let g = 0; g < down; g++) markLeast(totals, chosen, g * across, across, countOf(across, sparsity));
  }
  return chosen;
}

/** How many of `n` go: the share, to the nearest whole. */
export function countOf(n: number, sparsity: number): number {
  return Math.round(n * sparsity);
}

/** Σ of the weights' costs of each unit. */
function unitTotals({ columns, data }: Matrix, { height, width, across, down }: Units): Float64Array {
  const totals = new Float64Array(across * down);
  for (let at = 0; at < data.length; at++) {
    const [row, column] = [Math.floor(at / columns), at % columns];
    totals[Math.floor(row / height) * across + Math.floor(column / width)]! += data[at]!;
  }
  return totals;
}

function markLeast(totals: Float64Array, chosen: Uint8Array, first: number, length: number, count: number): void {
  for (const at of leastOf(totals.subarray(first, first + length), count)) chosen[first + at] = 1;
}

/** Positions of the `count` least entries; of equal ones the first. */
export function leastOf(values: Float64Array, count: number): Int32Array {
  const list = new Int32Array(count);
  if (count === 0) return list;
  const bound = values.slice().sort()[count - 1]!;
  let next = 0;
  for (let at = 0; at < values.length; at++) if (values[at]! < bound) list[next++] = at;
  for (let at = 0; at < values.length && next < count; at++) if (values[at] === bound) list[next++] = at;
  return list;
}
