import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { referenceEngine } from "../engine/reference/engine.ts";
import { readModel } from "../onnx/decode.ts";
import { checkModel } from "./checkModel.ts";

const folder = new URL("../../testdata/tensorflow/", import.meta.url);

test.each([
  ["attention", 103],
  ["convolutions", 102],
  ["gru", 107],
  ["lstm", 185],
])("what tf2onnx writes of Keras' %s holds, every weight among its %d parameters", async (name, entries) => {
  await using engine = referenceEngine();
  const model = await readModel(await readFile(new URL(`${name}.onnx`, folder)));
  const shapes = Object.fromEntries(model.inputs.map((port) => [port.name, port.shape!.map((d) => Number(d) || 2)]));
  const found = await checkModel({ model, shapes, engine });
  expect(found.comparisons.filter(({ passed }) => !passed)).toEqual([]);
  expect(found.parameters).toBe(entries);
});
