/** A mean and a logarithm of a variance, both unknown, against the integral over them; and outputs that are no such pair. */
import { datasetFromArrays, referenceEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { evidence } from "../evidence.ts";
import { type FitOptions, fitLaplace, type Laplace } from "../fit.ts";
import { network } from "../fixtures/network.ts";
import { linearisedMode } from "../linearised.ts";
import { randomRows } from "../testing/randomRows.ts";
import { heteroscedastic } from "./heteroscedastic.ts";

const rows = 160; // the error of Laplace's method is of order 1/N: 0.064 nats at 40 rows
const y = randomRows(rows, 1, 6).map(([v]) => 0.6 + 0.5 * v!);
const prior = 1.2;
const one = { dtype: "float64" as const, shape: [rows, 1], data: new Float64Array(rows).fill(1) };

const fitAt = (w: readonly number[], options: Partial<FitOptions> = {}): Promise<Laplace> =>
  fitLaplace({
    model: network({ "0.weight": w.map((v) => [v]) }, "identity", "constant"),
    data: datasetFromArrays({ inputs: { x: one }, target: y }, { batchSize: 7 }),
    likelihood: heteroscedastic(),
    structure: "full",
    engine: referenceEngine(),
    prior,
    ...options,
  });

test("evidence to 0.02 nats of the integral over both weights", async () => {
  let w = [0, 0];
  for (let step = 0; step < 15; step++) w = [...linearisedMode(await fitAt(w)).mean];
  const fit = await fitAt(w);
  let total = 0;
  const [steps, reach] = [400, 4];
  const cell = ((2 * reach) / steps) ** 2;
  for (let i = 0; i < steps; i++) {
    const m = -reach + ((i + 0.5) * 2 * reach) / steps;
    for (let j = 0; j < steps; j++) {
      const s = -reach + ((j + 0.5) * 2 * reach) / steps;
      const squares = y.reduce((sum, v) => sum + (v - m) ** 2, 0);
      const logLikelihood = -0.5 * (rows * (s + Math.log(2 * Math.PI)) + squares * Math.exp(-s));
      total += Math.exp(logLikelihood - 0.5 * prior * (m * m + s * s)) * (prior / (2 * Math.PI)) * cell;
    }
  }
  expect(Math.abs(evidence(fit).total - Math.log(total))).toBeLessThan(0.02);
  // Fisher at the mode, by hand.
  const variances = fit.posterior.variances();
  expect(variances[0]).toBeCloseTo(1 / (rows * Math.exp(-w[1]!) + prior), 10);
  expect(variances[1]).toBeCloseTo(1 / (rows / 2 + prior), 10);
});

test("where residuals are large the exact Hessian is indefinite; the posterior is one all the same", async () => {
  for (const structure of ["full", "kronecker", "ekfac", "low-rank", "block-diagonal", "matrix-free"] as const) {
    await using fit = await fitAt([9, -2], { structure, steps: 4, probes: 2 });
    expect(fit.posterior.groupVariances()[0]).toBeGreaterThan(0);
  }
});

test("outputs that are no means and log-variances are refused", async () => {
  await expect(fitAt([1, 2, 3])).rejects.toThrow("the outputs are not means and log-variances");
  const data = datasetFromArrays({ inputs: { x: one }, target: y.map((v) => [v, 2, 3]) });
  await expect(fitAt([1, 2], { data })).rejects.toThrow(/Cannot use the targets/);
});
