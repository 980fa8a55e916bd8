/**
 * The squared Frobenius norm.
 *
 *     ‖A‖²_F = E ‖A z‖²      z of independent random signs
 */
import { dot } from "../linalg/vector.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import { type Estimate, exactly, meanAndError, requireSamples, type SamplingOptions } from "./estimate.ts";
import { forEachProbe } from "./probes.ts";

/** ‖A‖²_F of any A: from the operator's own facts, else estimated from `samples` products. */
export async function squaredFrobeniusNorm(a: LinearOperator, options: SamplingOptions): Promise<Estimate> {
  const { samples, seed = 0 } = options;
  const known = await a.exact?.squaredFrobeniusNorm?.();
  if (known !== undefined) return exactly(known, seed);
  requireSamples(samples, "estimate a norm");
  const terms: number[] = [];
  const { spent } = await forEachProbe(a, options, "sign", (_, az) => {
    terms.push(dot(az, az));
  });
  return { ...meanAndError(terms), products: spent, seed };
}
