/** Arithmetic on flat vectors. */
import type { Vector } from "@hessonite/core";

/** Σ w_i v_i */
export function weightedMean(vectors: readonly Vector[], weights: readonly number[]): Vector {
  const total = new Float64Array(vectors[0]?.length ?? 0);
  for (const [i, vector] of vectors.entries()) addScaled(total, weights[i] ?? 0, vector);
  return total;
}

/** y ← y + s x */
export function addScaled(y: Vector, s: number, x: Vector): void {
  for (let k = 0; k < y.length; k++) y[k] = (y[k] ?? 0) + s * (x[k] ?? 0);
}

/** x − y */
export function minus(x: Vector, y: Vector): Vector {
  return x.map((entry, k) => entry - (y[k] ?? 0));
}

/** Σ x_k y_k */
export function dot(x: Vector, y: Vector): number {
  let sum = 0;
  for (let k = 0; k < x.length; k++) sum += (x[k] ?? 0) * (y[k] ?? 0);
  return sum;
}
