/** Linear models, where everything has a closed form. */
import { readFileSync } from "node:fs";
import { datasetFromArrays, datasetFromFile, referenceEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { evidence, evidenceGradient } from "./evidence.ts";
import { type FitOptions, fitLaplace, type Laplace, withHyperparameters } from "./fit.ts";
import { network } from "./fixtures/network.ts";
import { functionalVariance } from "./functionalVariance.ts";
import { gaussian } from "./likelihood/gaussian.ts";
import { linearisedMode } from "./linearised.ts";
import { inverse, logDeterminant, product, transposed } from "./testing/dense.ts";
import { randomRows } from "./testing/randomRows.ts";
import { tuneByEvidence } from "./tune.ts";

const [n, d] = [30, 5];
const x = randomRows(n, d, 1);
const y = randomRows(n, 1, 2);
const query = randomRows(4, d, 3);
const [noise, prior] = [0.7, 1.9];

const sum = (v: readonly number[]): number => v.reduce((a, b) => a + b, 0);
const close = (found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void => {
  expect(found.length).toBe(expected.length);
  const scale = Math.max(...Array.from(expected, Math.abs));
  for (let i = 0; i < expected.length; i++) expect(Math.abs(found[i]! - expected[i]!)).toBeLessThan(tolerance * scale);
};

async function linearFit(w: readonly number[][], options: Partial<FitOptions> = {}): Promise<Laplace> {
  return fitLaplace({
    model: network({ "0.weight": w }, "identity", "linear"),
    data: datasetFromArrays({ inputs: { x }, target: y }, { batchSize: 8 }),
    likelihood: gaussian(),
    structure: "full",
    engine: referenceEngine(),
    prior,
    noise,
    ...options,
  });
}

/** Σ = (XᵀX/σ² + δ)⁻¹, θ = Σ Xᵀy/σ² */
function bayes(): { covariance: number[][]; mean: number[][] } {
  const gram = product(transposed(x), x);
  const covariance = inverse(gram.map((row, i) => row.map((v, j) => v / noise ** 2 + (i === j ? prior : 0))));
  return {
    covariance,
    mean: product(covariance, product(transposed(x), y)).map((row) => row.map((v) => v / noise ** 2)),
  };
}

test("Bayesian linear regression: mean, covariance, predictive variance and evidence", async () => {
  const { covariance, mean } = bayes();
  await using elsewhere = await linearFit([[0.3, -1, 0.2, 2, 0.7]]);
  const fit = linearisedMode(elsewhere);
  close(fit.mean, mean.flat(), 1e-10);
  close(
    fit.posterior.variances(),
    covariance.map((row, i) => row[i]!),
    1e-10,
  );
  const { covariance: f } = await functionalVariance(fit, datasetFromArrays({ inputs: { x: query } }));
  close(
    f,
    query.map((q) => sum(product([q], covariance)[0]!.map((v, i) => v * q[i]!))),
    1e-10,
  );
  // y ~ N(0, X Xᵀ/δ + σ²)
  const k = product(x, transposed(x)).map((row, i) => row.map((v, j) => v / prior + (i === j ? noise ** 2 : 0)));
  const fitted = sum(product(inverse(k), y).map((row, i) => row[0]! * y[i]![0]!));
  close([evidence(fit).total], [-0.5 * (fitted + logDeterminant(k) + n * Math.log(2 * Math.PI))], 1e-10);
});

test("weight space is function space: variances and log-determinants", async () => {
  const { mean } = bayes();
  await using fit = await linearFit(transposed(mean));
  const kernel = (a: number[][], b: number[][]): number[][] =>
    product(a, transposed(b)).map((row) => row.map((v) => v / prior));
  const noisy = kernel(x, x).map((row, i) => row.map((v, j) => v + (i === j ? noise ** 2 : 0)));
  const explained = product(kernel(query, x), product(inverse(noisy), kernel(x, query)));
  const { covariance } = await functionalVariance(fit, datasetFromArrays({ inputs: { x: query } }));
  close(
    covariance,
    kernel(query, query).map((row, i) => row[i]! - explained[i]![i]!),
    1e-9,
  );
  // log det(H/σ² + D) − log det D = log det(I + K/σ²)
  const identityPlus = noisy.map((row) => row.map((v) => v / noise ** 2));
  close([evidence(fit).logDeterminantRatio], [logDeterminant(identityPlus)], 1e-9);
});

test("Kronecker equals full for one Gaussian layer with its bias joined, or none; a bias apart does not", async () => {
  const w = randomRows(2, d, 4);
  const biased = { model: network({ "0.weight": w, "0.bias": [0.3, -0.2] }, "identity", "biased") };
  const targets = { data: datasetFromArrays({ inputs: { x }, target: randomRows(n, 2, 5) }, { batchSize: 7 }) };
  const covarianceOf = async (options: Partial<FitOptions>): Promise<Float64Array> => {
    await using fit = await linearFit(w, { ...targets, ...options });
    return (await functionalVariance(fit, datasetFromArrays({ inputs: { x: query } }))).covariance;
  };
  close(await covarianceOf({ structure: "kronecker" }), await covarianceOf({}), 1e-10);
  const full = await covarianceOf(biased);
  close(await covarianceOf({ ...biased, structure: "kronecker" }), full, 1e-10);
  close(await covarianceOf({ ...biased, structure: "ekfac" }), full, 1e-10);
  close(await covarianceOf({ ...biased, structure: "low-rank", rank: 12 }), full, 1e-9);
  const apart = await covarianceOf({ ...biased, structure: "kronecker", bias: "separate" });
  expect(Math.abs(apart[0]! - full[0]!)).toBeGreaterThan(1e-3 * full[0]!);
});

test("the evidence's derivatives are its differences", async () => {
  await using start = await linearFit(randomRows(1, d, 6));
  const h = 1e-5;
  for (const kind of ["scalar", "diagonal"] as const) {
    const precision = Array.from({ length: kind === "scalar" ? 1 : d }, (_, i) => prior * (1 + i));
    const at = async (log: readonly number[], logNoise = 0): Promise<number> =>
      evidence(
        await withHyperparameters(start, {
          kind,
          prior: precision.map((p, i) => p * Math.exp(log[i]!)),
          noise: noise * Math.exp(logNoise),
        }),
      ).total;
    const still = precision.map(() => 0);
    const { logPrior, logNoise } = evidenceGradient(await withHyperparameters(start, { kind, prior: precision }));
    for (const i of precision.keys()) {
      const difference = ((await at(still.with(i, h))) - (await at(still.with(i, -h)))) / (2 * h);
      expect(logPrior[i]).toBeCloseTo(difference, 6);
    }
    expect(logNoise).toBeCloseTo(((await at(still, h)) - (await at(still, -h))) / (2 * h), 5);
  }
});

const oracle = JSON.parse(readFileSync("packages/laplace/testdata/diabetes.json", "utf8"));

async function diabetesFit(): Promise<Laplace> {
  return linearFit([Array.from({ length: 10 }, () => 0.1)], {
    data: await datasetFromFile("packages/laplace/testdata/diabetes.npz", {
      modelInputs: [{ name: "x" }],
      batchSize: 100,
    }),
    prior: 1,
    noise: 1,
  });
}

test("evidence on diabetes: scikit-learn's BayesianRidge", async () => {
  await using start = await diabetesFit();
  const { fit, outcome } = await tuneByEvidence(start, { refit: true });
  expect(outcome).toBe("converged");
  close([fit.noise], [oracle.ridge.noise], 1e-6);
  close(fit.prior.precision, [oracle.ridge.prior], 1e-6);
  close(fit.mean, oracle.ridge.coefficients, 1e-6);
  close(fit.posterior.variances(), oracle.ridge.variances, 1e-6);
});

test("evidence on diabetes with a prior for each weight: scikit-learn's ARDRegression", async () => {
  await using start = await diabetesFit();
  const { fit } = await tuneByEvidence(start, { refit: true, kind: "diagonal", maxIterations: 3000 });
  close([fit.noise], [oracle.ard.noise], 1e-6);
  close(fit.mean, oracle.ard.coefficients, 1e-6);
  const pruned = (p: number): boolean => p > 1e6;
  expect(Array.from(fit.prior.precision, pruned)).toEqual(oracle.ard.prior.map(pruned));
  const kept = (values: ArrayLike<number>): number[] =>
    Array.from(values).filter((_, i) => !pruned(oracle.ard.prior[i]));
  close(kept(fit.prior.precision), kept(oracle.ard.prior), 1e-5);
});
