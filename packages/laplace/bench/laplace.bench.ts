/**
 * Fits and predictions on the digits (MLP 64-50-50-10, 1,200 training rows), in seconds and in passes of gradients.
 *
 *     pnpm bench laplace
 *
 * The least of a few repeats in one process, programs compiled before; ONNX Runtime on the CPU. Writes bench/results/laplace.json.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { createProblem, datasetFromFile, gradientAndLoss, ortNodeEngine } from "@hessonite/core";
import { type FitOptions, fitLaplace } from "../src/fit.ts";
import { onData, outputsOn } from "../src/functionalVariance.ts";
import { categorical } from "../src/likelihood/categorical.ts";
import { measureCurvature } from "../src/posterior/measure.ts";
import { tuneByEvidence } from "../src/tune.ts";

const folder = new URL("../testdata/digits/", import.meta.url).pathname;
const repeats = 7;
const rows = (start: number, end: number) =>
  datasetFromFile(`${folder}digits.npz`, {
    modelInputs: [{ name: "x" }],
    scale: 1 / 16,
    batchSize: 300,
    rows: { start, end },
  });

await using engine = ortNodeEngine();
const [train, query] = [await rows(0, 1200), await rows(1200, 1300)];
const model = `${folder}mlp-0.onnx`;
await using problem = await createProblem({
  model,
  data: train,
  loss: categorical().loss,
  engine,
  checks: { deterministic: false },
});

/** Least seconds of some repeats, after one that compiles. */
async function least(work: () => Promise<unknown>): Promise<number> {
  await work();
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await work();
    best = Math.min(best, (performance.now() - start) / 1000);
  }
  return best;
}

const gradient = await least(() => gradientAndLoss(problem));
const figures: { what: string; seconds: number; gradients: number }[] = [];
const record = (what: string, seconds: number): void => {
  figures.push({ what, seconds, gradients: seconds / gradient });
};
record("one pass of gradients", gradient);

const settings: [string, Partial<FitOptions>][] = [
  ["fit: diagonal", { structure: "diagonal" }],
  ["fit: KFAC", { structure: "kronecker" }],
  ["fit: EK-FAC", { structure: "ekfac" }],
  ["fit: last layer, full", { structure: "full", weights: "last-layer" }],
];
for (const [what, options] of settings) {
  await using fit = await fitLaplace({
    model,
    data: train,
    likelihood: categorical(),
    structure: "kronecker",
    engine,
    ...options,
  });
  record(what, await least(() => measureCurvature(fit.problem, fit.curvature.structure, fit.likelihood)));
  record(`${what}, evidence maximised`, await least(() => tuneByEvidence(fit)));
  await using asked = await onData(fit, query);
  record(`${what}, 100 rows predicted`, await least(() => outputsOn(fit, asked)));
}

for (const { what, seconds, gradients } of figures) {
  console.log(
    `${what.padEnd(44)} ${(1000 * seconds).toFixed(2).padStart(9)} ms ${gradients.toFixed(1).padStart(8)} gradients`,
  );
}
const results = new URL("results/", import.meta.url);
mkdirSync(results, { recursive: true });
const environment = {
  node: process.version,
  cpu: cpus()[0]?.model,
  cores: availableParallelism(),
  engine: engine.settings,
};
writeFileSync(new URL("laplace.json", results), `${JSON.stringify({ environment, figures }, undefined, 2)}\n`);
