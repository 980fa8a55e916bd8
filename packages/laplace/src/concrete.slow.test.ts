/**
 * Concrete (927 rows, an MLP 8-128-128-128-1): held-out likelihood with uncertainty against BayesianRidge, and against one noise
 * for all rows. One half of the 103 query rows tunes, the other is judged, and then the other way round.
 */
import { readFileSync } from "node:fs";
import { datasetFromFile, ortNodeEngine, slice } from "@hessonite/core";
import { expect, test } from "vitest";
import { type RegressionReport, regressionReport } from "./analyse/regression.ts";
import { fitLaplace } from "./fit.ts";
import { gaussian } from "./likelihood/gaussian.ts";
import { mean } from "./metrics/classification.ts";
import { tuneByEvidence } from "./tune.ts";

const folder = "packages/influence/testdata";
const { halves: ridge } = JSON.parse(readFileSync("packages/laplace/testdata/regression.json", "utf8")).concrete;
const file = (name: string) =>
  datasetFromFile(`${folder}/concrete-${name}.npz`, { modelInputs: [{ name: "x" }], batchSize: 256 });

const settings = [
  ["kronecker", "all"],
  ["full", "last-layer"],
] as const;

test.each(settings)(
  "%s, %s weights: far below BayesianRidge, and no worse than one noise",
  { timeout: 300_000 },
  async (structure, weights) => {
    await using engine = ortNodeEngine();
    const [train, query] = [await file("train"), await file("query")];
    const halves = [slice(query, 0, 51), slice(query, 51, 103)] as const;
    const found: RegressionReport[] = [];
    for (const seed of [0, 1, 2]) {
      const model = `${folder}/concrete-mlp-${seed}.onnx`;
      await using fit = await fitLaplace({ model, data: train, likelihood: gaussian(), structure, weights, engine });
      const tuned = (await tuneByEvidence(fit)).fit;
      found.push(await regressionReport(tuned, { select: halves[1], report: halves[0] }));
      found.push(await regressionReport(tuned, { select: halves[0], report: halves[1] }));
    }
    const nll = (part: string): number =>
      mean(found.map(({ rows }) => rows.find(({ name }) => name.includes(part))!.nll));
    expect(nll(`${structure}, held-out`)).toBeLessThan(mean(ridge) - 0.4);
    expect(nll(`${structure}, held-out`)).toBeLessThanOrEqual(nll("noise of held-out rows"));
    // Where the weights are 37 times the rows the evidence takes its own freedom for noise; the last layer's does not.
    if (weights === "all") expect(nll("evidence")).toBeGreaterThan(mean(ridge));
    else expect(nll("evidence")).toBeLessThan(nll("noise of the training rows"));
  },
);
