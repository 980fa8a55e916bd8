/** How good Gaussian predictions are: y ~ N(f, V + σ² I) row by row. */
import { choleskySync, matrix, solveTriangular } from "@hessonite/core";
import type { Outputs } from "../functionalVariance.ts";

/**
 * −log N(y; f, V + σ² I) of each row, in nats.
 *
 * @param targets `[rows, C]`
 * @param uncertain False: V is left out, and what remains is the model's own prediction with noise.
 */
export function gaussianNegativeLogLikelihoods(
  { rows, outputs: c, mean, covariance }: Outputs,
  targets: Float64Array,
  { noise, uncertain = true }: { readonly noise: number; readonly uncertain?: boolean },
): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    const v = covariance.subarray(row * c * c, (row + 1) * c * c);
    const total = v.map((x, i) => (uncertain ? x : 0) + (i % (c + 1) === 0 ? noise ** 2 : 0));
    const { lower } = choleskySync(matrix(c, c, total));
    const residual = mean.subarray(row * c, (row + 1) * c).map((f, i) => targets[row * c + i]! - f);
    const white = solveTriangular(lower, matrix(c, 1, residual)).data;
    const logDeterminant = Array.from({ length: c }, (_, i) => Math.log(lower.data[i * (c + 1)]!)).reduce(
      (a, b) => a + b,
      0,
    );
    return 0.5 * white.reduce((sum, x) => sum + x * x, 0) + logDeterminant + (c / 2) * Math.log(2 * Math.PI);
  });
}

/** √ of the mean squared difference. */
export function rootMeanSquare(mean: Float64Array, targets: Float64Array): number {
  return Math.sqrt(mean.reduce((sum, f, i) => sum + (f - targets[i]!) ** 2, 0) / mean.length);
}
