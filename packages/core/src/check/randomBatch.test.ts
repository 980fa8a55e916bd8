import { expect, test } from "vitest";
import { evaluateOp } from "../engine/reference/kernels.ts";
import { GraphBuilder } from "../ir/builder.ts";
import { randomStream } from "../random/random.ts";
import { randomInputs } from "./randomBatch.ts";

test("ids stay within their table, masks never hide two places side by side, the seed decides", () => {
  const g = new GraphBuilder(evaluateOp);
  const inputs = new Map([
    ["x", g.input("x", "float32", [4, 50])],
    ["ids", g.input("ids", "int64", [4, 50])],
    ["mask", g.input("mask", "int64", [4, 50])],
  ]);
  const rows = g.gather(g.input("table", "float32", [7, 3]), inputs.get("ids")!, 0);
  const draw = (seed: number) => randomInputs(inputs, [rows], randomStream(seed, "check"));
  const { x, ids, mask } = draw(1);
  expect(new Set(ids!.data)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
  expect(new Set(mask!.data)).toEqual(new Set([0, 1]));
  mask!.data.forEach((bit, i) => {
    if (i % 50 === 0) expect(bit).toBe(1);
    else expect(bit + mask!.data[i - 1]!).toBeGreaterThan(0);
  });
  expect(x!.data.some((value) => value < 0)).toBe(true);
  expect(draw(1)).toEqual(draw(1));
  expect(draw(2).x).not.toEqual(x);
});
