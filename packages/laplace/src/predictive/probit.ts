/**
 * Class probabilities where logits are uncertain, by MacKay's probit approximation of each logit.
 *
 *     p = softmax(f_c / √(1 + π/8 · V_cc))
 *
 * For a single logit it is exact to 1 % for a probit link. Source: MacKay (1992), The evidence framework applied to
 * classification networks.
 */
import type { Outputs } from "../functionalVariance.ts";
import { softmaxRows } from "./softmax.ts";

export function probit({ rows, outputs, mean, covariance }: Outputs): Float64Array {
  return softmaxRows(
    mean.map((f, at) => f * shrinkage(covariance[at * outputs + (at % outputs)]!)),
    rows,
  );
}

/** 1/√(1 + π v/8) */
export function shrinkage(variance: number): number {
  return 1 / Math.sqrt(1 + (Math.PI / 8) * variance);
}
