import { datasetFromArrays, referenceEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { fitLaplace } from "./fit.ts";
import { network } from "./fixtures/network.ts";
import { gaussian } from "./likelihood/gaussian.ts";
import { linearisedMode } from "./linearised.ts";
import { randomRows } from "./testing/randomRows.ts";
import { priorConsistency, trainedPrior } from "./trainedPrior.ts";

test("ridge regression shows the prior that it was solved with", async () => {
  const data = datasetFromArrays({ inputs: { x: randomRows(40, 4, 1) }, target: randomRows(40, 1, 2) });
  const at = (w: number[][]) =>
    fitLaplace({
      model: network({ "0.weight": w }, "identity", "ridge"),
      data,
      likelihood: gaussian(),
      structure: "full",
      engine: referenceEngine(),
      prior: 7,
      noise: 0.5,
    });
  await using anywhere = await at([[1, -2, 0.5, 3]]);
  await using mode = await at([[...linearisedMode(anywhere).mean]]);
  const found = trainedPrior(mode);
  expect(found.precision).toBeCloseTo(7, 8);
  expect(found.mismatch).toBeLessThan(1e-8);
  expect(priorConsistency(found, 9)).toBe(
    "The prior precision of 9.0 agrees with the weight decay that the weights' gradient shows, 7.0.",
  );
  expect(priorConsistency(found, 0.1)).toMatch(/is far from/);
  expect(priorConsistency({ precision: -1, mismatch: 0.2 }, 1)).toMatch(/without weight decay/);
});
