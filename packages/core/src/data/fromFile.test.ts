import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MismatchError, UsageError } from "../errors.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";
import type { Batch, Dataset } from "./dataset.ts";
import type { FileOptions } from "./fileOptions.ts";
import { datasetFromFile } from "./fromFile.ts";
import { datasetFromPairs } from "./fromPairs.ts";
import { writeNpz } from "./npz.ts";
import { writeSafetensors } from "./safetensors.ts";

const digits = fileURLToPath(new URL("../../../../testdata/mnist/digits.npz", import.meta.url));
const x = { modelInputs: [{ name: "x" }] };
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hessonite-data-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function all(dataset: Dataset): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of dataset.batches()) batches.push(batch);
  return batches;
}

async function npz(arrays: Record<string, Tensor>): Promise<string> {
  const path = join(folder, `${Math.random()}.npz`);
  await writeNpz(path, arrays);
  return path;
}

/** Messages without the temporary folder. */
async function messageOf(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  return (error as Error).message.replaceAll(/\S*\/(0\.\d+|[a-z]+)\.(npz|csv)/g, "$2 file");
}

test("the digits: numpy's figures, batch after batch", async () => {
  const modelInputs = [{ name: "x", dtype: "float32", shape: [null, 1, 28, 28] }] as const;
  const data = await datasetFromFile(digits, { modelInputs, batchSize: 100, scale: 1 / 255 });
  expect([data.rows, data.batchSize]).toEqual([512, 100]);
  const batches = await all(data);
  expect(batches.map(({ rows }) => rows)).toEqual([100, 100, 100, 100, 100, 12]);
  const pixels = batches.flatMap(({ inputs }) => [...(inputs["x"]?.data ?? [])]);
  const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
  expect(255 * sum(pixels)).toBeCloseTo(13167737, 4); // x.sum(), x[500].sum(), x[500, 0, 14, 14]
  expect(255 * sum(pixels.slice(500 * 784, 501 * 784))).toBeCloseTo(28183, 6);
  expect(255 * (pixels[500 * 784 + 14 * 28 + 14] ?? 0)).toBeCloseTo(188, 9);
  const labels = batches.flatMap(({ target }) => [...(target?.data ?? [])]);
  expect([labels.slice(0, 8), sum(labels)]).toEqual([[3, 8, 8, 0, 9, 0, 9, 0], 2258]); // y[:8], y.sum()
  expect(batches[5]?.target?.shape).toEqual([12]);
});

const arrays = {
  ids: tensor("int64", [3, 2], [1, 2, 3, 4, 5, 6]),
  age: tensor("float32", [3], Float32Array.of(0.5, 1.5, 2.5)),
  y: tensor("int64", [3], [0, 1, 0]),
  score: tensor("float64", [3, 1], [7.5, 8.5, 9.5]),
  copies: tensor("float64", [3], [1, 0.25, 3]),
};

test("several inputs by name, another target, weights", async () => {
  const path = await npz(arrays);
  const modelInputs = [{ name: "age" }, { name: "ids", dtype: "int64", shape: [1, 2] }] as const;
  const [batch] = await all(await datasetFromFile(path, { modelInputs, target: "score", weights: "copies" }));
  expect(batch).toEqual({
    inputs: { age: arrays.age, ids: arrays.ids },
    target: arrays.score,
    weights: arrays.copies,
    rows: 3,
  });
});

test("without a target where none is wanted or there", async () => {
  const path = await npz({ x: arrays.age, y: arrays.y });
  expect((await all(await datasetFromFile(path, { ...x, target: null })))[0]?.target).toBeUndefined();
  const bare = await npz({ x: arrays.age });
  expect((await all(await datasetFromFile(bare, x)))[0]?.target).toBeUndefined();
});

test("large arrays are read by rows and give the same batches, checked as they are read", async () => {
  const options: FileOptions = { ...x, target: "score", batchSize: 2, rows: { start: 1 } };
  const stored = { x: arrays.ids, score: arrays.score };
  for (const path of [await npz(stored), join(folder, "large.safetensors")]) {
    if (path.endsWith("safetensors")) await writeSafetensors(path, stored);
    expect(await all(await datasetFromFile(path, { ...options, residentBytes: 0 }))).toEqual(
      await all(await datasetFromFile(path, options)),
    );
  }
  const bad = await npz({ x: tensor("float64", [3, 2], [1, 2, 3, 4, 5, Number.NaN]) });
  const dataset = await datasetFromFile(bad, { ...x, batchSize: 2, residentBytes: 0 });
  expect(await messageOf(all(dataset))).toMatchInlineSnapshot(`
    "Cannot use data as an array holds NaN or an infinity
      at        npz file, array "x"
      found     NaN
      row       2
      column    1
      try       drop or fill these rows, or pass nonFinite: "allow""
  `);
});

test("a table: all columns but the target are the input", async () => {
  const path = join(folder, "table.csv");
  await writeFile(path, "a,b,y\n1,2.5,0\n3,4.5,1\n");
  const [batch] = await all(
    await datasetFromFile(path, { modelInputs: [{ name: "features", dtype: "float32", shape: [null, 2] }] }),
  );
  expect(batch?.inputs["features"]).toEqual({ dtype: "float32", shape: [2, 2], data: Float64Array.of(1, 2.5, 3, 4.5) });
  expect(batch?.target).toEqual({ dtype: "int64", shape: [2], data: Float64Array.of(0, 1) });
});

test("a table's column of weights is no input", async () => {
  const path = join(folder, "weighted.csv");
  await writeFile(path, "a,w,y\n1,0.25,0\n2,3,1\n");
  const [batch] = await all(await datasetFromFile(path, { ...x, weights: "w" }));
  expect(batch?.inputs["x"]?.data).toEqual(Float64Array.of(1, 2));
  expect(batch?.weights?.data).toEqual(Float64Array.of(0.25, 3));
});

const pairs = {
  x0: tensor("float32", [2, 1], Float32Array.of(1, 2)),
  y0: tensor("int64", [2], [0, 1]),
  x1: tensor("float32", [1, 1], Float32Array.of(3)),
  y1: tensor("int64", [1], [2]),
  V: tensor("float64", [5], [1, 2, 3, 4, 5]),
};

test("pairs are batches in their own sizes, however they are opened", async () => {
  const path = await npz(pairs);
  for (const data of [
    await datasetFromPairs(path, x),
    await datasetFromFile(path, { modelInputs: [{ name: "input" }] }),
  ]) {
    expect([data.rows, data.batchSize]).toEqual([3, 2]);
    const batches = await all(data);
    expect(batches.map(({ inputs }) => Object.values(inputs)[0])).toEqual([pairs.x0, pairs.x1]);
    expect(batches.map(({ target }) => target)).toEqual([pairs.y0, pairs.y1]);
  }
  const last = await all(await datasetFromPairs(path, { ...x, rows: { start: 1 } }));
  expect(last.map(({ inputs }) => [...(inputs["x"]?.data ?? [])])).toEqual([[2], [3]]);
});

test("more than ten pairs are in the order of their numbers", async () => {
  const many = Object.fromEntries(Array.from({ length: 12 }, (_, k) => [`x${k}`, tensor("float64", [1], [k])]));
  const batches = await all(await datasetFromPairs(await npz(Object.fromEntries(Object.entries(many).sort())), x));
  expect(batches.map(({ inputs }) => inputs["x"]?.data[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test("what a file lacks is said with what it has", async () => {
  const path = await npz({ ids: arrays.ids, age: arrays.age });
  const attempt = (options: Partial<FileOptions>): Promise<Dataset> =>
    datasetFromFile(path, { modelInputs: [{ name: "age" }], ...options });
  await expect(attempt(x)).rejects.toThrow(UsageError);
  expect(
    await messageOf(attempt({ modelInputs: [{ name: "x", dtype: "float32", shape: [null, 4] }] })),
  ).toMatchInlineSnapshot(`
    "Cannot use data as an input of the model is missing from them
      at        npz file
      expected  array "x" float32 [*, 4]
      found     ids int64 [3, 2], age float32 [3]
      try       name the arrays like the model's inputs; a single one may be called x"
  `);
  expect(await messageOf(attempt({ target: "labels" }))).toMatchInlineSnapshot(`
    "Cannot use data as the file has no array of that name
      at        npz file
      expected  array "labels"
      found     ids int64 [3, 2], age float32 [3]"
  `);
  expect(await messageOf(attempt({ target: "y" }))).toContain(`array "y"`);
  expect(await messageOf(attempt({ weights: "w" }))).toContain(`array "w"`);
  expect(await messageOf(datasetFromPairs(path, x))).toMatchInlineSnapshot(`
    "Cannot use data as an input of the model is missing from them
      at        npz file
      expected  array "x0"
      found     ids int64 [3, 2], age float32 [3]
      try       name the arrays like the model's inputs"
  `);
});

test("unequal rows, unfit shapes and types, gaps between pairs", async () => {
  const unequal = await npz({ x: arrays.ids, y: tensor("int64", [2], [0, 1]) });
  await expect(datasetFromFile(unequal, x)).rejects.toThrow(MismatchError);
  expect(await messageOf(datasetFromFile(unequal, x))).toMatchInlineSnapshot(`
    "Cannot use data as its arrays have different numbers of rows
      at        npz file
      expected  one length of all first axes
      found     npz file, array "x": [3, 2]; npz file, array "y": [2]"
  `);
  const floats = await npz({ tokens: arrays.score });
  const tokens = datasetFromFile(floats, { modelInputs: [{ name: "tokens", dtype: "int64", shape: [null, 1] }] });
  expect(await messageOf(tokens)).toMatchInlineSnapshot(`
    "Cannot use data as an array has another type than the model's input
      at        npz file, array "tokens"
      expected  "tokens" int64 [*, 1]
      found     float64
      try       save the array as int64"
  `);
  const { x1: _, ...gap } = { ...pairs, x2: pairs.x0, y2: pairs.y0 };
  expect(await messageOf(datasetFromPairs(await npz(gap), x))).toMatchInlineSnapshot(`
    "Cannot use pairs of arrays as a batch is missing between others
      at        npz file
      expected  batches 0 to 2
      found     none of number 1"
  `);
  const { y1: __, ...unlabelled } = pairs;
  await expect(datasetFromPairs(await npz(unlabelled), x)).rejects.toThrow("y1");
});

test("files that are missing, cut short, or something else", async () => {
  const bytes = await readFile(digits);
  const cut = join(folder, "cut.npz");
  await writeFile(cut, bytes.subarray(0, bytes.length / 2));
  await expect(datasetFromFile(cut, x)).rejects.toThrow(UsageError);
  const text = join(folder, "text.npz");
  await writeFile(text, "these are no arrays");
  await expect(datasetFromFile(text, x)).rejects.toThrow(UsageError);
  await expect(datasetFromFile(join(folder, "none.npz"), x)).rejects.toThrow(UsageError);
  await expect(datasetFromFile(digits, { ...x, signal: AbortSignal.abort() })).rejects.toThrow("abort");
});
