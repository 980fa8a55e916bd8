/** Files written by numpy, torch and safetensors (testdata/data/make.py) hold what those say, whole and by rows. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readTensors } from "./readTensors.ts";
import { listTensors, readTensor } from "./tensorFile.ts";

const folder = join(import.meta.dirname, "../../testdata/data");

interface Expected {
  readonly shape: number[];
  /** Numbers, and those that JSON does not have as text. */
  readonly data: (number | "inf" | "-inf" | "nan")[];
}

const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<
  string,
  Record<string, Expected>
>;
const arrays = Object.entries(expected).flatMap(([file, named]) =>
  Object.entries(named).map(([name, value]) => ({ file, name, ...value })),
);

const numbers = (data: Expected["data"]): number[] =>
  data.map((x) => (typeof x === "number" ? x : x === "inf" ? Infinity : -Infinity));

describe("files of arrays", () => {
  it.each(arrays)("$file: $name is what its writer says", async ({ file, name, shape, data }) => {
    const stored = (await readTensors(join(folder, file))).tensors.get(name);
    const read = await stored?.read();
    expect(read?.shape).toEqual(shape);
    expect(Array.from(read?.data ?? [])).toEqual(numbers(data));
    expect(await stored?.header()).toEqual({ dtype: read?.dtype, shape });
  });

  it.each(arrays.filter(({ shape }) => (shape[0] ?? 0) > 1))(
    "$file: rows of $name are rows",
    async ({ file, name, shape, data }) => {
      const stored = (await readTensors(join(folder, file))).tensors.get(name);
      if (!stored?.rows) return expect(file).toBe("types-deflated.npz");
      const width = data.length / (shape[0] ?? 1);
      const part = await stored.rows(1, 2);
      expect(part.shape).toEqual([1, ...shape.slice(1)]);
      expect(Array.from(part.data)).toEqual(numbers(data.slice(width, 2 * width)));
      await expect(stored.rows(1, 99)).rejects.toThrow("as the array does not have them");
    },
  );

  it("keeps the dtype, 16-bit floats excepted", async () => {
    const { tensors } = await readTensors(join(folder, "tensors.safetensors"));
    const dtypes = await Promise.all([...tensors.values()].map(async (t) => [t.name, (await t.read()).dtype]));
    expect(Object.fromEntries(dtypes)).toEqual({
      half: "float32",
      brain: "float32",
      single: "float32",
      double: "float64",
      long: "int64",
      int: "int32",
      short: "int16",
      signed: "int8",
      byte: "uint8",
      bool: "bool",
      scalar: "float32",
      empty: "float32",
    });
  });

  it("reads the text beside the arrays of a safetensors file", async () => {
    expect((await readTensors(join(folder, "tensors.safetensors"))).metadata).toEqual({
      note: "written by safetensors",
    });
  });

  it("lists what is there when a name is not", async () => {
    const file = await readTensors(join(folder, "zip64.npz"));
    expect(await listTensors(file)).toBe("x float32 [4, 3], y int64 [4]");
    await expect(readTensor(file, "z")).rejects.toThrow(/has none of that name.*expected {2}z.*found {5}x float32/s);
  });

  it("refuses text in an array, and only when it is read", async () => {
    const file = await readTensors(join(folder, "types.npz"));
    await expect(readTensor(file, "text")).rejects.toThrow(/are not numbers of up to 64 bits.*array text.*<U1/s);
  });

  it("stops when it is told to", async () => {
    const aborted = AbortSignal.abort();
    await expect(readTensors(join(folder, "types.npz"), { signal: aborted })).rejects.toThrow("aborted");
    const { tensors } = await readTensors(join(folder, "types.npz"));
    await expect(tensors.get("vector")?.read({ signal: aborted })).rejects.toThrow("aborted");
  });

  it("names the formats it knows", async () => {
    await expect(readTensors("data.parquet")).rejects.toThrow(
      /expected {2}\.npz \.npy \.safetensors \.csv \.tsv\n {2}found {5}\.parquet/,
    );
    await expect(readTensors("missing.npz")).rejects.toThrow(
      /cannot be opened\n {2}at {8}missing.npz\n {2}found {5}no such file/,
    );
  });
});
