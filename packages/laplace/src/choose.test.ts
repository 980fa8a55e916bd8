/** A model that is far too sure of itself is improved; one that is calibrated is left alone; luck is not taken for skill. */
import { datasetFromArrays, randomStream, referenceEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { chooseByHeldOut } from "./choose.ts";
import { fitLaplace } from "./fit.ts";
import { network } from "./fixtures/network.ts";
import { categorical } from "./likelihood/categorical.ts";
import { randomRows } from "./testing/randomRows.ts";

/** Labels of a softmax regression with weights W, drawn. */
function labelsOf(x: number[][], w: number[][], seed: number): number[] {
  const stream = randomStream(seed, "labels");
  return x.map((row) => {
    const powers = w.map((own) => Math.exp(own.reduce((sum, v, i) => sum + v * row[i]!, 0)));
    const total = powers.reduce((a, b) => a + b);
    const u = stream.uniform() * total;
    const upTo = powers.map((_, c) => powers.slice(0, c + 1).reduce((a, b) => a + b));
    return upTo.findIndex((sum) => u < sum);
  });
}

const truth = randomRows(3, 4, 1);
const [train, heldOut] = [randomRows(60, 4, 2), randomRows(400, 4, 3)];

async function choiceFor(w: number[][], rows: number) {
  await using engine = referenceEngine();
  const data = datasetFromArrays({ inputs: { x: train }, target: labelsOf(train, truth, 4) }, { batchSize: 60 });
  await using fit = await fitLaplace({
    model: network({ "0.weight": w }, "identity", "softmax"),
    data,
    likelihood: categorical(),
    structure: "full",
    engine,
  });
  const select = datasetFromArrays(
    { inputs: { x: heldOut.slice(0, rows) }, target: labelsOf(heldOut, truth, 5).slice(0, rows) },
    { batchSize: 100 },
  );
  return chooseByHeldOut({ full: fit }, select);
}

test("weights three times too large: the posterior is used", async () => {
  const { chosen, mapNll, temperature, verdict } = await choiceFor(
    truth.map((row) => row.map((v) => 3 * v)),
    400,
  );
  expect(chosen!.nll).toBeLessThan(mapNll - 0.1);
  expect(temperature).toBeGreaterThan(2);
  expect(temperature).toBeLessThan(4);
  expect(verdict).toMatch(/^Use the posterior \(full, prior/);
});

test("the true weights: the model is left alone", async () => {
  const { chosen, temperature, verdict } = await choiceFor(truth, 400);
  expect(chosen).toBeUndefined();
  expect(temperature).toBeGreaterThan(0.8);
  expect(temperature).toBeLessThan(1.25);
  expect(verdict).toMatch(/^Keep the model's probabilities: on held-out rows that it was not picked by/);
});

test("too few rows: the model is left alone, however bad it is", async () => {
  const { chosen, verdict } = await choiceFor(
    truth.map((row) => row.map((v) => 3 * v)),
    29,
  );
  expect(chosen).toBeUndefined();
  expect(verdict).toMatch(/29 held-out rows are too few/);
});
