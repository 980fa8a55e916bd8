import { expect, test } from "vitest";
import { ortNodeEngine } from "../engine/ort/ortNode.ts";
import { tensor } from "../ir/tensor.ts";
import { crossEntropy } from "../loss/crossEntropy.ts";
import { squaredError } from "../loss/squaredError.ts";
import { readModel } from "../onnx/decode.ts";
import { encodeSpec } from "../onnx/nodeModel.ts";
import { normalFloats } from "../testing/smallModels.ts";
import { checkModel } from "./checkModel.ts";
import { maskedEntries } from "./maskedOutput.ts";

test("entries count as masked where they stand for −∞ and all else is a thousand times smaller", () => {
  const { NEGATIVE_INFINITY, NaN: nothing, POSITIVE_INFINITY } = Number;
  const hidden = (...prediction: number[]): readonly boolean[] | undefined =>
    maskedEntries(Float64Array.from(prediction));
  expect(hidden(1, -3.4e38, 2)).toEqual([false, true, false]);
  expect(hidden(1, -1e9, NEGATIVE_INFINITY)).toEqual([false, true, true]);
  expect(hidden(50, -2e4)).toBeUndefined(); // a large number
  expect(hidden(1, POSITIVE_INFINITY)).toBeUndefined(); // an overflow
  expect(hidden(nothing, 1)).toBeUndefined();
  expect(hidden(-1e9, -1e9)).toBeUndefined(); // nothing would be left
});

/** Scores of which a fixed mask hides two, as those of tokens that must not be said. */
const hiding = (fill: number): Uint8Array =>
  encodeSpec({
    inputs: [{ name: "x", dtype: "float32", shape: [3, 4] }],
    outputs: [{ name: "y", dtype: "float32", shape: [3, 5] }],
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["a"] },
      { op: "Tanh", inputs: ["a"], outputs: ["b"] },
      { op: "Add", inputs: ["b", "mask"], outputs: ["y"] },
    ],
    initializers: { w: normalFloats([4, 5], 1, "w"), mask: tensor("float32", [5], [0, fill, 0, 0, fill]) },
  });

test.each([
  { loss: squaredError(), fill: -3.4e38 },
  { loss: squaredError(), fill: Number.NEGATIVE_INFINITY },
  { loss: crossEntropy(), fill: -3.4e38 },
])("an output of which $fill hides a part holds: $loss.name", async ({ loss, fill }) => {
  await using engine = ortNodeEngine({ threads: 1 });
  const model = await readModel(hiding(fill));
  const found = await checkModel({ model, shapes: { x: [3, 4] }, engine, loss, parameters: ["w"] });
  expect(found.comparisons.filter(({ passed }) => !passed)).toEqual([]);
  expect(found.masked).toEqual({ entries: 6, of: 15 });
});

test("an output of large numbers, none of them a mask, is left as it is", async () => {
  await using engine = ortNodeEngine({ threads: 1 });
  const found = await checkModel({
    model: await readModel(hiding(-1e3)),
    shapes: { x: [3, 4] },
    engine,
    parameters: ["w"],
  });
  expect(found.masked).toEqual({ entries: 0, of: 15 });
});
