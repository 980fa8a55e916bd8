/** The digits through the plugin: a verdict that does no harm, uncertainty that tells noise apart, and a file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHost, datasetFromArrays, randomStream, referenceEngine } from "@hessonite/core";
import * as ort from "onnxruntime-node";
import { afterAll, expect, test } from "vitest";
import { network } from "./fixtures/network.ts";
import { laplace } from "./plugin.ts";
import { randomRows } from "./testing/randomRows.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-laplace-"));
afterAll(() => rmSync(folder, { recursive: true }));

const file = "packages/laplace/testdata/digits/digits.npz";
const rows = (start: number, end: number) => ({ file, scale: 1 / 16, batchSize: 300, rows: { start, end } });
const model = "packages/laplace/testdata/digits/mlp-0.onnx";

test("a digit classifier keeps its probabilities and gets an uncertainty", async () => {
  await using host = createHost();
  const stream = randomStream(1, "noise");
  const noise = {
    dtype: "float32" as const,
    shape: [300, 64],
    data: Float32Array.from({ length: 300 * 64 }, () => stream.uniform()),
  };
  const out = join(folder, "uncertain.onnx");
  const result = await host.run(laplace, {
    inputs: {
      model,
      train: rows(0, 1200),
      heldOut: rows(1200, 1797),
      other: datasetFromArrays({ inputs: { x: noise } }),
    },
    options: { likelihood: "categorical", out },
  });
  expect(result.weightCount).toBe(64 * 50 + 50 + 50 * 50 + 50 + 50 * 10 + 10);
  expect(result.verdict).toMatch(/^Keep the model's probabilities/);
  const [map, temperature, probit, drawn] = result.table;
  expect(result.table.map(({ name }) => name.split(" ")[0])).toEqual([
    "the",
    "temperature",
    "kronecker,",
    "kronecker,",
  ]);
  // The usual recipe does harm; the entropy of draws is what it is good for.
  expect(probit!.nll).toBeGreaterThan(3 * map!.nll);
  expect(temperature!.nll).toBeLessThan(2 * map!.nll);
  expect(drawn!.auroc!).toBeGreaterThan(map!.auroc! + 0.02);
  expect(result.trainedPrior.sentence).toMatch(/agrees with/);
  // The evidence's maximum is where the prior is.
  const best = result.evidenceCurve.reduce((a, b) => (b.total > a.total ? b : a));
  expect(best.precision).toBeCloseTo(result.prior.precision[0]!, 5);
  expect(result.deployed).toEqual({
    file: out,
    outputs: ["logits", "probabilities", "uncertainty", "variance"],
    rows: null,
  });
  const session = await ort.InferenceSession.create(out);
  const { uncertainty, probabilities, logits } = await session.run({
    x: new ort.Tensor("float32", noise.data, [300, 64]),
  });
  const found = uncertainty!.data as Float32Array;
  result.uncertainty!.other!.forEach((u, i) => expect(Math.abs(u - found[i]!)).toBeLessThan(2e-5));
  const first = Array.from(logits!.data as Float32Array)
    .slice(0, 10)
    .map(Math.exp);
  const total = first.reduce((a, b) => a + b);
  first.forEach((e, i) => expect(probabilities!.data[i]).toBeCloseTo(e / total, 5));
}, 120_000);

test("a class that no training row has is told of", async () => {
  await using host = createHost({ engine: referenceEngine() });
  const x = randomRows(90, 3, 1);
  const labels = x.map((_, i) => i % 3);
  const notes: string[] = [];
  const part = (keep: (label: number, row: number) => boolean) => {
    const chosen = labels.map((label, row) => ({ label, row })).filter(({ label, row }) => keep(label, row));
    return datasetFromArrays({
      inputs: { x: chosen.map(({ row }) => x[row]!) },
      target: chosen.map(({ label }) => label),
    });
  };
  await host.run(
    laplace,
    {
      inputs: {
        model: network({ "0.weight": randomRows(3, 3, 2) }, "identity", "softmax"),
        train: part((label, row) => label !== 2 && row < 30),
        heldOut: part((_, row) => row >= 30),
      },
      options: { likelihood: "categorical", structure: "full", prior: 1 },
    },
    { onNote: (text) => notes.push(text) },
  );
  expect(notes.join()).toContain("No training row is of class 2");
});

test("a regression tuned by evidence alone is warned of, not one with held-out rows or with all given", async () => {
  await using host = createHost({ engine: referenceEngine() });
  const x = randomRows(80, 3, 3);
  const data = (from: number, to: number) =>
    datasetFromArrays({
      inputs: { x: x.slice(from, to) },
      target: x.slice(from, to).map(([a = 0, b = 0, c = 0]) => [a - b + Math.sin(9 * c)]),
    });
  const line = network({ "0.weight": randomRows(1, 3, 2) }, "identity", "line");
  const told = async (inputs: object, options: object): Promise<string> => {
    const notes: string[] = [];
    const request = {
      inputs: { model: line, train: data(0, 40), ...inputs },
      options: { likelihood: "gaussian", structure: "full", ...options },
    };
    await host.run(laplace, request, { onNote: (text) => notes.push(text) });
    return notes.join(" ");
  };
  const [, spent] = /It takes (\d+) of 40 training values/.exec(await told({}, {})) ?? [];
  expect([1, 2, 3]).toContain(Number(spent)); // of three weights
  expect(await told({}, { prior: 1 })).toContain("no held-out row checks them"); // the noise is still chosen
  expect(await told({}, { prior: 1, noise: 0.5 })).not.toContain("The evidence chose");
  expect(await told({ heldOut: data(40, 80) }, {})).not.toContain("The evidence chose");
});

test("too few held-out rows: said, and the model is left alone", async () => {
  await using host = createHost();
  const result = await host.run(laplace, {
    inputs: { model, train: rows(0, 200), heldOut: rows(1200, 1240) },
    options: { likelihood: "categorical", weights: "last-layer", prior: 1 },
  });
  expect(result.verdict).toBe(
    "Keep the model's probabilities: 20 held-out rows are too few to choose by (30 at least).",
  );
});

test("a prior that is not positive, a noise that is not there, a likelihood that does not fit", async () => {
  await using host = createHost();
  const run = (options: Record<string, unknown>) =>
    host.run(laplace, { inputs: { model, train: rows(0, 200) }, options: { weights: "last-layer", ...options } });
  await expect(run({ likelihood: "categorical", prior: -1 })).rejects.toThrow(/prior/);
  await expect(run({ likelihood: "categorical", noise: 0.3 })).rejects.toThrow(
    "Cannot set the noise as the likelihood has none",
  );
  await expect(run({ likelihood: "gaussian" })).rejects.toThrow(
    "Cannot use the targets as their shape is not the prediction's",
  );
});
