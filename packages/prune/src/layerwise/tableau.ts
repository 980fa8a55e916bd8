/**
 * A row's pruning as a tableau that entries enter and leave at will.
 *
 *     B = [H⁻¹  w; wᵀ  0],  swept on the pruned set M:
 *     B_KK  the inverse of H_KK          b_K   the weights after the joint update
 *     B_MM  −([H⁻¹]_MM)⁻¹                b_M   the multipliers of the constraints
 *
 * Whatever set S changes sides, entries of M return and entries of K go, the loss moves by exactly ½ Σ_r b_rSᵀ B_SS⁻¹ b_rS.
 *
 * Source: Goodnight (1979), A tutorial on the SWEEP operator, The American Statistician 33(3).
 */
import type { Matrix } from "@hessonite/core";
import { inverseForm } from "./smallSolve.ts";

export interface Tableau {
  readonly d: number;
  /** Rows that share the mask. */
  readonly height: number;
  readonly b: Float64Array;
  /** `[height, d]` */
  readonly w: Float64Array;
  /** 1 where pruned. */
  readonly out: Uint8Array;
  /** The loss's rise so far. */
  loss: number;
}

export function tableauOf(inverse: Matrix, { rows: height, data }: Matrix): Tableau {
  const d = inverse.rows;
  return { d, height, b: inverse.data.slice(), w: data.slice(), out: new Uint8Array(d), loss: 0 };
}

export function copyTableau({ b, w, out, ...rest }: Tableau): Tableau {
  return { ...rest, b: b.slice(), w: w.slice(), out: out.slice() };
}

/** What the loss moves by if the entries of `set` change sides together. */
export function changeOf({ d, height, b, w }: Tableau, set: readonly number[]): number {
  const n = set.length;
  if (n === 1 && height === 1) return (0.5 * w[set[0]!]! ** 2) / b[set[0]! * (d + 1)]!;
  if (n === 2 && height === 1) {
    const [p, q] = set as [number, number];
    const [bpp, bqq, bpq] = [b[p * (d + 1)]!, b[q * (d + 1)]!, b[p * d + q]!];
    const [x, y] = [w[p]!, w[q]!];
    return (0.5 * (bqq * x * x - 2 * bpq * x * y + bpp * y * y)) / (bpp * bqq - bpq * bpq);
  }
  const a = new Float64Array(n * n);
  const right = new Float64Array(height * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) a[i * n + j] = b[set[i]! * d + set[j]!]!;
    for (let r = 0; r < height; r++) right[r * n + i] = w[r * d + set[i]!]!;
  }
  return 0.5 * inverseForm(a, n, right, height);
}

/** Entry k changes sides: it goes if it was kept, and returns if it was pruned. */
export function sweep(tableau: Tableau, k: number): void {
  const { d, height, b, w, out } = tableau;
  const pivot = b[k * d + k]!;
  const sign = out[k] ? -1 : 1;
  const row = b.slice(k * d, (k + 1) * d);
  for (let i = 0; i < d; i++) {
    if (i === k) continue;
    const factor = row[i]! / pivot;
    if (factor === 0) continue;
    for (let j = 0; j < d; j++) b[i * d + j]! -= factor * row[j]!;
    b[i * d + k] = sign * factor;
  }
  for (let j = 0; j < d; j++) b[k * d + j] = (sign * row[j]!) / pivot;
  b[k * d + k] = -1 / pivot;
  for (let r = 0; r < height; r++) {
    const own = w[r * d + k]!;
    tableau.loss += (0.5 * own * own) / pivot;
    for (let i = 0; i < d; i++) if (i !== k) w[r * d + i]! -= (row[i]! / pivot) * own;
    w[r * d + k] = (sign * own) / pivot;
  }
  out[k] = out[k] ? 0 : 1;
}
