/**
 * Eigenvalues and eigenvectors of a small symmetric tridiagonal matrix, as Lanczos makes them.
 *
 * Implicit QL with Wilkinson's shift; for large full matrices see eigh.ts, which divides and conquers.
 *
 * Source: Bowdler, Martin, Reinsch & Wilkinson (1968), tql2; the recurrence of EISPACK's tql2.
 */
import { HessoniteError } from "../errors.ts";
import { maxAbs } from "./vector.ts";

export interface Tridiagonal {
  /** n entries. */
  readonly diagonal: Float64Array;
  /** n − 1 entries: entry i couples i and i + 1. */
  readonly offDiagonal: Float64Array;
}

/** Eigenpairs of T: values ascending, and eigenvector j in row j of `vectors` (n contiguous rows of n). */
export interface TridiagonalEigen {
  readonly values: Float64Array;
  readonly vectors: Float64Array;
}

/** All eigenpairs of T, in O(n³). */
export function tridiagonalEigen({ diagonal, offDiagonal }: Tridiagonal): TridiagonalEigen {
  const n = diagonal.length;
  const d = diagonal.slice();
  const e = new Float64Array(n);
  e.set(offDiagonal.subarray(0, Math.max(0, n - 1)));
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  const tiny = 1e-3 * Number.EPSILON * (maxAbs(d) + maxAbs(e)); // couplings that no eigenvalue can feel
  for (let l = 0; l < n; l++) isolate(d, e, vectors, l, tiny);
  return sorted(d, vectors);
}

const maxSweeps = 60;

/** Makes e[l] vanish by QL sweeps over the block that starts at l. */
function isolate(d: Float64Array, e: Float64Array, vectors: Float64Array, l: number, tiny: number): void {
  for (let sweep = 0; ; sweep++) {
    const m = blockEnd(d, e, l, tiny);
    if (m === l) return;
    if (sweep === maxSweeps) {
      throw new HessoniteError("Cannot diagonalise a tridiagonal matrix as QL did not converge", {
        at: `eigenvalue ${l}`,
      });
    }
    sweepBlock(d, e, vectors, l, m);
  }
}

/** The first m ≥ l whose coupling to m + 1 is negligible. */
function blockEnd(d: Float64Array, e: Float64Array, l: number, tiny: number): number {
  let m = l;
  while (m < d.length - 1 && Math.abs(e[m]!) > tiny + Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))) m++;
  return m;
}

function sweepBlock(d: Float64Array, e: Float64Array, vectors: Float64Array, l: number, m: number): void {
  const n = d.length;
  let g = (d[l + 1]! - d[l]!) / (2 * e[l]!);
  let r = Math.hypot(g, 1);
  g = d[m]! - d[l]! + e[l]! / (g + (g >= 0 ? r : -r));
  let [s, c, p] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i]!;
    const b = c * e[i]!;
    r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1]! -= p; // recover from underflow
      e[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1]! - p;
    r = (d[i]! - g) * s + 2 * c * b;
    p = s * r;
    d[i + 1] = g + p;
    g = c * r - b;
    rotateRows(vectors, n, i, c, s);
  }
  d[l]! -= p;
  e[l] = g;
  e[m] = 0;
}

/** Rows i and i + 1 turned by the angle of (c, s). */
function rotateRows(vectors: Float64Array, n: number, i: number, c: number, s: number): void {
  for (let k = 0, a = i * n, b = a + n; k < n; k++, a++, b++) {
    const f = vectors[b]!;
    vectors[b] = s * vectors[a]! + c * f;
    vectors[a] = c * vectors[a]! - s * f;
  }
}

function sorted(d: Float64Array, vectors: Float64Array): TridiagonalEigen {
  const n = d.length;
  const order = Array.from(d, (_, i) => i).sort((a, b) => d[a]! - d[b]!);
  const result = { values: new Float64Array(n), vectors: new Float64Array(n * n) };
  for (const [to, from] of order.entries()) {
    result.values[to] = d[from]!;
    result.vectors.set(vectors.subarray(from * n, (from + 1) * n), to * n);
  }
  return result;
}
