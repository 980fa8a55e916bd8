/**
 * The trace by Girard's and Hutchinson's estimator.
 *
 *     tr A = E zᵀ A z      z of independent random signs;   Var zᵀ A z = 2 Σ_{i≠j} S_ij²,   S = ½ (A + Aᵀ)
 *
 * The error falls as 1/√samples whatever the spectrum; xTrace.ts does far better where eigenvalues decay.
 *
 * Source: Hutchinson (1990), Communications in Statistics 19(2).
 */
import { dot } from "../linalg/vector.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import { type Estimate, meanAndError, requireSamples, type SamplingOptions } from "./estimate.ts";
import { forEachProbe, requireSquareOperator } from "./probes.ts";

/**
 * Estimates tr A from `samples` products.
 *
 * @example
 * ```ts no-run
 * const { mean, standardError } = await hutchinsonTrace(ggn(problem), { samples: 100, seed: 0 });
 * ```
 */
export async function hutchinsonTrace(a: LinearOperator, options: SamplingOptions): Promise<Estimate> {
  requireSquareOperator(a, "estimate the trace");
  requireSamples(options.samples, "estimate a trace");
  const terms: number[] = [];
  const { spent } = await forEachProbe(a, options, "sign", (z, az) => {
    terms.push(dot(z, az));
  });
  return { ...meanAndError(terms), products: spent, seed: options.seed ?? 0 };
}
