/** Held-out tuning finds what brute force finds, never harms the rows it looks at, and the temperature is its own to tune. */
import { datasetFromArrays, referenceEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { evidence, evidenceGradient } from "./evidence.ts";
import { type FitOptions, fitLaplace, type Laplace, withHyperparameters } from "./fit.ts";
import { network } from "./fixtures/network.ts";
import { functionalVariance } from "./functionalVariance.ts";
import { categorical } from "./likelihood/categorical.ts";
import { gaussian } from "./likelihood/gaussian.ts";
import { mean } from "./metrics/classification.ts";
import { predictiveNlls } from "./metrics/predictiveDensity.ts";
import { targetsOf } from "./targets.ts";
import { randomRows } from "./testing/randomRows.ts";
import { tuneByHeldOut } from "./tuneHeldOut.ts";

const truth = randomRows(3, 4, 1);
const labelsOf = (x: number[][], seed: number): number[] => {
  const noise = randomRows(x.length, 3, seed);
  return x.map((row, n) => {
    const scores = truth.map((w, c) => w.reduce((sum, v, i) => sum + v * row[i]!, 0) + 1.3 * noise[n]![c]!);
    return scores.indexOf(Math.max(...scores));
  });
};
const [train, heldOut] = [randomRows(60, 4, 2), randomRows(150, 4, 3)];
const select = datasetFromArrays({ inputs: { x: heldOut }, target: labelsOf(heldOut, 5) }, { batchSize: 100 });

const classifier = (options: Partial<FitOptions> = {}): Promise<Laplace> =>
  fitLaplace({
    // Too sure of itself: three times the weights.
    model: network({ "0.weight": truth.map((row) => row.map((v) => 3 * v)) }, "identity", "softmax"),
    data: datasetFromArrays({ inputs: { x: train }, target: labelsOf(train, 4) }, { batchSize: 60 }),
    likelihood: categorical(),
    structure: "kronecker",
    engine: referenceEngine(),
    ...options,
  });

async function nllOf(fit: Laplace, data = select): Promise<number> {
  return mean(predictiveNlls(fit, await functionalVariance(fit, data), await targetsOf(data)));
}

test("prior and temperature of a classifier: as good as the best of a fine grid, and better than where it began", async () => {
  await using fit = await classifier();
  const found = await tuneByHeldOut(fit, select);
  expect(found.nll).toBeCloseTo(await nllOf(found.fit), 12);
  expect(found.startNll).toBeCloseTo(await nllOf(fit), 12);
  let least = Number.POSITIVE_INFINITY;
  for (let p = -3; p <= 3; p += 0.25) {
    for (let t = -2; t <= 3; t += 0.25) {
      const one = await withHyperparameters(fit, { prior: 10 ** p, temperature: 10 ** t });
      least = Math.min(least, await nllOf(one));
    }
  }
  expect(found.nll).toBeLessThan(least + 2e-4);
  expect(found.nll).toBeLessThan(found.mapNll - 0.05);
});

test("a prior for each layer does no worse than one for all; without the temperature there is less to gain", async () => {
  await using fit = await classifier({
    model: network(
      { "0.weight": randomRows(5, 4, 7), "0.bias": [0, 0, 0, 0, 0], "2.weight": randomRows(3, 5, 8) },
      "tanh",
      "two layers",
    ),
  });
  const one = await tuneByHeldOut(fit, select, { temperature: false });
  const layers = await tuneByHeldOut(one.fit, select, { kind: "layerwise", temperature: false });
  expect(layers.fit.prior.precision.length).toBe(2);
  expect(layers.nll).toBeLessThanOrEqual(one.nll);
  expect(layers.fit.temperature).toBe(1);
});

test("prior and noise of a regression: the noise that held-out residuals have", async () => {
  const w = randomRows(1, 4, 11);
  const target = (x: number[][], seed: number): number[][] => {
    const noise = randomRows(x.length, 1, seed);
    return x.map((row, n) => [row.reduce((sum, v, i) => sum + v * w[0]![i]!, 0) + 0.4 * noise[n]![0]!]);
  };
  await using fit = await classifier({
    model: network({ "0.weight": w }, "identity", "linear"),
    data: datasetFromArrays({ inputs: { x: train }, target: target(train, 12) }, { batchSize: 60 }),
    likelihood: gaussian(),
    structure: "full",
    noise: 2,
  });
  const data = datasetFromArrays({ inputs: { x: heldOut }, target: target(heldOut, 13) });
  const { fit: tuned, nll } = await tuneByHeldOut(fit, data, { temperature: false });
  const residuals = (await targetsOf(data)).map(
    (y, n) => y - heldOut[n]!.reduce((sum, v, i) => sum + v * w[0]![i]!, 0),
  );
  const rms = Math.sqrt(mean(residuals.map((r) => r * r)));
  const { covariance } = await functionalVariance(tuned, data);
  // At the optimum the mean predicted variance is that of the residuals, nearly.
  expect(Math.sqrt(tuned.noise ** 2 + mean(covariance)) / rms).toBeCloseTo(1, 1);
  expect(nll).toBeLessThan(0.5 * Math.log(2 * Math.PI * rms ** 2) + 0.5 + 0.01);
});

test("too few held-out rows are said", async () => {
  await using fit = await classifier();
  const few = datasetFromArrays({ inputs: { x: heldOut.slice(0, 29) }, target: labelsOf(heldOut, 5).slice(0, 29) });
  await expect(tuneByHeldOut(fit, few)).rejects.toThrow("they are too few");
});

test.each(["full", "kronecker", "ekfac", "diagonal"] as const)(
  "the evidence's derivatives are its differences, the temperature's above 0: %s classifier",
  async (structure) => {
    await using fit = await classifier({ structure });
    const h = 1e-5;
    const at = async (logPrior: number, logTemperature: number): Promise<number> =>
      evidence(
        await withHyperparameters(fit, {
          prior: 1.4 * Math.exp(logPrior),
          temperature: 0.8 * Math.exp(logTemperature),
        }),
      ).total;
    const { logPrior, logTemperature } = evidenceGradient(
      await withHyperparameters(fit, { prior: 1.4, temperature: 0.8 }),
    );
    expect(logPrior[0]).toBeCloseTo(((await at(h, 0)) - (await at(-h, 0))) / (2 * h), 5);
    expect(logTemperature).toBeCloseTo(((await at(0, h)) - (await at(0, -h))) / (2 * h), 5);
    expect(logTemperature).toBeGreaterThan(0);
  },
);
