/** Logistic regression in one and two dimensions, against integrals over the weights on a grid: what the approximation costs. */
import { datasetFromArrays, referenceEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { evidence } from "./evidence.ts";
import { fitLaplace, type Laplace } from "./fit.ts";
import { network } from "./fixtures/network.ts";
import { functionalVariance } from "./functionalVariance.ts";
import { bernoulli } from "./likelihood/bernoulli.ts";
import { linearisedMode } from "./linearised.ts";
import { shrinkage } from "./predictive/probit.ts";
import { randomRows } from "./testing/randomRows.ts";

const prior = 1.5;
const sigmoid = (f: number): number => 1 / (1 + Math.exp(-f));
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);

interface Integrals {
  readonly logEvidence: number;
  readonly probability: number;
}

/** log ∫ p(y|w) p(w) dw, and the mean of σ(wᵀq), by sums over a grid of ±6 prior standard deviations. */
function integrated(x: number[][], y: number[], query: number[]): Integrals {
  const steps = query.length === 1 ? 4000 : 240;
  const reach = 6 / Math.sqrt(prior);
  const axis = Array.from({ length: steps }, (_, i) => -reach + ((i + 0.5) * 2 * reach) / steps);
  const grid = query.length === 1 ? axis.map((a) => [a]) : axis.flatMap((a) => axis.map((b) => [a, b]));
  const cell = ((2 * reach) / steps) ** query.length;
  let [total, weighted] = [0, 0];
  for (const w of grid) {
    const logLikelihood = x.reduce((sum, row, n) => sum - Math.log1p(Math.exp((y[n] === 1 ? -1 : 1) * dot(row, w))), 0);
    const density =
      Math.exp(logLikelihood - 0.5 * prior * dot(w, w)) * (prior / (2 * Math.PI)) ** (w.length / 2) * cell;
    total += density;
    weighted += density * sigmoid(dot(query, w));
  }
  return { logEvidence: Math.log(total), probability: weighted / total };
}

/** The fit at the mode, by Newton steps of the linearised model. */
async function atMode(x: number[][], y: number[]): Promise<Laplace> {
  let w = x[0]!.map(() => 0);
  for (let step = 0; ; step++) {
    const fit = await fitLaplace({
      model: network({ "0.weight": [w] }, "identity", "logistic"),
      data: datasetFromArrays({ inputs: { x }, target: y.map((label) => [label]) }),
      likelihood: bernoulli(),
      structure: "full",
      engine: referenceEngine(),
      prior,
    });
    if (step === 12) return fit;
    w = [...linearisedMode(fit).mean];
    await fit[Symbol.asyncDispose]();
  }
}

test.each([1, 2])("%d weights: evidence to 0.03 nats, predictive to 0.02", async (d) => {
  const x = randomRows(40, d, d);
  const y = x.map((row, n) => Number(sigmoid(2 * row[0]! - (row[1] ?? 0)) > (n * 0.618) % 1));
  await using fit = await atMode(x, y);
  for (const scale of [0.3, 1, 3]) {
    const query = x[3]!.map((v) => scale * v);
    const exact = integrated(x, y, query);
    // The error of Laplace's method is of order 1/N; at 40 rows it is a few hundredths of a nat.
    expect(Math.abs(evidence(fit).total - exact.logEvidence)).toBeLessThan(0.03);
    const { mean, covariance } = await functionalVariance(fit, datasetFromArrays({ inputs: { x: [query] } }));
    expect(Math.abs(sigmoid(mean[0]! * shrinkage(covariance[0]!)) - exact.probability)).toBeLessThan(0.02); // 1 % the probit, the rest the posterior that is no Gaussian
  }
});
