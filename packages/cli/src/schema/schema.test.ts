import { Command } from "commander";
import { expect, test } from "vitest";
import { z } from "zod";
import { fieldsOf } from "./field.ts";
import { addFlags, givenValues } from "./flags.ts";
import { fraction } from "./fraction.ts";
import { editDistance, nearest } from "./nearest.ts";
import { rowRange } from "./rowRange.ts";
import { validated } from "./validate.ts";

const schema = z.object({
  model: z.string().describe("the model"),
  batchSize: z.int().positive().default(64).describe("rows at once"),
  checks: z.boolean().default(true).describe("skip the checks"),
  graph: z.boolean().default(false).describe("print it"),
  weights: z.array(z.number()).optional().describe("one a class"),
  globs: z.array(z.string()).optional().describe("names"),
  kind: z.enum(["a", "b"]).default("a").describe("which"),
  scale: fraction.optional().describe("factor"),
});

function given(...words: string[]): Record<string, unknown> {
  const program = new Command();
  const fields = fieldsOf(schema);
  addFlags(program, fields, ["model"]);
  program.exitOverride().configureOutput({ writeErr: () => undefined });
  program.parse(words, { from: "user" });
  return givenValues(program, fields, ["model"]);
}

test("fields tell kind, default and description through optional, default and transform", () => {
  const summary = fieldsOf(schema).map(({ name, kind, item, required, preset }) => [
    name,
    kind,
    item,
    required,
    preset,
  ]);
  expect(summary).toEqual([
    ["model", "text", "text", true, undefined],
    ["batch-size", "number", "number", false, 64],
    ["checks", "switch", "switch", false, true],
    ["graph", "switch", "switch", false, false],
    ["weights", "list", "number", false, undefined],
    ["globs", "list", "text", false, undefined],
    ["kind", "choice", "choice", false, "a"],
    ["scale", "text", "text", false, undefined],
  ]);
});

test("only what was given is given: defaults stay the schema's", () => {
  expect(given("m.onnx")).toEqual({ model: "m.onnx" });
});

test("words become what the schema holds", () => {
  expect(given("m.onnx", "--batch-size", "8", "--no-checks", "--graph", "--weights", "1,2.5", "3")).toEqual({
    model: "m.onnx",
    batchSize: 8,
    checks: false,
    graph: true,
    weights: [1, 2.5, 3],
  });
  expect(given("m.onnx", "--globs", "a.*", "b?", "--kind", "b").globs).toEqual(["a.*", "b?"]);
  expect(() => given("m.onnx", "--kind", "c")).toThrow(/Allowed choices are a, b/);
});

test("a word that is no number reaches the schema as it is", () => {
  const options = given("m.onnx", "--batch-size", "many");
  expect(() => validated(schema, options, "try", ["model"], fieldsOf(schema))).toThrow(
    /--batch-size has a value.*\n.*number/,
  );
});

test.each([
  ["1/255", 1 / 255],
  [" 2 / -4 ", -0.5],
  ["1e-3", 1e-3],
  [0.25, 0.25],
  ["unit", "unit"],
])("%s is a factor", (text, value) => {
  expect(fraction.parse(text)).toBe(value);
});

test.each(["1/0", "0", "half", "1/2/3", ""])("%s is no factor", (text) => {
  expect(fraction.safeParse(text).success).toBe(false);
});

test.each([
  [64, 0, 64],
  ["64", 0, 64],
  ["10:20", 10, 20],
  [":20", 0, 20],
  ["10:", 10, Number.POSITIVE_INFINITY],
])("rows %s are %d to %d", (text, start, end) => {
  expect(rowRange.parse(text)).toEqual({ start, end });
});

test.each(["", ":", "5:5", "9:3", "a:b", "-3", "1.5"])("rows %s make no sense", (text) => {
  expect(rowRange.safeParse(text).success).toBe(false);
});

test("edit distance counts insertions, deletions and replacements", () => {
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(editDistance("", "abc")).toBe(3);
  expect(editDistance("abc", "abc")).toBe(0);
});

test("the nearest name is offered only if it is near", () => {
  expect(nearest("batch-sise", ["batch-size", "seed"])).toBe("batch-size");
  expect(nearest("zzzzzz", ["batch-size", "seed"])).toBeUndefined();
});
