/**
 * Weights on a grid of few bits: w ≈ s q, with one scale s for a run of neighbours in a row.
 *
 *     q ∈ {−2^(b−1) + 1, …, 2^(b−1) − 1}      s = max |w| / (2^(b−1) − 1)
 *
 * The grid is symmetric, so that 0 stays 0: pruned weights stay pruned.
 */
import { type Matrix, matrix } from "@hessonite/core";

export interface Grid {
  readonly bits: 4 | 8;
  /** Neighbours that share a scale; a whole row if it is as long. */
  readonly block: number;
  /** `[rows, blocks of a row]` */
  readonly scales: Matrix;
}

/** The grid of a matrix, by the largest entry of each run. A run of zeros has the scale 1. */
export function gridOf({ rows, columns, data }: Matrix, bits: 4 | 8, block: number): Grid {
  const top = 2 ** (bits - 1) - 1;
  const scales = matrix(rows, Math.ceil(columns / block));
  for (let r = 0; r < rows; r++) {
    for (let b = 0; b < scales.columns; b++) {
      let largest = 0;
      for (let j = b * block; j < Math.min((b + 1) * block, columns); j++)
        largest = Math.max(largest, Math.abs(data[r * columns + j]!));
      scales.data[r * scales.columns + b] = Math.fround(largest / top) || 1;
    }
  }
  return { bits, block, scales };
}

/** q of an entry. */
export function levelOf({ bits, block, scales }: Grid, weight: number, row: number, column: number): number {
  const top = 2 ** (bits - 1) - 1;
  const level = Math.round(weight / scales.data[row * scales.columns + Math.floor(column / block)]!);
  return Math.max(-top, Math.min(top, level));
}

/** s q */
export function roundedTo(grid: Grid, weight: number, row: number, column: number): number {
  return (
    levelOf(grid, weight, row, column) * grid.scales.data[row * grid.scales.columns + Math.floor(column / grid.block)]!
  );
}
