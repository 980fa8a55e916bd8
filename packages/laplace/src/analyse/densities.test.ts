/** Labels, counts and spreads through the plugin: a table, a verdict by the same rule as for classes, and a file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHost, datasetFromArrays, randomStream, referenceEngine } from "@hessonite/core";
import { afterAll, expect, test } from "vitest";
import { network } from "../fixtures/network.ts";
import { type LikelihoodName, likelihoodByName } from "../likelihood/byName.ts";
import { laplace } from "../plugin.ts";
import { product, transposed } from "../testing/dense.ts";
import { randomRows } from "../testing/randomRows.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-laplace-"));
afterAll(() => rmSync(folder, { recursive: true }));

const truth = randomRows(2, 3, 1).map((row) => row.map((v) => 0.7 * v));

/** Rows whose targets are drawn from the true model. */
function drawn(name: LikelihoodName, rows: number, seed: number) {
  const x = randomRows(rows, 3, seed);
  const { rowwise } = likelihoodByName(name);
  const stream = randomStream(seed, "targets");
  const target = product(x, transposed(truth)).map((f) => Array.from(rowwise!.sample(Float64Array.from(f), 1, stream)));
  const data = { dtype: "float64" as const, shape: [rows, target[0]!.length], data: Float64Array.from(target.flat()) };
  return datasetFromArrays({ inputs: { x }, target: data }, { batchSize: 50 });
}

async function judged(likelihood: LikelihoodName, size: number) {
  await using host = createHost({ engine: referenceEngine() });
  return host.run(laplace, {
    inputs: {
      model: network({ "0.weight": truth.map((row) => row.map((v) => size * v)) }, "identity", likelihood),
      train: drawn(likelihood, 60, 2),
      heldOut: drawn(likelihood, 300, 7),
    },
    options: { likelihood, structure: "full", out: join(folder, `${likelihood}-${size}.onnx`), samples: 400 },
  });
}

const outputs = {
  bernoulli: ["f", "probabilities", "uncertainty", "variance"],
  poisson: ["f", "rate", "uncertainty", "variance"],
  heteroscedastic: ["f", "uncertainty", "variance"],
};

test.each(["bernoulli", "poisson", "heteroscedastic"] as const)("%s: the true weights are left alone", async (name) => {
  const { verdict, table, deployed } = await judged(name, 1);
  expect(verdict).toMatch(/^Keep the model's probabilities: on held-out rows/);
  expect(table[0]!.name).toBe("the model");
  for (const {
    nllInterval: [low, high],
    nll,
  } of table) {
    expect(low).toBeLessThan(nll);
    expect(high).toBeGreaterThan(nll);
  }
  expect(deployed!.outputs).toEqual(outputs[name]);
});

test("labels with weights five times too large: temperature and posterior both mend them, and the file has the posterior's", async () => {
  const { verdict, table } = await judged("bernoulli", 5);
  expect(verdict).toMatch(/^Use the posterior/);
  const row = (part: string) => table.find(({ name }) => name.startsWith(part))!;
  expect(row("temperature").nll).toBeLessThan(row("the model").nll - 0.1);
  expect(row("chosen").nll).toBeLessThan(row("the model").nll - 0.1);
});
