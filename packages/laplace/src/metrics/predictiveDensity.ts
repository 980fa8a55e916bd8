/** How well a posterior predicts targets: −log of the predictive density of each row, whatever the likelihood. */
import { UsageError } from "@hessonite/core";
import type { Laplace } from "../fit.ts";
import type { Outputs } from "../functionalVariance.ts";
import type { Likelihood } from "../likelihood/likelihood.ts";
import { classProbabilities, type Link } from "../predictive/link.ts";
import { type MonteCarloOptions, outputDraws } from "../predictive/monteCarlo.ts";
import { shrinkage } from "../predictive/probit.ts";
import { negativeLogLikelihoods } from "./classification.ts";
import { gaussianNegativeLogLikelihoods } from "./gaussian.ts";

export interface DensityOptions extends MonteCarloOptions {
  /** "map" is the model's own prediction; the closest that is quick for the likelihood unless said. */
  readonly link?: Link;
}

/** The links that a likelihood's densities have beside the model's own, the first unless said. */
export const densityLinks: Readonly<Record<Likelihood["kind"], readonly Link[]>> = {
  classes: ["probit", "monte-carlo", "bridge", "bridge-normalised"],
  labels: ["probit", "monte-carlo"],
  regression: ["probit"], // Gaussian in, Gaussian out: nothing is approximated
  counts: ["monte-carlo"],
  spread: ["monte-carlo"],
  custom: [],
};

/**
 * @param targets As the data have them, row by row.
 * @throws {UsageError} if the likelihood has no densities, or not by this link.
 */
export function predictiveNlls(
  { likelihood, noise }: Pick<Laplace, "likelihood" | "noise">,
  outputs: Outputs,
  targets: Float64Array,
  options: DensityOptions = {},
): Float64Array {
  const allowed = densityLinks[likelihood.kind];
  const { link = allowed[0] } = options;
  const { rowwise, kind } = likelihood;
  if (!rowwise || link === undefined || (link !== "map" && !allowed.includes(link))) {
    throw new UsageError("Cannot say how well targets are predicted as the likelihood has no such density", {
      at: `${likelihood.name} likelihood`,
      expected: allowed.join(" or ") || "a likelihood that is known row by row",
      found: link ?? "a graph",
    });
  }
  if (kind === "classes") return negativeLogLikelihoods(classProbabilities(outputs, link, options), targets);
  if (kind === "regression") {
    return gaussianNegativeLogLikelihoods(outputs, targets, { noise, uncertain: link !== "map" });
  }
  const { rows, outputs: c, mean, covariance } = outputs;
  const width = targets.length / rows;
  const own = (row: number): Float64Array => targets.subarray(row * width, (row + 1) * width);
  const at = (row: number): Float64Array => mean.subarray(row * c, (row + 1) * c);
  if (link === "map")
    return Float64Array.from({ length: rows }, (_, row) => -rowwise.logDensity(at(row), own(row), noise));
  if (link === "probit") {
    return Float64Array.from({ length: rows }, (_, row) => {
      const shrunk = at(row).map((f, i) => f * shrinkage(covariance[(row * c + i) * c + i]!));
      return -rowwise.logDensity(shrunk, own(row), noise);
    });
  }
  const draws = outputDraws(outputs, options);
  return Float64Array.from({ length: rows }, (_, row) => {
    const drawn = draws(row);
    const logs = Float64Array.from({ length: drawn.length / c }, (_, s) =>
      rowwise.logDensity(drawn.subarray(s * c, (s + 1) * c), own(row), noise),
    );
    const most = logs.reduce((m, x) => Math.max(m, x), Number.NEGATIVE_INFINITY);
    return -most - Math.log(logs.reduce((sum, x) => sum + Math.exp(x - most), 0) / logs.length);
  });
}
