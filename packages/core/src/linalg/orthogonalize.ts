/** Keeping rows orthonormal: classical Gram–Schmidt, twice, which is enough (Giraud & Langou 2005). */
import { dot, norm, normals, row } from "./vector.ts";

/**
 * Subtracts from `x` its components along the first `count` rows of `basis` (orthonormal), in place.
 *
 * @returns The components, `count` of them.
 */
export function projectOut(x: Float64Array, basis: Float64Array, count: number): Float64Array {
  const components = new Float64Array(count);
  for (let pass = 0; pass < 2; pass++) {
    for (let i = 0; i < count; i++) {
      const b = row(basis, i, x.length);
      const c = dot(b, x);
      if (c === 0) continue;
      components[i]! += c;
      for (let j = 0; j < x.length; j++) x[j]! -= c * b[j]!;
    }
  }
  return components;
}

/** A unit vector orthogonal to the first `count` rows of `basis`; there must be room for one. */
export function freshDirection(basis: Float64Array, count: number, n: number, seed: number): Float64Array {
  for (let attempt = 0; ; attempt++) {
    const x = normals(n, seed, `fresh direction ${count}.${attempt}`);
    const before = norm(x);
    projectOut(x, basis, count);
    const after = norm(x);
    if (after > 1e-8 * before || attempt === 8) return x.map((xi) => xi / after);
  }
}

/** X [k, n] = C Q, with Q's rows orthonormal, and orthogonal to `known`'s. */
export interface OrthonormalRows {
  /** Q: r ≤ k contiguous rows; rows of X that depend on earlier ones add none. */
  readonly basis: Float64Array;
  /** C [k, r], lower trapezoidal, in Q's part only. */
  readonly coefficients: Float64Array;
  readonly rank: number;
}

/** Orthonormal rows with the span of X's rows (less `known`'s), in their order. */
export function orthonormalRows(
  x: Float64Array,
  n: number,
  known: Float64Array = new Float64Array(0),
): OrthonormalRows {
  const k = x.length / n;
  const fixed = known.length / n;
  const all = new Float64Array(known.length + x.length);
  all.set(known);
  const triangle: Float64Array[] = [];
  let rank = 0;
  for (let i = 0; i < k; i++) {
    const direction = row(x, i, n).slice();
    const before = norm(direction);
    const components = projectOut(direction, all, fixed + rank).slice(fixed);
    const length = norm(direction);
    if (!(length > 1e-13 * before)) {
      triangle.push(components);
      continue;
    }
    for (let j = 0; j < n; j++) direction[j]! /= length;
    projectOut(direction, all, fixed + rank); // what division by a small length brought back
    all.set(direction, (fixed + rank) * n);
    triangle.push(Float64Array.of(...components, length));
    rank++;
  }
  const coefficients = new Float64Array(k * rank);
  for (const [i, c] of triangle.entries()) coefficients.set(c, i * rank);
  return { basis: all.slice(known.length, known.length + rank * n), coefficients, rank };
}
