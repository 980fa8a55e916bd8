import { describe, expect, it } from "vitest";
import type { Tensor } from "../ir/tensor.ts";
import { memoryBytes } from "./byteSource.ts";
import { type CsvOptions, openCsv } from "./csv.ts";

async function read(text: string, options: CsvOptions = {}): Promise<Record<string, unknown>> {
  const { tensors } = await openCsv(memoryBytes(new TextEncoder().encode(text), "t.csv"), options);
  const plain = ({ dtype, shape, data }: Tensor): unknown[] => [dtype, shape, Array.from(data)];
  const entries = await Promise.all(
    [...tensors].map(async ([name, stored]) => [name, plain(await stored.read())] as const),
  );
  return Object.fromEntries(entries);
}

describe("csv", () => {
  it("puts all columns but the target side by side", async () => {
    expect(await read("a,y,b\n1,0,2.5\n-3,1,4e2\n")).toEqual({
      x: ["float64", [2, 2], [1, 2.5, -3, 400]],
      a: ["int64", [2, 1], [1, -3]],
      b: ["float64", [2, 1], [2.5, 400]],
      y: ["int64", [2], [0, 1]],
    });
  });

  it("takes the target's name, quotes, another delimiter, a byte-order mark and Windows' lines", async () => {
    const text = '\uFEFF"first; column";price\r\n1;2.5\r\n\r\n3;4.5\r\n';
    expect(await read(text, { target: "price", delimiter: ";" })).toMatchObject({
      x: ["float64", [2, 1], [1, 3]],
      "first; column": ["int64", [2, 1], [1, 3]],
      price: ["float64", [2], [2.5, 4.5]],
    });
  });

  it("keeps the weights out of the inputs", async () => {
    expect(await read("a,w,y\n1,0.5,0\n2,3,1\n", { weights: "w" })).toEqual({
      x: ["float64", [2, 1], [1, 2]],
      a: ["int64", [2, 1], [1, 2]],
      w: ["float64", [2], [0.5, 3]],
      y: ["int64", [2], [0, 1]],
    });
  });

  it("numbers the columns of a table without names", async () => {
    expect(await read("1,2\n3,4\n", { target: "1" })).toMatchObject({
      x: ["float64", [2, 1], [1, 3]],
      "1": ["int64", [2], [2, 4]],
    });
  });

  it("leaves nan and inf to the checks of the data", async () => {
    expect(await read("a,b\nnan,1\n-Inf,2\n")).toMatchObject({
      a: ["float64", [2, 1], [Number.NaN, Number.NEGATIVE_INFINITY]],
    });
  });

  it.each([
    ["text", "a,b\n1,2\n3,red\n", /as a cell is not a number\n {2}at {8}t.csv, line 3, column b\n {2}found {5}"red"/],
    ["an empty cell", "a,b\n1,\n", /line 2, column b\n {2}found {5}an empty cell/],
    ["lines of unequal length", "a,b\n1,2\n3\n", /lines are no regular CSV/],
    ["a name twice", "a,a\n1,2\n", /two columns have the same name\n {2}at {8}t.csv\n {2}found {5}a/],
  ])("says where %s stands", async (_, text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });
});
