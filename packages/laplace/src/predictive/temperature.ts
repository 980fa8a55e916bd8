/**
 * Temperature scaling: softmax(f/T) with the one T that fits held-out labels best. The baseline that every table has.
 *
 * The negative log-likelihood is convex in 1/T: it has one minimum, which a golden section finds.
 *
 * Source: Guo et al. (2017), On calibration of modern neural networks, ICML.
 */
import { mean, negativeLogLikelihoods } from "../metrics/classification.ts";
import { softmaxRows } from "./softmax.ts";

/** @param logits `[rows, C]` */
export function fitTemperature(logits: Float64Array, labels: ArrayLike<number>): number {
  return bestTemperature((t) => mean(negativeLogLikelihoods(scaled(logits, labels.length, t), labels)));
}

/** @param nll Of held-out targets with logits divided by T. */
export function bestTemperature(nll: (temperature: number) => number): number {
  // Golden section on log(1/T) in a bracket that holds every sensible temperature.
  const loss = (logBeta: number): number => nll(Math.exp(-logBeta));
  const shrink = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [Math.log(1e-2), Math.log(1e2)];
  while (high - low > 1e-7) {
    const [a, b] = [high - shrink * (high - low), low + shrink * (high - low)];
    if (loss(a) < loss(b)) high = b;
    else low = a;
  }
  return Math.exp(-(low + high) / 2);
}

/** softmax(f/T) */
export function scaled(logits: Float64Array, rows: number, temperature: number): Float64Array {
  return softmaxRows(
    logits.map((f) => f / temperature),
    rows,
  );
}
