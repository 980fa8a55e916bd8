import { expect, test } from "vitest";
import { UsageError } from "../errors.ts";
import { countRows } from "./countRows.ts";
import type { Dataset } from "./dataset.ts";
import type { Arrays } from "./fromArrays.ts";
import { datasetFromBatches } from "./fromBatches.ts";

const two: Arrays[] = [
  { inputs: { x: [[1.5], [2.5]] }, target: [0, 1] },
  { inputs: { x: [[3.5]] }, target: [1] },
];

function* generator(): Generator<Arrays> {
  yield* two;
}

async function* asyncGenerator(): AsyncGenerator<Arrays> {
  for (const batch of two) yield batch;
}

async function values(dataset: Dataset): Promise<number[]> {
  const found: number[] = [];
  for await (const { inputs } of dataset.batches()) found.push(...(inputs["x"]?.data ?? []));
  return found;
}

test.each([
  ["a list", two],
  ["a set", new Set(two)],
  ["a function", generator],
  ["an async function", asyncGenerator],
] as const)("%s can be passed through again and again", async (_, source) => {
  const data = datasetFromBatches(source);
  expect(await values(data)).toEqual([1.5, 2.5, 3.5]);
  expect(await values(data)).toEqual([1.5, 2.5, 3.5]);
  expect(await countRows(data)).toBe(3);
});

test.each([
  ["a generator", generator],
  ["an async generator", asyncGenerator],
] as const)("%s that is used up is an error, not an empty dataset", async (_, make) => {
  const data = datasetFromBatches(make());
  expect(await values(data)).toEqual([1.5, 2.5, 3.5]);
  await expect(values(data)).rejects.toThrow(UsageError);
  await expect(values(data)).rejects.toThrow("used up");
});

test("a generator that was begun is used up", async () => {
  const data = datasetFromBatches(generator());
  for await (const _ of data.batches()) break;
  await expect(values(data)).rejects.toThrow("used up");
});

test("a function that returns one generator again and again is used up", async () => {
  const once = generator();
  const data = datasetFromBatches(() => once);
  await values(data);
  await expect(values(data)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [UsageError: Cannot pass through the data again as their iterator is used up
      at        batches
      expected  batches that can be iterated more than once
      found     an iterator that was begun before
      try       give a list, or a function that returns a new iterator: () => batches()]
  `);
});

test("a stream is used up", async () => {
  const stream = new ReadableStream<Arrays>({
    start(controller) {
      for (const batch of two) controller.enqueue(batch);
      controller.close();
    },
  });
  const data = datasetFromBatches(stream as unknown as AsyncIterable<Arrays>);
  expect(await values(data)).toEqual([1.5, 2.5, 3.5]);
  await expect(values(data)).rejects.toThrow();
});

test("a pass without rows, with other rows, or with another length than stated is an error", async () => {
  await expect(values(datasetFromBatches([]))).rejects.toThrow("no rows");
  await expect(values(datasetFromBatches([], { length: 0 }))).rejects.toThrow("no rows");
  let passes = 0;
  const shrinking = datasetFromBatches(() => two.slice(passes++));
  await values(shrinking);
  await expect(values(shrinking)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [UsageError: Cannot use data as a pass through them gives another number of rows than expected
      at        batches
      expected  3 rows, as in an earlier pass
      found     1 rows
      try       give the same rows in the same order each time]
  `);
  const stated = datasetFromBatches(two, { length: 4 });
  expect(stated.rows).toBe(4);
  await expect(values(stated)).rejects.toThrow("the length given");
});

test("each batch is checked as it comes", async () => {
  const bad: Arrays[] = [...two, { inputs: { x: [[Number.NaN]] }, target: [1] }];
  await expect(values(datasetFromBatches(bad))).rejects.toThrowErrorMatchingInlineSnapshot(`
    [UsageError: Cannot use data as an array holds NaN or an infinity
      at        batches, batch 2, array "x"
      found     NaN
      row       0
      column    0
      try       drop or fill these rows, or pass nonFinite: "allow"]
  `);
  await expect(values(datasetFromBatches(two, { modelInputs: [{ name: "x", shape: [null, 2] }] }))).rejects.toThrow(
    "another shape",
  );
  await expect(values(datasetFromBatches([{ inputs: { x: [1, 2] }, target: [1] }]))).rejects.toThrow("numbers of rows");
});

test("inputs are matched, scaled and converted as from arrays", async () => {
  const data = datasetFromBatches([{ inputs: { x: { data: Uint8Array.of(0, 255), shape: [1, 2] } } }], {
    modelInputs: [{ name: "pixels", dtype: "float32", shape: [null, 2] }],
    scale: "unit",
  });
  for await (const { inputs } of data.batches()) {
    expect(inputs["pixels"]).toEqual({ dtype: "float32", shape: [1, 2], data: Float64Array.of(0, 1) });
  }
});

test("an aborted signal stops the pass", async () => {
  const data = datasetFromBatches(two, { signal: AbortSignal.abort() });
  await expect(values(data)).rejects.toThrow("abort");
});
