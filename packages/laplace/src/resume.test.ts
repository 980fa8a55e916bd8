/** A fit that was stopped and went on, and one that learned of rows later, are the fit of all rows. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dataset, datasetFromArrays, referenceEngine } from "@hessonite/core";
import { afterAll, expect, test } from "vitest";
import { evidence } from "./evidence.ts";
import { type FitOptions, fitLaplace, type Laplace } from "./fit.ts";
import { network } from "./fixtures/network.ts";
import { functionalVariance } from "./functionalVariance.ts";
import { categorical } from "./likelihood/categorical.ts";
import { poisson } from "./likelihood/poisson.ts";
import { mergeFits } from "./merge.ts";
import { fitInParts, updateLaplace } from "./resume.ts";
import { randomRows } from "./testing/randomRows.ts";

const folder = mkdtempSync(join(tmpdir(), "hessonite-laplace-"));
afterAll(() => rmSync(folder, { recursive: true }));

const x = randomRows(23, 3, 1);
const y = x.map((_, i) => i % 3);
const model = network(
  { "0.weight": randomRows(4, 3, 2), "0.bias": randomRows(1, 4, 3)[0]!, "2.weight": randomRows(3, 4, 4) },
  "tanh",
  "classifier",
);
const rows = (start: number, end: number): Dataset =>
  datasetFromArrays({ inputs: { x: x.slice(start, end) }, target: y.slice(start, end) }, { batchSize: 5 });
const query = datasetFromArrays({ inputs: { x: randomRows(3, 3, 9) } });
const engine = referenceEngine();
const base = { model, likelihood: categorical(), engine, prior: 0.8 };
const structures = ["kronecker", "full", "block-diagonal", "diagonal"] as const;

async function same(a: Laplace, b: Laplace): Promise<void> {
  expect(a.rows).toBe(b.rows);
  expect(Math.abs(evidence(a).total - evidence(b).total)).toBeLessThan(1e-10);
  const [f, g] = [await functionalVariance(a, query), await functionalVariance(b, query)];
  f.covariance.forEach((v, i) => expect(Math.abs(v - g.covariance[i]!)).toBeLessThan(1e-10));
}

test.each(structures)("%s: stopped after two parts and gone on from the file", async (structure) => {
  const checkpoint = join(folder, `${structure}.safetensors`);
  const stop = new AbortController();
  const options = { ...base, structure, data: rows(0, 23), checkpoint, rowsAtOnce: 7 };
  const seen: number[] = [];
  const stopped = fitInParts({
    ...options,
    signal: stop.signal,
    onProgress({ done }) {
      seen.push(done);
      if (done === 14) stop.abort();
    },
  });
  await expect(stopped).rejects.toThrow();
  await using fit = await fitInParts({ ...options, onProgress: ({ done }) => seen.push(done) });
  expect(seen).toEqual([7, 14, 21, 23]); // nothing twice
  await using whole = await fitLaplace({ ...base, structure, data: rows(0, 23) });
  await same(fit, whole);
  // A fit that is done is read, not made again.
  await using again = await fitInParts({ ...options, onProgress: () => seen.push(-1) });
  expect(seen).not.toContain(-1);
  await same(again, whole);
});

test("a file of other data, another structure or another likelihood is not gone on from", async () => {
  const checkpoint = join(folder, "full.safetensors");
  const options = { ...base, structure: "full" as const, data: rows(0, 23), checkpoint };
  await expect(fitInParts({ ...options, data: rows(0, 20) })).rejects.toThrow("not of these data");
  await expect(fitInParts({ ...options, likelihood: poisson() })).rejects.toThrow("not of these data");
  await expect(fitInParts({ ...options, structure: "diagonal" })).rejects.toThrow("another structure");
  await expect(fitInParts({ ...options, rowsAtOnce: 0 })).rejects.toThrow("positive whole number");
  const ekfac = {
    ...options,
    structure: "ekfac" as const,
    checkpoint: join(folder, "ekfac.safetensors"),
    rowsAtOnce: 7,
  };
  await expect(fitInParts(ekfac)).rejects.toThrow("bases of its own data");
});

const online: readonly (readonly [string, Partial<FitOptions> & Pick<FitOptions, "structure">])[] = [
  ...structures.map((structure) => [structure, { structure }] as const),
  ["kronecker, biases apart", { structure: "kronecker", bias: "separate" }],
  ["block-diagonal, biases apart", { structure: "block-diagonal", bias: "separate" }],
  ["full over a subnetwork", { structure: "full", subnetwork: { by: "magnitude", count: 6 } }],
];

test.each(online)("%s: two updates make one fit of three", async (_, options) => {
  await using first = await fitLaplace({ ...base, ...options, data: rows(0, 6) });
  const second = await updateLaplace(first, rows(6, 15));
  const third = await updateLaplace(second, rows(15, 23));
  await using whole = await fitLaplace({ ...base, ...options, data: rows(0, 23) });
  await same(third, whole);
});

test.each(["kronecker", "block-diagonal"] as const)("%s: biases joined and apart do not add up", async (structure) => {
  await using joint = await fitLaplace({ ...base, structure, data: rows(0, 6) });
  await using apart = await fitLaplace({ ...base, structure, data: rows(6, 23), bias: "separate" });
  await expect(mergeFits([joint, apart])).rejects.toThrow(/Cannot merge/);
});
