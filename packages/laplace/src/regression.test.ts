/** Held-out likelihood of a linear model on diabetes: BayesianRidge's, to the accuracy of its hyperpriors. */
import { readFileSync } from "node:fs";
import { datasetFromFile, referenceEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { fitLaplace } from "./fit.ts";
import { network } from "./fixtures/network.ts";
import { functionalVariance } from "./functionalVariance.ts";
import { gaussian } from "./likelihood/gaussian.ts";
import { mean } from "./metrics/classification.ts";
import { gaussianNegativeLogLikelihoods } from "./metrics/gaussian.ts";
import { targetsOf } from "./targets.ts";
import { tuneByEvidence } from "./tune.ts";

const oracle = JSON.parse(readFileSync("packages/laplace/testdata/regression.json", "utf8")).diabetes;
const rows = (start: number, end: number) =>
  datasetFromFile("packages/laplace/testdata/diabetes.npz", {
    modelInputs: [{ name: "x" }],
    batchSize: 100,
    rows: { start, end },
  });

test("diabetes, 300 rows to train and 142 to judge", async () => {
  await using engine = referenceEngine();
  const fitAt = async (w: ArrayLike<number>, prior = 1, noise = 1) =>
    fitLaplace({
      model: network({ "0.weight": [Array.from(w)] }, "identity", "linear"),
      data: await rows(0, 300),
      likelihood: gaussian(),
      structure: "full",
      engine,
      prior,
      noise,
    });
  const { fit: tuned } = await tuneByEvidence(await fitAt(new Array(10).fill(0.1)), { refit: true });
  expect(tuned.noise / oracle.noise).toBeCloseTo(1, 5);
  expect(tuned.prior.precision[0]! / oracle.prior).toBeCloseTo(1, 5);
  // The network at the posterior's mean.
  await using fit = await fitAt(tuned.mean, tuned.prior.precision[0], tuned.noise);
  const query = await rows(300, 442);
  const outputs = await functionalVariance(fit, query);
  const nlls = gaussianNegativeLogLikelihoods(outputs, await targetsOf(query), { noise: fit.noise });
  expect(mean(nlls)).toBeCloseTo(oracle.nll, 6);
});
