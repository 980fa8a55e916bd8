/** Densities with uncertain outputs against integrals over the outputs, for one output where that is a sum on a line. */
import { expect, test } from "vitest";
import type { Outputs } from "../functionalVariance.ts";
import { type LikelihoodName, likelihoodByName } from "../likelihood/byName.ts";
import type { Link } from "../predictive/link.ts";
import { predictiveNlls } from "./predictiveDensity.ts";

const mean = 0.4;
const variance = 0.5;
const outputs: Outputs = { rows: 1, outputs: 1, mean: Float64Array.of(mean), covariance: Float64Array.of(variance) };
const noise = 0.7;

/** −log ∫ p(y | f) N(f; mean, variance) df */
function integrated(name: LikelihoodName, y: number): number {
  const { rowwise } = likelihoodByName(name);
  const steps = 4000;
  const reach = 8 * Math.sqrt(variance);
  let sum = 0;
  for (let i = 0; i < steps; i++) {
    const f = mean - reach + ((i + 0.5) * 2 * reach) / steps;
    const density = Math.exp(-((f - mean) ** 2) / (2 * variance)) / Math.sqrt(2 * Math.PI * variance);
    sum += (Math.exp(rowwise!.logDensity(Float64Array.of(f), Float64Array.of(y), noise)) * density * 2 * reach) / steps;
  }
  return -Math.log(sum);
}

test.each([
  ["gaussian", 1.2, "probit", 1e-10],
  ["bernoulli", 1, "probit", 0.01],
  ["bernoulli", 0, "monte-carlo", 0.005],
  ["poisson", 3, "monte-carlo", 0.01],
] as [LikelihoodName, number, Link, number][])("%s, y = %d, by %s", (name, y, link, tolerance) => {
  const fit = { likelihood: likelihoodByName(name), noise };
  const [found] = predictiveNlls(fit, outputs, Float64Array.of(y), { link, samples: 20_000 });
  expect(Math.abs(found! - integrated(name, y))).toBeLessThan(tolerance);
  const [own] = predictiveNlls(fit, outputs, Float64Array.of(y), { link: "map" });
  expect(own).toBeCloseTo(-fit.likelihood.rowwise!.logDensity(outputs.mean, Float64Array.of(y), noise), 12);
});

test("a link that a likelihood has not", () => {
  const fit = { likelihood: likelihoodByName("poisson"), noise: 1 };
  expect(() => predictiveNlls(fit, outputs, Float64Array.of(1), { link: "probit" })).toThrow("no such density");
});
