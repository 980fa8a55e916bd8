/** A batch that holds fewer rows than the file fixes gives those rows' values, and no others. */
import { fileURLToPath } from "node:url";
import { datasetFromArrays, openFileSession, randomStream, readModelFile, slice, type Tensor } from "@hessonite/core";
import { expect, it } from "vitest";
import { activations } from "./activations.ts";

const file = fileURLToPath(new URL("../../../testdata/small/grouped-query.dynamo.onnx", import.meta.url)); // x [2, 6, 12]
const stream = randomStream(1);
const size = 6 * 12;
const data = Float32Array.from({ length: 5 * size }, () => stream.normal());
const x = (rows: readonly number[]): Tensor => ({
  dtype: "float32",
  shape: [rows.length, 6, 12],
  data: Float32Array.from(rows.flatMap((row) => [...data.subarray(row * size, (row + 1) * size)])),
});

it.each([
  ["an odd number of rows", 0, [2, 2, 1]],
  ["rows from the midst of a batch", 1, [1, 2, 1]],
])("of %s, where the file fixes two", async (_, start, expected) => {
  const { bytes } = await readModelFile(file);
  const whole = datasetFromArrays({ inputs: { x: x([0, 1, 2, 3, 4]) } }, { batchSize: 2 });
  const rows = slice(whole, start, start + expected.reduce((a, b) => a + b));
  const found: number[] = [];
  const lengths: (number | undefined)[] = [];
  for await (const { values } of activations(bytes, ["y"], rows)) {
    lengths.push(values["y"]?.shape[0]);
    found.push(...(values["y"]?.data ?? []));
  }
  expect(lengths).toEqual(expected);
  await using session = await openFileSession(bytes);
  for (const [at, row] of Array.from({ length: expected.reduce((a, b) => a + b) }, (__, i) => start + i).entries()) {
    const { y } = await session.run({ x: x([row, row]) });
    const own = [...y!.data].slice(0, y!.data.length / 2);
    expect(
      found
        .slice(at * own.length, (at + 1) * own.length)
        .map((v, i) => Math.abs(v - own[i]!))
        .every((d) => d < 1e-6),
    ).toBe(true);
  }
});
