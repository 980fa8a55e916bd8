/** Fits of parts equal one fit; a fit that went through a file is the same; a fit of another model is refused. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProblem, datasetFromArrays, referenceEngine } from "@hessonite/core";
import { afterAll, expect, test } from "vitest";
import { evidence } from "./evidence.ts";
import { type FitOptions, fitLaplace, type Laplace, withHyperparameters } from "./fit.ts";
import { network } from "./fixtures/network.ts";
import { functionalVariance } from "./functionalVariance.ts";
import { categorical } from "./likelihood/categorical.ts";
import { mergeFits } from "./merge.ts";
import { structures } from "./posterior/posterior.ts";
import { loadLaplace, saveLaplace, storedChoice } from "./store.ts";
import { randomRows } from "./testing/randomRows.ts";
import { trainedPrior } from "./trainedPrior.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-laplace-"));
afterAll(() => rmSync(folder, { recursive: true }));

const x = randomRows(24, 3, 1);
const y = x.map((_, i) => i % 3);
const weights = (seed: number) => ({
  "0.weight": randomRows(4, 3, seed),
  "0.bias": randomRows(1, 4, 3)[0]!,
  "2.weight": randomRows(3, 4, 4),
});
const model = (seed = 2) => network(weights(seed), "tanh", "classifier");
const rows = (start: number, end: number) =>
  datasetFromArrays({ inputs: { x: x.slice(start, end) }, target: y.slice(start, end) }, { batchSize: 5 });
const query = datasetFromArrays({ inputs: { x: randomRows(3, 3, 9) } });
const fitted = (
  structure: (typeof structures)[number],
  start: number,
  end: number,
  options: Partial<FitOptions> = {},
) =>
  fitLaplace({
    model: model(),
    data: rows(start, end),
    likelihood: categorical(),
    structure,
    engine: referenceEngine(),
    prior: 0.8,
    rank: 6,
    ...options,
  });

async function same(a: Laplace, b: Laplace, tolerance: number): Promise<void> {
  expect(Math.abs(evidence(a).total - evidence(b).total)).toBeLessThan(tolerance);
  expect(a.rows).toBe(b.rows);
  const [f, g] = [await functionalVariance(a, query), await functionalVariance(b, query)];
  f.covariance.forEach((v, i) => expect(Math.abs(v - g.covariance[i]!)).toBeLessThan(tolerance));
  expect(Math.abs(trainedPrior(a).precision - trainedPrior(b).precision)).toBeLessThan(tolerance);
}

test.each(["kronecker", "full", "block-diagonal", "diagonal"] as const)(
  "three %s fits equal one",
  async (structure) => {
    const parts = [await fitted(structure, 0, 7), await fitted(structure, 7, 12), await fitted(structure, 12, 24)];
    await same(await mergeFits(parts), await fitted(structure, 0, 24), 1e-10);
  },
);

test("parts that do not add up are refused", async () => {
  await expect(mergeFits([await fitted("ekfac", 0, 7), await fitted("ekfac", 7, 12)])).rejects.toThrow(
    /bases of its own data/,
  );
  await expect(mergeFits([await fitted("full", 0, 7), await fitted("diagonal", 7, 12)])).rejects.toThrow(
    /structures differ/,
  );
});

const throughFiles: readonly (readonly [string, (typeof structures)[number], Partial<FitOptions>])[] = [
  ...structures.filter((one) => one !== "matrix-free").map((one) => [one, one, {}] as const),
  ["full over a subnetwork", "full", { subnetwork: { by: "magnitude", count: 9 } }],
  ["diagonal over a subnetwork", "diagonal", { subnetwork: { by: "random", count: 9 } }],
];

test.each(throughFiles)("a %s fit through a file", async (name, structure, options) => {
  const path = join(folder, `${name}.safetensors`);
  const own = await fitted(structure, 0, 24, options);
  const fit = await withHyperparameters(own, {
    kind: "layerwise",
    prior: own.curvature.groups("layerwise").sizes.map((_, i) => i + 1),
  });
  await saveLaplace(path, fit);
  const { parameters, output, likelihood } = await storedChoice(path);
  const problemOf = (seed: number) =>
    createProblem({
      model: model(seed),
      data: query,
      loss: likelihood.loss,
      engine: referenceEngine(),
      parameters,
      output,
    });
  await using problem = await problemOf(2);
  const loaded = await loadLaplace(path, problem);
  await same(loaded, fit, 1e-12);
  await using other = await problemOf(7);
  await expect(loadLaplace(path, other)).rejects.toThrow(
    "Cannot use the posterior as it is of another model or checkpoint",
  );
});

test("a last layer's fit is refused where the body is another, though its own weights are the same", async () => {
  const path = join(folder, "last.safetensors");
  await saveLaplace(path, await fitted("full", 0, 24, { weights: "last-layer" }));
  const { parameters, output, likelihood } = await storedChoice(path);
  const engine = referenceEngine();
  const body = network({ ...weights(2), "0.bias": [1, 2, 3, 4] }, "tanh", "another body");
  await using other = await createProblem({
    model: body,
    data: query,
    loss: likelihood.loss,
    engine,
    parameters,
    output,
  });
  await expect(loadLaplace(path, other)).rejects.toThrow("of another model or checkpoint");
});

test("a matrix-free fit is in no file", async () => {
  const fit = await fitted("matrix-free", 0, 24, { probes: 2, steps: 2 });
  await expect(saveLaplace(join(folder, "free.safetensors"), fit)).rejects.toThrow(
    "Cannot save a matrix-free posterior",
  );
});
