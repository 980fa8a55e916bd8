/**
 * The best weights that a mask allows, and what they cost.
 *
 *     minimise ½ (w − w₀)ᵀ H (w − w₀)  subject to w_M = 0      M the pruned, K the kept entries of a row
 *
 *     w = w₀ − [H⁻¹]_·M ([H⁻¹]_MM)⁻¹ w₀_M,      rise = ½ w₀_Mᵀ ([H⁻¹]_MM)⁻¹ w₀_M
 *     or, where fewer are kept,   w_K = w₀_K + H_KK⁻¹ H_KM w₀_M
 *
 * Rows with one mask share its factorisation.
 */
import { type Cholesky, choleskySolve, choleskySync, type Matrix, matrix } from "@hessonite/core";
import type { PreparedLayer } from "./layer.ts";

export interface JointUpdate {
  /** `[out, in]`, exactly 0 where pruned. */
  readonly weights: Matrix;
  /** Certified rise of the layer's loss, each row's. */
  readonly rises: Float64Array;
}

/** @param mask 1 where pruned, `[out, in]`. */
export function jointUpdate({ weights, hessian, inverse }: PreparedLayer, mask: Uint8Array): JointUpdate {
  const { rows, columns: d } = weights;
  const data = weights.data.slice();
  const rises = new Float64Array(rows);
  for (const members of rowsByMask(mask, rows, d)) {
    const own = mask.subarray(members[0]! * d, (members[0]! + 1) * d);
    const pruned = indices(own, 1);
    if (pruned.length === 0) continue;
    const kept = indices(own, 0);
    const w = matrix(
      d,
      members.length,
      gather(members.length, d, (r, j) => weights.data[members[r]! * d + j]!),
    );
    const update =
      kept.length < pruned.length ? fromKept(hessian, w, kept, pruned) : fromPruned(inverse, w, kept, pruned);
    members.forEach((row, r) => {
      for (const j of pruned) data[row * d + j] = 0;
      kept.forEach((j, k) => {
        data[row * d + j]! += update.deltas.data[k * members.length + r]!;
      });
      rises[row] = update.rises[r]!;
    });
  }
  return { weights: matrix(rows, d, data), rises };
}

interface Update {
  /** `[kept, rows]` */
  readonly deltas: Matrix;
  readonly rises: Float64Array;
}

/** Through [H⁻¹]_MM. */
function fromPruned(inverse: Matrix, w: Matrix, kept: readonly number[], pruned: readonly number[]): Update {
  const right = pick(w, pruned);
  const multipliers = choleskySolve(factorOf(inverse, pruned), right);
  const count = w.columns;
  const deltas = matrix(kept.length, count);
  kept.forEach((j, k) => {
    pruned.forEach((p, m) => {
      const a = inverse.data[j * inverse.columns + p]!;
      for (let r = 0; r < count; r++) deltas.data[k * count + r]! -= a * multipliers.data[m * count + r]!;
    });
  });
  return { deltas, rises: columnProducts(right, multipliers) };
}

/** Through H_KK: rise = ½ (w_Mᵀ H_MM w_M − (H_KM w_M)ᵀ δ_K). */
function fromKept(hessian: Matrix, w: Matrix, kept: readonly number[], pruned: readonly number[]): Update {
  const lost = pick(w, pruned);
  const right = times(hessian, kept, pruned, lost);
  const deltas = kept.length === 0 ? right : choleskySolve(factorOf(hessian, kept), right);
  const whole = columnProducts(lost, times(hessian, pruned, pruned, lost));
  const gained = columnProducts(right, deltas);
  return { deltas, rises: whole.map((value, r) => Math.max(0, value - gained[r]!)) };
}

function factorOf(a: Matrix, index: readonly number[]): Cholesky {
  const n = index.length;
  const part = matrix(
    n,
    n,
    gather(n, n, (i, j) => a.data[index[i]! * a.columns + index[j]!]!, false),
  );
  return choleskySync(part);
}

/** A[rows, columns] x */
function times(a: Matrix, rows: readonly number[], columns: readonly number[], x: Matrix): Matrix {
  const out = matrix(rows.length, x.columns);
  rows.forEach((i, k) => {
    columns.forEach((j, m) => {
      const aij = a.data[i * a.columns + j]!;
      for (let r = 0; r < x.columns; r++) out.data[k * x.columns + r]! += aij * x.data[m * x.columns + r]!;
    });
  });
  return out;
}

const pick = (w: Matrix, index: readonly number[]): Matrix =>
  matrix(
    index.length,
    w.columns,
    gather(index.length, w.columns, (i, r) => w.data[index[i]! * w.columns + r]!, false),
  );

/** ½ Σ_i a_ir b_ir for each r. */
function columnProducts(a: Matrix, b: Matrix): Float64Array {
  const sums = new Float64Array(a.columns);
  for (let k = 0; k < a.data.length; k++) sums[k % a.columns]! += 0.5 * a.data[k]! * b.data[k]!;
  return sums;
}

/** `[rows, columns]` from its entries, or its transpose. */
function gather(
  rows: number,
  columns: number,
  entry: (i: number, j: number) => number,
  transposed = true,
): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out[transposed ? j * rows + i : i * columns + j] = entry(i, j);
  }
  return out;
}

function indices(mask: Uint8Array, value: 0 | 1): number[] {
  const list: number[] = [];
  for (let j = 0; j < mask.length; j++) if (mask[j] === value) list.push(j);
  return list;
}

function rowsByMask(mask: Uint8Array, rows: number, d: number): number[][] {
  const groups = new Map<string, number[]>();
  for (let r = 0; r < rows; r++) {
    const key = Buffer.from(mask.buffer, mask.byteOffset + r * d, d).toString("latin1");
    groups.set(key, [...(groups.get(key) ?? []), r]);
  }
  return [...groups.values()];
}
