/**
 * SparseGPT's sweep: columns from left to right, each column's error passed on to the columns that are still to come.
 *
 *     H⁻¹ = Uᵀ U,  U upper triangular     cost(i, j) = w_ij² / U_jj²     w_i,j: ← w_i,j: − (w_ij / U_jj) U_j,j:
 *
 * The masks of a block of columns are chosen as the sweep enters it (n:m: as it enters a group), by the weights as they are
 * then. All rows share U: one factorisation, and out · in² / 2 multiplications.
 *
 * Source: Frantar & Alistarh (2023), SparseGPT, arXiv:2301.00774.
 */
import { choleskySync, type Matrix, matmul, matrix, transposeMatrix } from "@hessonite/core";
import type { PreparedLayer } from "./layer.ts";
import type { Units } from "./pattern.ts";
import { countOf, leastOf } from "./select.ts";

export interface SweepOptions {
  /** Share of each block of columns that goes; ignored where an n:m quota says it. */
  readonly sparsity: number;
  /** What goes, 1 where it does, `[out, in]`; chosen by costs unless given. */
  readonly gone?: Uint8Array;
  /** Columns a block; 128 unless said. */
  readonly blockSize?: number;
  /** What a kept weight becomes as the sweep passes it; itself unless given. Rounding goes here. */
  readonly round?: (weight: number, row: number, column: number) => number;
}

export interface Swept {
  readonly weights: Matrix;
  /** 1 where pruned. */
  readonly mask: Uint8Array;
}

/** @throws {UsageError} if a block's size is no multiple of n:m's m: see prepareLayer and unitsOf for the rest. */
export function sparsegptSweep({ weights, inverse }: PreparedLayer, units: Units, options: SweepOptions): Swept {
  const { rows, columns: d } = weights;
  const upper = transposeMatrix(choleskySync(inverse).lower);
  const w = weights.data.slice();
  const mask = options.gone?.slice() ?? new Uint8Array(rows * d);
  const size = blockSizeOf(options.blockSize ?? 128, units);
  for (let start = 0; start < d; start += size) {
    const end = Math.min(start + size, d);
    const errors = sweepBlock({ w, mask, upper, rows, d }, start, end, units, options);
    if (end < d) passOn(w, errors, upper, rows, start, end);
  }
  return { weights: matrix(rows, d, w), mask };
}

/** Whole groups only. */
function blockSizeOf(size: number, { quota }: Units): number {
  return quota ? Math.max(1, Math.floor(size / quota.of)) * quota.of : size;
}

interface Sweep {
  readonly w: Float64Array;
  readonly mask: Uint8Array;
  readonly upper: Matrix;
  readonly rows: number;
  readonly d: number;
}

/** Errors over U's diagonal, `[rows, end − start]`. */
function sweepBlock(sweep: Sweep, start: number, end: number, units: Units, options: SweepOptions): Matrix {
  const { w, mask, upper, rows, d } = sweep;
  const { round = (x) => x, gone } = options;
  const errors = matrix(rows, end - start);
  if (!units.quota && !gone) markBlock(sweep, start, end, options.sparsity);
  for (let j = start; j < end; j++) {
    if (units.quota && !gone && j % units.quota.of === 0) markGroups(sweep, j, units.quota);
    const row = upper.data.subarray(j * d, j * d + end);
    const diagonal = row[j]!;
    for (let r = 0; r < rows; r++) {
      const before = w[r * d + j]!;
      const after = mask[r * d + j] ? 0 : round(before, r, j);
      w[r * d + j] = after;
      const error = (before - after) / diagonal;
      if (error === 0) continue;
      errors.data[r * (end - start) + j - start] = error;
      for (let k = j + 1; k < end; k++) w[r * d + k]! -= error * row[k]!;
    }
  }
  return errors;
}

/** The block's cheapest weights, all rows compared. */
function markBlock({ w, mask, upper, rows, d }: Sweep, start: number, end: number, sparsity: number): void {
  const width = end - start;
  const costs = new Float64Array(rows * width);
  for (let j = start; j < end; j++) {
    const factor = 1 / upper.data[j * (d + 1)]! ** 2;
    for (let r = 0; r < rows; r++) costs[r * width + j - start] = w[r * d + j]! ** 2 * factor;
  }
  for (const at of leastOf(costs, countOf(costs.length, sparsity))) {
    mask[Math.floor(at / width) * d + start + (at % width)] = 1;
  }
}

/** In each row the cheapest `zeros` of the `of` weights from column j on. */
function markGroups({ w, mask, upper, rows, d }: Sweep, j: number, { zeros, of }: NonNullable<Units["quota"]>): void {
  for (let r = 0; r < rows; r++) {
    const group = Array.from({ length: of }, (_, k) => j + k);
    const cost = (column: number): number => (w[r * d + column]! / upper.data[column * (d + 1)]!) ** 2;
    group.sort((a, b) => cost(a) - cost(b));
    for (const column of group.slice(0, zeros)) mask[r * d + column] = 1;
  }
}

/** W[:, end:] ← W[:, end:] − E U[start:end, end:] */
function passOn(w: Float64Array, errors: Matrix, upper: Matrix, rows: number, start: number, end: number): void {
  const d = upper.columns;
  const right = matrix(end - start, d - end);
  for (let k = 0; k < right.rows; k++)
    right.data.set(upper.data.subarray((start + k) * d + end, (start + k + 1) * d), k * right.columns);
  const change = matmul(errors, right).data;
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < right.columns; k++) w[r * d + end + k]! -= change[r * right.columns + k]!;
  }
}
