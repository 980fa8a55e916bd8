/** A Poisson regression with one weight, against the integral over it. */
import { datasetFromArrays, referenceEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { evidence } from "../evidence.ts";
import { fitLaplace, type Laplace } from "../fit.ts";
import { network } from "../fixtures/network.ts";
import { linearisedMode } from "../linearised.ts";
import { poisson } from "./poisson.ts";

const x = Array.from({ length: 30 }, (_, i) => [Math.sin(i) + 0.5]);
const y = x.map(([v], i) => Math.round(Math.exp(0.9 * v!) + 0.4 * Math.cos(3 * i)) + (i === 4 ? 25 : 0));
const prior = 2;

const fitAt = (w: number): Promise<Laplace> =>
  fitLaplace({
    model: network({ "0.weight": [[w]] }, "identity", "counts"),
    data: datasetFromArrays({ inputs: { x }, target: y.map((count) => [count]) }, { batchSize: 7 }),
    likelihood: poisson(),
    structure: "full",
    engine: referenceEngine(),
    prior,
  });

const logFactorial = (n: number): number => (n < 2 ? 0 : Math.log(n) + logFactorial(n - 1));

test("evidence to 0.01 nats, curvature and every structure's diagonal by hand", async () => {
  let w = 0.5;
  for (let step = 0; step < 10; step++) w = linearisedMode(await fitAt(w)).mean[0]!;
  const fit = await fitAt(w);
  const logJoint = (v: number): number =>
    x.reduce((sum, [xi], i) => sum + y[i]! * v * xi! - Math.exp(v * xi!) - logFactorial(y[i]!), 0) -
    0.5 * prior * v * v +
    0.5 * Math.log(prior / (2 * Math.PI));
  const [steps, reach] = [20_000, 4];
  let total = 0;
  for (let i = 0; i < steps; i++)
    total += Math.exp(logJoint(-reach + ((i + 0.5) * 2 * reach) / steps)) * ((2 * reach) / steps);
  expect(Math.abs(evidence(fit).total - Math.log(total))).toBeLessThan(0.01);
  const curvature = x.reduce((sum, [xi]) => sum + xi! ** 2 * Math.exp(w * xi!), 0);
  expect(fit.posterior.variances()[0]).toBeCloseTo(1 / (curvature + prior), 10);
  for (const structure of ["kronecker", "diagonal", "ekfac"] as const) {
    const other = await fitLaplace({
      model: network({ "0.weight": [[w]] }, "identity", "counts"),
      data: datasetFromArrays({ inputs: { x }, target: y.map((count) => [count]) }),
      likelihood: poisson(),
      structure,
      engine: referenceEngine(),
      prior,
    });
    const exact = structure !== "kronecker"; // KFAC takes the mean of x² and of the rates apart
    if (exact) expect(other.posterior.variances()[0]).toBeCloseTo(1 / (curvature + prior), 10);
  }
});

test("what is no count is refused", async () => {
  const data = datasetFromArrays({ inputs: { x }, target: y.map((count, i) => [i === 3 ? -1 : count]) });
  await expect(
    fitLaplace({
      model: network({ "0.weight": [[1]] }, "identity", "counts"),
      data,
      likelihood: poisson(),
      structure: "full",
      engine: referenceEngine(),
    }),
  ).rejects.toThrow("Cannot use the targets as one is no count");
});
