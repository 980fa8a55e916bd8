/**
 * The diagonal of an operator: exactly where it knows it or the budget allows it, else an estimate.
 *
 *     "hutchinson"   d ≈ Σ z ⊙ A z ⊘ Σ z ⊙ z, random signs z      error 1/√samples, no memory
 *     "xdiag"        diag(Q_i Q_iᵀ A) + ω_i ⊙ (I − Q_i Q_iᵀ) A ω_i, mean over i      better where the spectrum decays
 *
 * Sources: Bekas, Kokiopoulou & Saad (2007), An estimator for the diagonal of a matrix, Appl. Numer. Math. 57;
 * Epperly, Tropp & Webber (2024), SIAM J. Matrix Anal. 45(1), § 2.5.
 */
import { matmul } from "../linalg/matrix.ts";
import { row } from "../linalg/vector.ts";
import { diagonalOf } from "../operators/dense.ts";
import type { LinearOperator, Vector } from "../operators/linearOperator.ts";
import { requireSamples, type SamplingOptions } from "./estimate.ts";
import { type LeaveOneOut, leaveOneOut } from "./leaveOneOut.ts";
import { applyRows, forEachProbe, meterOf, probeRows, requireSquareOperator } from "./probes.ts";

export interface DiagonalEstimate {
  readonly mean: Vector;
  /** Of each entry. */
  readonly standardError: Vector;
  readonly products: number;
  readonly seed: number;
}

export interface DiagonalOptions extends SamplingOptions {
  /** "hutchinson" unless said. */
  readonly method?: "hutchinson" | "xdiag";
}

/** diag A: from the operator's own facts, by unit vectors if `samples` reaches its side, else estimated by `method`. */
export async function estimateDiagonal(a: LinearOperator, options: DiagonalOptions): Promise<DiagonalEstimate> {
  const n = requireSquareOperator(a, "take the diagonal");
  const { samples, seed = 0, signal, method = "hutchinson" } = options;
  if (a.exact?.diagonal || samples >= n) {
    const mean = await diagonalOf(a, signal && { signal });
    return { mean, standardError: new Float64Array(n), products: a.exact?.diagonal ? 0 : n, seed };
  }
  return method === "xdiag" ? xDiag(a, options) : hutchinsonDiagonal(a, options);
}

/** By random signs, for which z ⊙ z = 1. */
export async function hutchinsonDiagonal(a: LinearOperator, options: SamplingOptions): Promise<DiagonalEstimate> {
  const n = requireSquareOperator(a, "estimate the diagonal");
  requireSamples(options.samples, "estimate a diagonal");
  const moments = runningMoments(n);
  const { spent } = await forEachProbe(a, options, "sign", (z, az) => moments.add(az.map((x, i) => x * (z[i] ?? 0))));
  return { ...moments.summary(), products: spent, seed: options.seed ?? 0 };
}

/**
 * By XDiag: half of the products with probes, half with the transpose and the basis of their range.
 *
 * Memory: 2 · samples vectors.
 *
 * @throws {UsageError} if there are fewer than 4 samples, or more than twice the side of A.
 */
export async function xDiag(a: LinearOperator, options: SamplingOptions): Promise<DiagonalEstimate> {
  const n = requireSquareOperator(a, "estimate the diagonal");
  const { samples, seed = 0 } = options;
  requireSamples(samples, "estimate a diagonal", {
    least: 4,
    most: 2 * n,
    try: "estimateDiagonal(), exact from n samples on",
  });
  const k = Math.floor(samples / 2);
  const meter = meterOf(options, 2 * k);
  const sketch = await leaveOneOut(a, probeRows("sign", n, seed, 0, k), k, meter);
  const images = await applyRows(a.adjoint(), sketch.basis.data, meter); // Aᵀ q_j as rows
  const moments = runningMoments(n);
  for (const term of estimates(sketch, images, n)) moments.add(term);
  return { ...moments.summary(), products: meter.spent, seed };
}

/** diag(QQᵀA) − Q s_i ⊙ Aᵀ Q s_i + ω_i ⊙ Q s_i (s_iᵀ r_i): y_i lies in Q, so only what s_i takes away is left of it. */
function* estimates({ probes, basis, coordinates, lost }: LeaveOneOut, images: Vector, n: number): Generator<Vector> {
  const rank = basis.rows;
  const whole = new Float64Array(n);
  basis.data.forEach((q, at) => {
    whole[at % n] = (whole[at % n] ?? 0) + q * (images[at] ?? 0);
  });
  const inside = matmul(lost, basis).data; // Q s_i as rows
  const outside = matmul(lost, { ...basis, data: images }).data; // Aᵀ Q s_i
  for (let i = 0; i < probes.rows; i++) {
    const s = row(lost.data, i, rank);
    const along = row(coordinates.data, i, rank).reduce((sum, r, j) => sum + r * (s[j] ?? 0), 0);
    const [u, v, z] = [inside, outside, probes.data].map((rows) => row(rows, i, n)) as [Vector, Vector, Vector];
    yield whole.map((d, j) => d + (u[j] ?? 0) * (along * (z[j] ?? 0) - (v[j] ?? 0)));
  }
}

interface Moments {
  add(term: Vector): void;
  summary(): Pick<DiagonalEstimate, "mean" | "standardError">;
}

/** Mean and standard error, entry by entry, by Welford's recurrence. */
function runningMoments(n: number): Moments {
  const mean = new Float64Array(n);
  const squares = new Float64Array(n);
  let count = 0;
  return {
    add(term) {
      count++;
      term.forEach((x, i) => {
        const distance = x - (mean[i] ?? 0);
        mean[i] = (mean[i] ?? 0) + distance / count;
        squares[i] = (squares[i] ?? 0) + distance * (x - (mean[i] ?? 0));
      });
    },
    summary: () => ({ mean, standardError: squares.map((s) => Math.sqrt(s / (count * (count - 1)))) }),
  };
}
