/** Which weights "auto" means: all where the structure has room, the last layer's where it has not. */
import { datasetFromArrays, referenceEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { fitLaplace } from "../fit.ts";
import { network } from "../fixtures/network.ts";
import { gaussian } from "../likelihood/gaussian.ts";
import { randomRows } from "../testing/randomRows.ts";
import type { StructureName } from "./posterior.ts";

const width = 130; // 130 · 70 weights are more than 8192
const model = network({ "0.weight": randomRows(70, width, 1), "2.weight": randomRows(1, 70, 2) }, "tanh", "wide");
const data = datasetFromArrays({ inputs: { x: randomRows(4, width, 3) }, target: randomRows(4, 1, 4) });

test.each([
  ["full", 1],
  ["block-diagonal", 1],
  ["kronecker", 2],
  ["diagonal", 2],
] as [StructureName, number][])("%s: %d of two tensors", async (structure, count) => {
  await using fit = await fitLaplace({
    model,
    data,
    likelihood: gaussian(),
    structure,
    engine: referenceEngine(),
    weights: "auto",
  });
  expect(fit.problem.space.parameters.map(({ name }) => name)).toEqual(["0.weight", "2.weight"].slice(2 - count));
});

test("all of them where there is no room is an error", async () => {
  const all = fitLaplace({
    model,
    data,
    likelihood: gaussian(),
    structure: "full",
    engine: referenceEngine(),
    weights: "all",
  });
  await expect(all).rejects.toThrow("the weights are too many");
});
