/**
 * Optimal Brain Compression: every row's exact greedy order, and one threshold over all rows.
 *
 * A row's order does not depend on how much of it goes, so one trace a row serves every sparsity. Of the rises of all rows the
 * smallest are taken; as many as fall into a row, that many of its first steps are made.
 *
 * Source: Frantar & Alistarh (2022), Optimal Brain Compression, arXiv:2208.11580.
 */
import { type Matrix, matrix } from "@hessonite/core";
import { type Elimination, eliminate, scratchMemory } from "./elimination.ts";
import type { PreparedLayer } from "./layer.ts";
import type { Units } from "./pattern.ts";
import { countOf, leastOf } from "./select.ts";

export interface TraceOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Every group of rows by itself, in order. */
export function obcTraces(
  { weights, inverse }: Pick<PreparedLayer, "weights" | "inverse">,
  units: Units,
  { signal, onProgress }: TraceOptions = {},
): Elimination[] {
  const { width, quota, down } = units;
  const scratch = scratchMemory();
  return Array.from({ length: down }, (_, group) => {
    signal?.throwIfAborted();
    onProgress?.(group, down);
    return eliminate(inverse, rowsOf(weights, units, group), { width, ...(quota ? { quota } : {}) }, scratch);
  });
}

/** The rows of a group, `[height, d]`. */
export function rowsOf({ columns, data }: Matrix, { height }: Units, group: number): Matrix {
  return matrix(height, columns, data.subarray(group * height * columns, (group + 1) * height * columns));
}

/** Units taken of each group under one threshold: those of the `sparsity` smallest rises of all groups. */
export function perGroup(traces: readonly Elimination[], { across, down, quota }: Units, sparsity: number): Int32Array {
  const counts = new Int32Array(down);
  if (quota) return counts.fill((across / quota.of) * quota.zeros);
  const rises = new Float64Array(down * across);
  traces.forEach((trace, group) => rises.set(trace.rises, group * across));
  for (const at of leastOf(rises, countOf(rises.length, sparsity))) counts[Math.floor(at / across)]!++;
  return counts;
}

/** Chosen units `[down, across]`: the first steps of each trace. */
export function firstSteps(traces: readonly Elimination[], counts: Int32Array, { across }: Units): Uint8Array {
  const chosen = new Uint8Array(traces.length * across);
  traces.forEach(({ order }, group) => {
    for (const unit of order.subarray(0, counts[group])) chosen[group * across + unit] = 1;
  });
  return chosen;
}
