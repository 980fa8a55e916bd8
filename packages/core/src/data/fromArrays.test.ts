import fc from "fast-check";
import { expect, test } from "vitest";
import { MismatchError, UsageError } from "../errors.ts";
import { tensor } from "../ir/tensor.ts";
import type { Batch, Dataset } from "./dataset.ts";
import { type Arrays, type ArraysOptions, datasetFromArrays } from "./fromArrays.ts";

async function all(dataset: Dataset): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of dataset.batches()) batches.push(batch);
  return batches;
}

async function only(dataset: Dataset): Promise<Batch> {
  const [batch, ...others] = await all(dataset);
  expect(others).toEqual([]);
  return batch as Batch;
}

test("batches hold the rows in order, the last the rest, each time anew", async () => {
  const rows = fc.integer({ min: 1, max: 40 });
  await fc.assert(
    fc.asyncProperty(
      rows,
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 50 }),
      async (n, width, batchSize) => {
        const x = Float32Array.from({ length: n * width }, (_, i) => i / 3);
        const y = Int32Array.from({ length: n }, (_, i) => 7 * i);
        const data = datasetFromArrays(
          { inputs: { x: { data: x, shape: [n, width] } }, target: y, weights: y },
          { batchSize },
        );
        expect(data.rows).toBe(n);
        const batches = await all(data);
        expect(batches.map((batch) => batch.rows)).toEqual(
          Array.from({ length: Math.ceil(n / batchSize) }, (_, b) => Math.min(batchSize, n - b * batchSize)),
        );
        expect(batches.flatMap(({ inputs }) => [...(inputs["x"]?.data ?? [])])).toEqual([...x]);
        expect(batches.flatMap(({ target }) => [...(target?.data ?? [])])).toEqual([...y]);
        expect(batches.flatMap(({ weights }) => [...(weights?.data ?? [])])).toEqual([...y]);
        expect(batches.every(({ inputs, rows }) => String(inputs["x"]?.shape) === String([rows, width]))).toBe(true);
        expect(await all(data)).toEqual(batches);
      },
    ),
    { numRuns: 50 },
  );
});

test("batches of what needs no conversion are views", async () => {
  const x = new Float32Array(12);
  const batches = await all(datasetFromArrays({ inputs: { x: { data: x, shape: [6, 2] } } }, { batchSize: 4 }));
  expect(batches.map(({ inputs }) => inputs["x"]?.data.buffer === x.buffer)).toEqual([true, true]);
});

test("each input gets the array of its name, and a single one also x", async () => {
  const two = { modelInputs: [{ name: "b" }, { name: "a" }] };
  const { inputs } = await only(datasetFromArrays({ inputs: { a: [1.5], b: [2.5] } }, two));
  expect([inputs["a"]?.data, inputs["b"]?.data]).toEqual([Float64Array.of(1.5), Float64Array.of(2.5)]);
  const one = await only(datasetFromArrays({ inputs: { x: [1.5] } }, { modelInputs: [{ name: "pixels" }] }));
  expect(Object.keys(one.inputs)).toEqual(["pixels"]);
  const exact = await only(
    datasetFromArrays({ inputs: { x: [1.5], pixels: [2.5] } }, { modelInputs: [{ name: "pixels" }] }),
  );
  expect(exact.inputs["pixels"]?.data).toEqual(Float64Array.of(2.5));
});

test("rows choose a range of the data", async () => {
  const x = [0, 1, 2, 3, 4].map((i) => i + 0.5);
  const ranged = async (rows: { start?: number; end?: number }): Promise<number[]> =>
    (await all(datasetFromArrays({ inputs: { x } }, { rows, batchSize: 2 }))).flatMap(({ inputs }) => [
      ...(inputs["x"]?.data ?? []),
    ]);
  expect(await ranged({ start: 1, end: 4 })).toEqual([1.5, 2.5, 3.5]);
  expect(await ranged({ end: 2 })).toEqual([0.5, 1.5]);
  expect(await ranged({ start: 3, end: 99 })).toEqual([3.5, 4.5]);
});

const image: ArraysOptions = { modelInputs: [{ name: "x", dtype: "float32", shape: [null, 1, 2] }] };

test("integers are scaled only when asked, and then in float64", async () => {
  const pixels: Arrays = { inputs: { x: { data: Uint8Array.of(0, 51, 255, 3), shape: [2, 1, 2] } } };
  const asGiven = await only(datasetFromArrays(pixels, image));
  expect(asGiven.inputs["x"]).toEqual({ dtype: "float32", shape: [2, 1, 2], data: Float64Array.of(0, 51, 255, 3) });
  const unit = await only(datasetFromArrays(pixels, { ...image, scale: "unit" }));
  expect(unit.inputs["x"]?.data).toEqual(Float64Array.of(0, 51 * (1 / 255), 1, 3 * (1 / 255)));
  const doubled = await only(datasetFromArrays(pixels, { ...image, scale: { x: 2 } }));
  expect(doubled.inputs["x"]?.data).toEqual(Float64Array.of(0, 102, 510, 6));
  const other = await only(datasetFromArrays(pixels, { ...image, scale: { other: 2 } }));
  expect(other.inputs["x"]?.data).toEqual(Float64Array.of(0, 51, 255, 3));
});

test("a scale for all leaves integer inputs alone", async () => {
  const modelInputs = [
    { name: "tokens", dtype: "int64", shape: [null, 2] },
    { name: "x", dtype: "float32" },
  ] as const;
  const arrays = {
    inputs: { tokens: { data: Int32Array.of(7, 9), shape: [1, 2] }, x: [10] },
    target: Uint8Array.of(4),
  };
  const { inputs, target } = await only(datasetFromArrays(arrays, { modelInputs, scale: 0.5 }));
  expect(inputs["tokens"]).toEqual({ dtype: "int64", shape: [1, 2], data: Float64Array.of(7, 9) });
  expect(inputs["x"]?.data).toEqual(Float64Array.of(5));
  expect(target).toEqual({ dtype: "int64", shape: [1], data: Float64Array.of(4) });
});

test("axes of length 1 may be missing or extra", async () => {
  const flat = { inputs: { x: { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] } } };
  expect((await only(datasetFromArrays(flat, image))).inputs["x"]?.shape).toEqual([2, 1, 2]);
  const ids = { inputs: { x: { data: Int32Array.of(1, 2), shape: [2, 1] } } };
  const { inputs } = await only(
    datasetFromArrays(ids, { modelInputs: [{ name: "x", dtype: "int64", shape: [null] }] }),
  );
  expect(inputs["x"]?.shape).toEqual([2]);
});

test("float64 stays float64 in memory under the model's type", async () => {
  const { inputs } = await only(
    datasetFromArrays({ inputs: { x: { data: Float64Array.of(0.1, 0.2), shape: [1, 1, 2] } } }, image),
  );
  expect(inputs["x"]).toEqual({ dtype: "float32", shape: [1, 1, 2], data: Float64Array.of(0.1, 0.2) });
});

test("typed arrays of every width keep their numbers", async () => {
  const lists = [
    BigInt64Array.of(-1n, 2n),
    BigUint64Array.of(1n, 2n),
    Uint32Array.of(2 ** 32 - 1, 2),
    Int16Array.of(-300, 2),
    Uint16Array.of(65535, 2),
    Int8Array.of(-128, 2),
    Uint8ClampedArray.of(255, 2),
  ];
  for (const list of lists) {
    const { inputs } = await only(datasetFromArrays({ inputs: { x: list } }));
    expect([...(inputs["x"]?.data ?? [])]).toEqual([...list].map(Number));
  }
});

test("an additive mask of 0 and −∞ passes", async () => {
  const mask = { data: Float32Array.of(0, Number.NEGATIVE_INFINITY), shape: [1, 2] };
  expect((await only(datasetFromArrays({ inputs: { mask } }))).inputs["mask"]?.data).toEqual(mask.data);
});

const nan = {
  data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, Number.NaN, 9, 10, 11, Number.POSITIVE_INFINITY),
  shape: [3, 2, 2],
};

test("NaN is allowed on request", async () => {
  const { inputs } = await only(datasetFromArrays({ inputs: { x: nan } }, { nonFinite: "allow" }));
  expect(inputs["x"]?.data).toEqual(nan.data);
});

test("NaN and infinities are refused wherever they stand, with their place", () => {
  expect(() => datasetFromArrays({ inputs: { x: nan } })).toThrowErrorMatchingInlineSnapshot(`
    [UsageError: Cannot use data as an array holds NaN or an infinity
      at        arrays, array "x"
      found     NaN (and 1 more)
      row       1
      column    [1, 1]
      try       drop or fill these rows, or pass nonFinite: "allow"]
  `);
  const of = (bad: number): Arrays => ({ inputs: { x: [[1], [2]] }, target: [0.5, bad] });
  expect(() => datasetFromArrays(of(Number.NaN))).toThrowErrorMatchingInlineSnapshot(`
    [UsageError: Cannot use data as an array holds NaN or an infinity
      at        arrays, target
      found     NaN
      row       1
      try       drop or fill these rows, or pass nonFinite: "allow"]
  `);
  expect(() => datasetFromArrays(of(Number.NEGATIVE_INFINITY))).toThrow("-Infinity");
  expect(() => datasetFromArrays({ inputs: { x: [1, 2] }, weights: [1, Number.POSITIVE_INFINITY] })).toThrow("weights");
});

const refused: readonly [string, new (...args: never[]) => Error, Arrays, ArraysOptions][] = [
  [
    "a missing input",
    UsageError,
    { inputs: { a: [1], b: [2] } },
    { modelInputs: [{ name: "a" }, { name: "mask", dtype: "bool", shape: [null, 3] }] },
  ],
  [
    "x where there are several inputs",
    UsageError,
    { inputs: { x: [1], b: [2] } },
    { modelInputs: [{ name: "a" }, { name: "b" }] },
  ],
  ["unequal rows", MismatchError, { inputs: { x: [[1], [2], [3]] }, target: [0, 1] }, {}],
  ["weights of other length", MismatchError, { inputs: { x: [1, 2] }, weights: [1] }, {}],
  ["another length of an axis", MismatchError, { inputs: { x: [[[1, 2, 3]]] } }, image],
  [
    "another rank",
    MismatchError,
    {
      inputs: {
        x: [
          [
            [[1], [2]],
            [[3], [4]],
          ],
        ],
      },
    },
    image,
  ],
  [
    "as many elements in another shape",
    MismatchError,
    { inputs: { x: { data: new Float32Array(12), shape: [2, 6] } } },
    { modelInputs: [{ name: "x", shape: [null, 2, 3] }] },
  ],
  ["a single number", MismatchError, { inputs: { x: { data: new Float32Array(1), shape: [] } } }, {}],
  ["floats for integers", MismatchError, { inputs: { x: [0.5] } }, { modelInputs: [{ name: "x", dtype: "int64" }] }],
  ["integers for booleans", MismatchError, { inputs: { x: [1] } }, { modelInputs: [{ name: "x", dtype: "bool" }] }],
  ["no rows", UsageError, { inputs: { x: { data: new Float32Array(0), shape: [0, 2] } } }, {}],
  ["a range beyond the last row", UsageError, { inputs: { x: [1, 2] } }, { rows: { start: 2, end: 4 } }],
  ["half rows", UsageError, { inputs: { x: [1, 2] } }, { rows: { start: 0.5 } }],
  ["no batch size", UsageError, { inputs: { x: [1, 2] } }, { batchSize: 0 }],
  ["unit for floats", UsageError, { inputs: { x: [0.5] } }, { scale: "unit" }],
  ["a factor that is none", UsageError, { inputs: { x: [0.5] } }, { scale: Number.NaN }],
  ["lists of unequal length", MismatchError, { inputs: { x: [[1, 2], [3]] } }, {}],
  ["text", UsageError, { inputs: { x: ["1" as unknown as number] } }, {}],
  ["nothing", UsageError, { inputs: { x: null as unknown as number[] } }, {}],
  [
    "data that do not fill their shape",
    MismatchError,
    { inputs: { x: { data: new Float32Array(5), shape: [2, 3] } } },
    {},
  ],
];

test.each(refused)("%s is refused", (_, kind, arrays, options) => {
  expect(() => datasetFromArrays(arrays, options)).toThrow(kind);
  expect(() => datasetFromArrays(arrays, options)).toThrowErrorMatchingSnapshot();
});

test("an integer outside the input's type is refused", async () => {
  const options: ArraysOptions = { modelInputs: [{ name: "x", dtype: "int32" }] };
  const data = datasetFromArrays({ inputs: { x: tensor("int64", [1], [2 ** 31]) } }, options);
  await expect(all(data)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [MismatchError: Cannot use data as an integer lies outside the type of the model's input
      at        arrays, array "x"
      expected  int32: -2147483648 to 2147483647
      found     2147483648]
  `);
});
