import fc from "fast-check";
import { expect, test } from "vitest";
import type { Dataset } from "./dataset.ts";
import { datasetFromArrays } from "./fromArrays.ts";
import { datasetFromBatches } from "./fromBatches.ts";
import { slice, take } from "./slice.ts";

async function rowsIn(dataset: Dataset): Promise<{ x: number[]; y: number[]; w: number[] }> {
  const found: { x: number[]; y: number[]; w: number[] } = { x: [], y: [], w: [] };
  for await (const { inputs, target, weights, rows } of dataset.batches()) {
    expect(inputs["x"]?.shape).toEqual([rows, 2]);
    found.x.push(...(inputs["x"]?.data ?? []));
    found.y.push(...(target?.data ?? []));
    found.w.push(...(weights?.data ?? []));
  }
  return found;
}

test("a slice has those rows of inputs, target and weights", async () => {
  const size = fc.integer({ min: 1, max: 12 });
  await fc.assert(
    fc.asyncProperty(size, size, size, size, async (rows, batchSize, start, length) => {
      fc.pre(start < rows);
      const numbers = Float64Array.from({ length: 2 * rows }, (_, i) => i + 0.5);
      const arrays = {
        inputs: { x: { data: numbers, shape: [rows, 2] } },
        target: numbers.slice(0, rows),
        weights: numbers.slice(rows),
      };
      const part = slice(datasetFromArrays(arrays, { batchSize }), start, start + length);
      const end = Math.min(start + length, rows);
      expect(part.rows).toBe(end - start);
      expect(await rowsIn(part)).toEqual({
        x: [...numbers.slice(2 * start, 2 * end)],
        y: [...numbers.slice(start, end)],
        w: [...numbers.slice(rows + start, rows + end)],
      });
    }),
    { numRuns: 100 },
  );
});

test("the first rows of data of unknown length; batches that are not needed are not made", async () => {
  let made = 0;
  const data = datasetFromBatches(function* () {
    for (;;) yield { inputs: { x: [[made++, 0.5]] } };
  });
  const first = take(data, 3);
  expect(first.rows).toBeUndefined();
  expect((await rowsIn(first)).x).toEqual([0, 0.5, 1, 0.5, 2, 0.5]);
  expect(made).toBe(3);
});

test("a part without rows is an error", async () => {
  const data = datasetFromArrays({ inputs: { x: [[1, 2]] } });
  expect(() => slice(data, 1, 2)).toThrowErrorMatchingInlineSnapshot(`
    [UsageError: Cannot use part of the data as no rows are in it
      at        arrays
      expected  1 row or more
      found     rows 1 to 2 of 1]
  `);
  expect(() => take(data, 0)).toThrow("no rows");
  await expect(rowsIn(slice(datasetFromBatches([{ inputs: { x: [[1, 2]] } }]), 5, 6))).rejects.toThrow(
    "rows 5 to 6 of 1",
  );
});
