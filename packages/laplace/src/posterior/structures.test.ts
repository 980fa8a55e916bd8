/** Structures against each other where they must agree, and against dense matrices: blocks, function space, products, subnetworks. */
import { datasetFromArrays, matrix, referenceEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { evidence } from "../evidence.ts";
import { type FitOptions, fitLaplace, type Laplace, withHyperparameters } from "../fit.ts";
import { network } from "../fixtures/network.ts";
import { functionalVariance, jointCovariance } from "../functionalVariance.ts";
import { categorical } from "../likelihood/categorical.ts";
import { linearisedMode } from "../linearised.ts";
import { sampleWeights } from "../sample.ts";
import { inverse, logDeterminant, product } from "../testing/dense.ts";
import { randomRows } from "../testing/randomRows.ts";
import { tuneByEvidence } from "../tune.ts";
import type { FullCurvature } from "./full.ts";
import type { StructureName } from "./posterior.ts";
import type { Subnetwork } from "./subnetwork.ts";

const rows = 20;
const x = randomRows(rows, 3, 1);
const y = Array.from({ length: rows }, (_, i) => i % 3);
const model = network(
  {
    "0.weight": randomRows(4, 3, 2),
    "0.bias": randomRows(1, 4, 3)[0]!,
    "2.weight": randomRows(3, 4, 4),
    "2.bias": [0.1, 0, -0.2],
  },
  "tanh",
  "classifier",
);
const size = 4 * 3 + 4 + 3 * 4 + 3;
const weights = { dtype: "float64" as const, shape: [rows], data: Float64Array.from(y, (_, i) => 0.5 + (i % 3)) };
const data = datasetFromArrays({ inputs: { x }, target: y, weights }, { batchSize: 6 });
const query = datasetFromArrays({ inputs: { x: randomRows(4, 3, 9) } }, { batchSize: 3 });

const fitted = (structure: StructureName, options: Partial<FitOptions> = {}): Promise<Laplace> =>
  fitLaplace({ model, data, likelihood: categorical(), structure, engine: referenceEngine(), prior: 0.8, ...options });

function close(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(found.length).toBe(expected.length);
  const scale = Math.max(...Array.from(expected, Math.abs));
  const worst = Math.max(...Array.from(expected, (v, i) => Math.abs(v - found[i]!)));
  expect(worst).toBeLessThan(tolerance * scale);
}

/** H as nested lists. */
async function denseH(): Promise<number[][]> {
  await using full = await fitted("full");
  const h = (full.curvature as FullCurvature).matrix;
  return Array.from({ length: size }, (_, i) => Array.from(h.data.subarray(i * size, (i + 1) * size)));
}

const covarianceOf = (h: number[][], prior: number): number[][] =>
  inverse(h.map((row, i) => row.map((v, j) => v + (i === j ? prior : 0))));

test("function space with all rows is the full posterior, weights of rows included: variances and evidence to 1e-9", async () => {
  await using full = await fitted("full");
  await using functions = await fitted("function-space", { subset: 1000 });
  for (const [prior, temperature] of [
    [0.8, 1],
    [5, 0.6],
  ]) {
    const a = await withHyperparameters(full, { prior: prior!, temperature: temperature! });
    const b = await withHyperparameters(functions, { prior: prior!, temperature: temperature! });
    close([b.posterior.logDeterminant], [a.posterior.logDeterminant], 1e-9);
    close([evidence(b).total], [evidence(a).total], 1e-9);
    close((await functionalVariance(b, query)).covariance, (await functionalVariance(a, query)).covariance, 1e-9);
    close((await jointCovariance(b, query)).data, (await jointCovariance(a, query)).data, 1e-9);
  }
});

test("function space with some rows: each stands for as many, and nothing is surer than all rows make it", async () => {
  await using whole = await fitted("function-space", { subset: rows });
  await using part = await fitted("function-space", { subset: 5, seed: 2 });
  await using same = await fitted("function-space", { subset: 5, seed: 2 });
  expect(same.posterior.logDeterminant).toBe(part.posterior.logDeterminant);
  // The trace of H is that of the subset's times N/M: about that of all rows.
  const trace = ({ curvature }: Laplace): number =>
    (curvature as unknown as { factor: { data: Float64Array } }).factor.data.reduce((sum, v) => sum + v * v, 0);
  expect(trace(part) / trace(whole)).toBeGreaterThan(0.4);
  expect(trace(part) / trace(whole)).toBeLessThan(2.5);
});

test("block-diagonal: each layer's block of the full matrix, with its bias or apart; merged parts are one", async () => {
  const h = await denseH();
  for (const [bias, blocks] of [
    ["joint", [16, 15]],
    ["separate", [12, 4, 12, 3]],
  ] as const) {
    const of = blocks.flatMap((n, b) => Array.from({ length: n }, () => b));
    const masked = h.map((row, i) => row.map((v, j) => (of[i] === of[j] ? v : 0)));
    await using fit = await fitted("block-diagonal", { bias });
    const covariance = covarianceOf(masked, 0.8);
    const root = fit.posterior.timesRoot(
      matrix(
        size,
        size,
        Float64Array.from({ length: size * size }, (_, i) => Number(i % (size + 1) === 0)),
      ),
    );
    const found = product(
      Array.from({ length: size }, (_, i) => Array.from(root.data.subarray(i * size, (i + 1) * size))),
      Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => root.data[j * size + i]!)),
    );
    close(found.flat(), covariance.flat(), 1e-10);
    close([fit.posterior.logDeterminant], [-logDeterminant(covariance)], 1e-10);
    const tuned = await tuneByEvidence(fit, { kind: "layerwise" });
    expect(tuned.fit.prior.precision.length).toBe(blocks.length);
    expect(tuned.evidence.total).toBeGreaterThan(evidence(fit).total);
  }
});

test("matrix-free: variances by solving are the full ones; the log-determinant lies between its bounds", async () => {
  await using full = await fitted("full");
  // As many steps as weights: the quadratures are exact, and what is left is the probes'.
  await using free = await fitted("matrix-free", { probes: 40, steps: size, seed: 1 });
  close((await functionalVariance(free, query)).covariance, (await functionalVariance(full, query)).covariance, 1e-9);
  close((await jointCovariance(free, query)).data, (await jointCovariance(full, query)).data, 1e-9);
  const { logDeterminant: found, logDeterminantError: error } = free.posterior;
  expect(error!.upper - error!.lower).toBeLessThan(1e-8 * Math.abs(found));
  expect(Math.abs(found - full.posterior.logDeterminant)).toBeLessThan(4 * error!.standardError);
  expect(evidence(free).logDeterminantError).toEqual(error);
  const [trace, exact] = [free.posterior.groupVariances()[0]!, full.posterior.groupVariances()[0]!];
  expect(Math.abs(trace / exact - 1)).toBeLessThan(0.2);
  // Few steps: the bounds part, around what the same probes give with all of them.
  let last = 0;
  for (const steps of [6, 3, 1]) {
    await using coarse = await fitted("matrix-free", { probes: 40, steps, seed: 1 });
    const { lower, upper } = coarse.posterior.logDeterminantError!;
    expect(lower).toBeLessThan(found);
    expect(upper).toBeGreaterThan(found);
    expect(upper - lower).toBeGreaterThan(last);
    last = upper - lower;
  }
});

test("matrix-free: the evidence's maximum is near the full one's; what needs a root is refused", async () => {
  await using full = await fitted("full");
  await using free = await fitted("matrix-free", { probes: 60, steps: size, seed: 3 });
  const [a, b] = [await tuneByEvidence(full), await tuneByEvidence(free)];
  expect(Math.abs(Math.log(b.fit.prior.precision[0]! / a.fit.prior.precision[0]!))).toBeLessThan(0.3);
  expect(() => sampleWeights(free, { samples: 2 })).toThrow("known by its products alone");
  await expect(fitted("matrix-free", { probes: 1 })).rejects.toThrow(/that many probes and steps/);
});

const choices: readonly (readonly [string, Subnetwork])[] = [
  ["largest variance", { by: "variance", count: 7 }],
  ["largest magnitude", { by: "magnitude", count: 7 }],
  ["random", { by: "random", count: 7, seed: 5 }],
  ["given", { by: "given", indices: [30, 2, 3, 17, 11] }],
];

test.each(choices)("a subnetwork, %s: the full posterior over those weights alone", async (_, subnetwork) => {
  const h = await denseH();
  await using fit = await fitted("full", { subnetwork });
  const { indices } = fit.curvature.subnetwork!;
  const chosen = Array.from(indices);
  const covariance = covarianceOf(
    chosen.map((i) => chosen.map((j) => h[i]![j]!)),
    0.8,
  );
  const variances = fit.posterior.variances();
  chosen.forEach((i, k) => expect(variances[i]).toBeCloseTo(covariance[k]![k]!, 10));
  expect(variances.filter((v) => v === 0).length).toBe(size - chosen.length);
  close([fit.posterior.logDeterminant], [-logDeterminant(covariance)], 1e-10);
  // Evidence and prior count the chosen weights alone.
  const scatter = chosen.reduce((sum, i) => sum + 0.8 * fit.mean[i]! ** 2, 0);
  expect(evidence(fit).scatter).toBeCloseTo(scatter, 10);
  expect(evidence(fit).effectiveParameters).toBeLessThan(chosen.length);
  // Through the layers, by Jacobians, and in draws, the others are certain.
  const drawn = sampleWeights(fit, { samples: 3 });
  drawn.forEach((w, at) => {
    if (!chosen.includes(at % size)) expect(w).toBe(fit.mean[at % size]);
    else expect(w).not.toBe(fit.mean[at % size]);
  });
  const fast = (await functionalVariance(fit, query)).covariance;
  const joint = await jointCovariance(fit, query);
  close([fast[0]!, fast[1]!], [joint.data[0]!, joint.data[1]!], 1e-10);
  await expect(async () => linearisedMode(fit)).rejects.toThrow(/subnetwork/);
});

test("subnetworks: which weights are meant", async () => {
  await using all = await fitted("diagonal");
  const variances = all.posterior.variances();
  const by = async (subnetwork: Subnetwork): Promise<number[]> => {
    await using fit = await fitted("diagonal", { subnetwork });
    return Array.from(fit.curvature.subnetwork!.indices);
  };
  const rest = (chosen: number[], score: ArrayLike<number>): void => {
    const least = Math.min(...chosen.map((i) => score[i]!));
    for (let i = 0; i < size; i++) if (!chosen.includes(i)) expect(score[i]).toBeLessThanOrEqual(least);
  };
  rest(await by({ by: "variance", count: 9 }), variances);
  rest(await by({ by: "magnitude", count: 9 }), Array.from(all.mean, Math.abs));
  expect(await by({ by: "random", count: 9, seed: 1 })).toEqual(await by({ by: "random", count: 9, seed: 1 }));
  expect(await by({ by: "random", count: 9, seed: 1 })).not.toEqual(await by({ by: "random", count: 9, seed: 2 }));
  for (const bad of [
    { by: "given", indices: [1, 1] },
    { by: "given", indices: [size] },
    { by: "given", indices: [] },
    { by: "random", count: 0 },
    { by: "magnitude", count: size + 1 },
  ] as Subnetwork[]) {
    await expect(by(bad)).rejects.toThrow(/Cannot choose a subnetwork/);
  }
  await expect(fitted("kronecker", { subnetwork: { by: "random", count: 3 } })).rejects.toThrow(/full or diagonal/);
});

test.each(["block-diagonal", "kronecker", "ekfac", "low-rank", "function-space", "matrix-free"] as const)(
  "%s has no prior of a precision for each weight",
  async (structure) => {
    await using fit = await fitted(structure, { rank: 4, probes: 2, steps: 2 });
    await expect(withHyperparameters(fit, { kind: "diagonal", prior: new Float64Array(size).fill(1) })).rejects.toThrow(
      /Cannot take a diagonal prior/,
    );
  },
);
