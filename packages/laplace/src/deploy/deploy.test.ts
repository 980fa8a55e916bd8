/** Files run in plain onnxruntime, for other numbers of rows than they were made from, and say what predict says. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { datasetFromArrays, referenceEngine } from "@hessonite/core";
import * as ort from "onnxruntime-node";
import { afterAll, expect, test } from "vitest";
import { type FitOptions, fitLaplace, withHyperparameters } from "../fit.ts";
import { network } from "../fixtures/network.ts";
import { functionalVariance } from "../functionalVariance.ts";
import { bernoulli } from "../likelihood/bernoulli.ts";
import { categorical } from "../likelihood/categorical.ts";
import { gaussian } from "../likelihood/gaussian.ts";
import { heteroscedastic } from "../likelihood/heteroscedastic.ts";
import type { Likelihood } from "../likelihood/likelihood.ts";
import { poisson } from "../likelihood/poisson.ts";
import { entropies } from "../metrics/classification.ts";
import { classProbabilities } from "../predictive/link.ts";
import { randomRows } from "../testing/randomRows.ts";
import { type DeployOptions, writeUncertainModel } from "./deploy.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-laplace-"));
afterAll(() => rmSync(folder, { recursive: true }));

const float32 = (rows: number[][], shape: number[]) => ({
  dtype: "float32" as const,
  shape,
  data: Float32Array.from(rows.flat()),
});
const digits = "packages/laplace/testdata/digits/mlp-0.onnx";
const cnn = "testdata/mnist/digits-cnn.onnx";

async function runFile(
  path: string,
  input: { shape: number[]; data: Float32Array },
): Promise<Record<string, Float32Array>> {
  const session = await ort.InferenceSession.create(path);
  const found = await session.run({ x: new ort.Tensor("float32", input.data, input.shape) });
  await session.release();
  return Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, data as Float32Array]));
}

function close(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5): void {
  expect(found.length).toBe(expected.length);
  const scale = Math.max(1, ...Array.from(expected, Math.abs));
  const worst = Math.max(...Array.from(expected, (x, i) => Math.abs(x - found[i]!)));
  expect(worst).toBeLessThan(tolerance * scale);
}

const settings: [string, string, number[], Partial<FitOptions>][] = [
  ["all layers, Kronecker", digits, [64], { structure: "kronecker" }],
  ["last layer, full", digits, [64], { structure: "full", weights: "last-layer" }],
  ["last layer, diagonal", digits, [64], { structure: "diagonal", weights: "last-layer" }],
  [
    "last layer, a subnetwork",
    digits,
    [64],
    { structure: "full", weights: "last-layer", subnetwork: { by: "magnitude", count: 40 } },
  ],
  ["last layer, Kronecker", digits, [64], { structure: "kronecker", weights: "last-layer", bias: "separate" }],
  ["all layers, diagonal", digits, [64], { structure: "diagonal" }],
  ["a convolutional network, Kronecker", cnn, [1, 28, 28], { structure: "kronecker" }],
];

test.each(settings)(
  "%s: probabilities, uncertainty and variance beside the logits",
  async (name, model, shape, options) => {
    await using engine = referenceEngine();
    const size = shape.reduce((a, b) => a * b, 1);
    const rows = (n: number, seed: number) =>
      float32(
        randomRows(n, size, seed).map((row) => row.map((x) => 0.5 + 0.3 * x)),
        [n, ...shape],
      );
    const data = datasetFromArrays(
      { inputs: { x: rows(12, 1) }, target: Array.from({ length: 12 }, (_, i) => i % 10) },
      { batchSize: 6 },
    );
    await using fit = await fitLaplace({
      model,
      data,
      likelihood: categorical(),
      structure: "kronecker",
      engine,
      prior: 3,
      ...options,
    });
    const path = join(folder, `${name}.onnx`);
    const other = await withHyperparameters(fit, { prior: 20 });
    const file = await writeUncertainModel(path, fit, {
      samples: 200,
      seed: 4,
      link: "probit",
      probabilitiesFrom: other,
    });
    expect(file.rows).toBeUndefined();
    expect(file.outputs).toEqual(["logits", "probabilities", "uncertainty", "variance"]);
    for (const n of [1, 5, 9]) {
      const query = rows(n, n);
      const found = await runFile(path, query);
      const outputs = await functionalVariance(fit, datasetFromArrays({ inputs: { x: query } }));
      close(found["logits"]!, outputs.mean);
      close(
        found["variance"]!,
        outputs.covariance.filter((_, i) => Math.floor(i / 10) % 10 === i % 10),
      );
      close(found["uncertainty"]!, entropies(classProbabilities(outputs, "monte-carlo", { samples: 200, seed: 4 }), n));
      const tighter = await functionalVariance(other, datasetFromArrays({ inputs: { x: query } }));
      close(found["probabilities"]!, classProbabilities(tighter, "probit"));
    }
  },
);

const small = (outputs: number) =>
  network(
    {
      "0.weight": randomRows(6, 3, 1),
      "0.bias": randomRows(1, 6, 2)[0]!,
      "2.weight": randomRows(outputs, 6, 3).map((r) => r.map((v) => v / 2)),
    },
    "tanh",
    "net",
  );

async function smallFile(
  name: string,
  likelihood: Likelihood,
  target: number[][],
  options: DeployOptions = {},
): Promise<{ found: Record<string, ArrayLike<number>>; mean: Float64Array; variance: Float64Array }> {
  await using engine = referenceEngine();
  const data = datasetFromArrays({ inputs: { x: randomRows(20, 3, 4) }, target });
  await using fit = await fitLaplace({ model: small(2), data, likelihood, structure: "kronecker", engine, prior: 2 });
  const path = join(folder, `${name}.onnx`);
  await writeUncertainModel(path, fit, options);
  const query = randomRows(4, 3, 6);
  const session = await ort.InferenceSession.create(path);
  const found = await session.run({ x: new ort.Tensor("float64", Float64Array.from(query.flat()), [4, 3]) });
  const { covariance, mean } = await functionalVariance(fit, datasetFromArrays({ inputs: { x: query } }));
  return {
    found: Object.fromEntries(Object.entries(found).map(([key, { data: values }]) => [key, values as Float64Array])),
    mean,
    variance: covariance.filter((_, i) => i % 4 === 0 || i % 4 === 3),
  };
}

const sigmoid = (f: number): number => 1 / (1 + Math.exp(-f));

test.each(["map", "probit"] as const)("labels: probabilities by %s, uncertainty by probit", async (link) => {
  const target = randomRows(20, 2, 5).map((row) => row.map((v) => Number(v > 0)));
  const { found, mean, variance } = await smallFile(`labels-${link}`, bernoulli(), target, { link });
  const shrunk = mean.map((f, i) => f / Math.sqrt(1 + (Math.PI / 8) * variance[i]!));
  close(found["probabilities"]!, (link === "map" ? mean : shrunk).map(sigmoid), 1e-10);
  close(
    found["uncertainty"]!,
    shrunk.map(sigmoid).map((p) => -p * Math.log(p) - (1 - p) * Math.log(1 - p)),
    1e-10,
  );
  close(found["variance"]!, variance, 1e-10);
});

test.each(["map", "monte-carlo"] as const)("counts: the rate by %s", async (link) => {
  const target = randomRows(20, 2, 5).map((row) => row.map((v) => Math.round(Math.exp(v))));
  const { found, mean, variance } = await smallFile(`counts-${link}`, poisson(), target, { link });
  const rate = mean.map((f, i) => Math.exp(f + (link === "map" ? 0 : variance[i]! / 2)));
  close(found["rate"]!, rate, 1e-10);
  close(found["uncertainty"]!, variance.map(Math.sqrt), 1e-10);
});

test("a mean and a spread: the spread of the mean, and of an observation", async () => {
  const { found, mean, variance } = await smallFile("spread", heteroscedastic(), randomRows(20, 1, 5));
  const of = (values: Float64Array, c: number): Float64Array => values.filter((_, i) => i % 2 === c);
  close(found["uncertainty"]!, of(variance, 0).map(Math.sqrt), 1e-10);
  const noise = of(mean, 1).map((s, i) => Math.exp(s + of(variance, 1)[i]! / 2));
  close(
    found["variance"]!,
    of(variance, 0).map((v, i) => v + noise[i]!),
    1e-10,
  );
});

test("what no graph can hold is said", async () => {
  await using engine = referenceEngine();
  const data = datasetFromArrays({ inputs: { x: randomRows(20, 3, 4) }, target: randomRows(20, 2, 5) });
  for (const structure of ["low-rank", "matrix-free"] as const) {
    await using fit = await fitLaplace({ model: small(2), data, likelihood: gaussian(), structure, engine, rank: 3 });
    await expect(writeUncertainModel(join(folder, "no.onnx"), fit)).rejects.toThrow("not known layer by layer");
  }
  const classes = datasetFromArrays({ inputs: { x: randomRows(20, 3, 4) }, target: randomRows(20, 1, 5).map(() => 1) });
  await using fit = await fitLaplace({
    model: small(2),
    data: classes,
    likelihood: categorical(),
    structure: "full",
    engine,
  });
  await expect(writeUncertainModel(join(folder, "no.onnx"), fit, { link: "bridge" })).rejects.toThrow(
    "their link has no graph",
  );
});

test("regression: standard deviation of the function, variance of an observation", async () => {
  const model = network(
    { "0.weight": randomRows(6, 3, 1), "0.bias": randomRows(1, 6, 2)[0]!, "2.weight": randomRows(2, 6, 3) },
    "tanh",
    "net",
  );
  await using engine = referenceEngine();
  const data = datasetFromArrays({ inputs: { x: randomRows(20, 3, 4) }, target: randomRows(20, 2, 5) });
  await using fit = await fitLaplace({ model, data, likelihood: gaussian(), structure: "full", engine, noise: 0.3 });
  const path = join(folder, "regression.onnx");
  await writeUncertainModel(path, fit);
  const query = randomRows(4, 3, 6);
  const session = await ort.InferenceSession.create(path);
  const found = await session.run({ x: new ort.Tensor("float64", Float64Array.from(query.flat()), [4, 3]) });
  const { covariance, mean } = await functionalVariance(fit, datasetFromArrays({ inputs: { x: query } }));
  const own = covariance.filter((_, i) => i % 4 === 0 || i % 4 === 3);
  close(found["f"]!.data as Float64Array, mean, 1e-10);
  close(
    found["variance"]!.data as Float64Array,
    own.map((v) => v + 0.09),
    1e-10,
  );
  close(found["uncertainty"]!.data as Float64Array, own.map(Math.sqrt), 1e-10);
});
