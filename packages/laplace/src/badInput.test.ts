/** What is wrong is said before anything is computed with it, in words that help. */
import { datasetFromArrays, referenceEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { classesReport } from "./analyse/classes.ts";
import { type FitOptions, fitLaplace, withHyperparameters } from "./fit.ts";
import { network } from "./fixtures/network.ts";
import { bernoulli } from "./likelihood/bernoulli.ts";
import { categorical } from "./likelihood/categorical.ts";
import { gaussian } from "./likelihood/gaussian.ts";
import { poisson } from "./likelihood/poisson.ts";
import { randomRows } from "./testing/randomRows.ts";

const x = randomRows(40, 3, 1);
const model = network({ "0.weight": randomRows(3, 3, 2) }, "identity", "softmax");
const labels = x.map((_, i) => i % 3);
const rowsOf = (target: number[] | number[][]) => datasetFromArrays({ inputs: { x }, target }, { batchSize: 16 });
const fitted = (options: Partial<FitOptions>) =>
  fitLaplace({
    model,
    data: rowsOf(labels),
    likelihood: categorical(),
    structure: "full",
    engine: referenceEngine(),
    ...options,
  });

test.each([
  [
    "a Gaussian likelihood for classes",
    { likelihood: gaussian() },
    /Cannot use the targets as their shape is not the prediction's/,
  ],
  ["a Bernoulli likelihood for one label a row", { likelihood: bernoulli() }, /Cannot use the targets/],
  ["classes for rows of numbers", { data: rowsOf(randomRows(40, 3, 3)) }, /Cannot use/],
  ["counts that are negative", { likelihood: poisson(), data: rowsOf(randomRows(40, 3, 3)) }, /one is no count/],
  ["a class that the model does not have", { data: rowsOf(labels.with(5, 3)) }, /label|class/],
  ["a prior of 0", { prior: 0 }, /Cannot use a prior as a precision is not positive/],
  ["a prior below 0", { prior: -1 }, /Cannot use a prior as a precision is not positive/],
  ["a prior that is no number", { prior: Number.NaN }, /Cannot use a prior as a precision is not positive/],
  ["a temperature of 0", { temperature: 0 }, /Cannot use a temperature as it is not positive/],
  [
    "a noise below 0",
    { likelihood: gaussian(), data: rowsOf(randomRows(40, 3, 3)), noise: -0.1 },
    /Cannot use a noise/,
  ],
  ["a noise where there is none", { noise: 0.3 }, /Cannot set the noise as the likelihood has none/],
  ["weights that are not there", { weights: ["fc9.*"] }, /a name or glob matches none/],
] as [string, Partial<FitOptions>, RegExp][])("%s", async (_, options, message) => {
  await expect(fitted(options)).rejects.toThrow(message);
});

test("precisions of another number than there are groups, and kinds that a structure has not", async () => {
  await using fit = await fitted({});
  await expect(withHyperparameters(fit, { prior: [1, 2] })).rejects.toThrow(/the number of its precisions/);
  await using blocks = await fitted({ structure: "kronecker" });
  await expect(withHyperparameters(blocks, { kind: "diagonal", prior: [1] })).rejects.toThrow(
    /Cannot take a diagonal prior/,
  );
});

test("held-out rows with a class that the model does not have", async () => {
  await using fit = await fitted({});
  const wrong = rowsOf(labels.with(7, 3));
  await expect(classesReport(fit, { select: rowsOf(labels), report: wrong })).rejects.toThrow(/label|class/);
  await expect(classesReport(fit, { select: wrong, report: rowsOf(labels) })).rejects.toThrow(/label|class/);
});
