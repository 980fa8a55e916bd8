import { expect, test } from "vitest";
import { z } from "zod";
import { fieldsOf } from "../schema/field.ts";
import { memoryOptions } from "./memory.ts";

const schema = z.object(memoryOptions);
const bytes = (given?: string | number): number => schema.parse({ maxMemory: given }).maxMemory;

test.each([
  [undefined, 2 ** 30],
  ["512MiB", 2 ** 29],
  ["4GiB", 2 ** 32],
  ["4 GB", 2 ** 32],
  ["1.5gib", 1.5 * 2 ** 30],
  ["64kib", 2 ** 16],
  ["256", 2 ** 28],
  [256, 2 ** 28],
])("%s is %d bytes", (given, expected) => expect(bytes(given)).toBe(expected));

test.each(["lots", "-1GiB", "0", "4TiB", ""])("%s is refused", (given) => {
  expect(() => bytes(given)).toThrow("a size such as 512MiB or 4GiB");
});

test("the flag is --max-memory, with its default", () => {
  expect(fieldsOf(schema)).toMatchObject([{ name: "max-memory", required: false, preset: "1GiB" }]);
});
