/**
 * Predictions where outputs are uncertain, by drawing outputs: f = m + L z with L Lᵀ = J Σ Jᵀ.
 *
 *     p(y | x) ≈ 1/S Σ_s p(y | f_s)
 *
 * The normals are the same for every row, so that rows can be compared; half of them are the others' negatives.
 */
import { UsageError } from "@hessonite/core";
import type { Outputs } from "../functionalVariance.ts";
import { requireSamples, standardNormals } from "../sample.ts";

export interface MonteCarloOptions {
  /** Even; 1000 unless said. */
  readonly samples?: number;
  /** 0 unless said. */
  readonly seed?: number;
}

/** Class probabilities `[rows, C]`. */
export function monteCarlo(at: Outputs, options: MonteCarloOptions = {}): Float64Array {
  const { rows, outputs: c } = at;
  const draws = outputDraws(at, options);
  const out = new Float64Array(rows * c);
  for (let row = 0; row < rows; row++) addSoftmaxes(draws(row), out.subarray(row * c, (row + 1) * c));
  return out;
}

/** Draws of a row's outputs, `[samples, C]`, row by row; the array is used again for the next row. */
export function outputDraws(
  { outputs: c, mean, covariance }: Outputs,
  { samples = 1000, seed = 0 }: MonteCarloOptions = {},
): (row: number) => Float64Array {
  requireSamples(samples);
  if (samples % 2 === 1) {
    throw new UsageError("Cannot draw outputs in pairs as the number of samples is odd", { found: samples });
  }
  const half = samples / 2;
  const normals = standardNormals(half * c, seed, "outputs");
  const draws = new Float64Array(samples * c);
  return (row) => {
    const root = semidefiniteRoot(covariance.subarray(row * c * c, (row + 1) * c * c), c);
    for (let s = 0; s < half; s++) {
      for (let i = 0; i < c; i++) {
        let z = 0;
        for (let j = 0; j <= i; j++) z += root[i * c + j]! * normals[s * c + j]!;
        const m = mean[row * c + i]!;
        draws[s * c + i] = m + z;
        draws[(s + half) * c + i] = m - z;
      }
    }
    return draws;
  };
}

/** out += the mean of the softmaxes of rows of logits as long as `out`. */
function addSoftmaxes(logits: Float64Array, out: Float64Array): void {
  const c = out.length;
  const samples = logits.length / c;
  const powers = new Float64Array(c);
  for (let start = 0; start < logits.length; start += c) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < c; i++) largest = Math.max(largest, logits[start + i]!);
    let total = 0;
    for (let i = 0; i < c; i++) {
      powers[i] = Math.exp(logits[start + i]! - largest);
      total += powers[i]!;
    }
    for (let i = 0; i < c; i++) out[i]! += powers[i]! / (total * samples);
  }
}

/** L with L Lᵀ = V; a pivot that rounding makes negative is 0, as covariances of outputs may be singular. */
function semidefiniteRoot(v: Float64Array, n: number): Float64Array {
  const l = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let x = v[i * n + j]!;
      for (let k = 0; k < j; k++) x -= l[i * n + k]! * l[j * n + k]!;
      const pivot = l[j * (n + 1)]!;
      if (i === j) l[i * n + j] = Math.sqrt(Math.max(x, 0));
      else l[i * n + j] = pivot > 0 ? x / pivot : 0;
    }
  }
  return l;
}
