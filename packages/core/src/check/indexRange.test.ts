import { expect, test } from "vitest";
import { evaluateOp } from "../engine/reference/kernels.ts";
import { GraphBuilder } from "../ir/builder.ts";
import { indexRange } from "./indexRange.ts";

test("the smallest table decides, less what is added", () => {
  const g = new GraphBuilder(evaluateOp);
  const id = g.input("id", "int64", [2, 3]);
  const words = g.gather(g.input("words", "float32", [50, 4]), id, 0);
  const places = g.gather(g.input("places", "float32", [12, 4]), g.add(g.reshape(id, [6]), g.ints([2])), 0);
  expect(indexRange([words], id)).toBe(50);
  expect(indexRange([words, places], id)).toBe(10);
});

test("indices from the end, folded by Where, do not shrink the range", () => {
  const g = new GraphBuilder(evaluateOp);
  const id = g.input("id", "int64", [3]);
  const wrapped = g.where(g.binary("Less", id, g.ints([0], [])), g.add(id, g.ints([7], [])), id);
  expect(indexRange([g.gather(g.input("t", "float32", [7, 2]), wrapped, 0)], id)).toBe(7);
});

test("an integer that indexes nothing has no range", () => {
  const g = new GraphBuilder(evaluateOp);
  const mask = g.input("mask", "int64", [3]);
  expect(indexRange([g.cast(mask, "float32")], mask)).toBeUndefined();
});
