/** Weights that PyTorch standardises by a batch normalisation in training mode over them, as BiT's and NFNets' convolutions. */
import { expect, test } from "vitest";
import { referenceEngine } from "../engine/reference/engine.ts";
import { evaluateGraph } from "../engine/reference/interpreter.ts";
import { tensor } from "../ir/tensor.ts";
import { bindModel } from "../onnx/bind.ts";
import { readModel } from "../onnx/decode.ts";
import { encodeSpec } from "../onnx/nodeModel.ts";
import { expectClose } from "../testing/expectClose.ts";
import { normalFloats } from "../testing/smallModels.ts";
import { checkModel } from "./checkModel.ts";

const weight = normalFloats([4, 2, 3, 3], 1, "weight");
const gain = tensor("float32", [4], [1, 2, 0.5, -1]);
const epsilon = 0.01;

const bytes = encodeSpec({
  opset: 17,
  inputs: [{ name: "x", dtype: "float32", shape: ["N", 2, 5, 5] }],
  outputs: [{ name: "y", dtype: "float32" }],
  initializers: {
    "conv.weight": weight,
    "conv.gain": gain,
    zeros: tensor("float32", [4], [0, 0, 0, 0]),
    flat: tensor("int64", [3], [1, 4, -1]),
    whole: tensor("int64", [4], [4, 2, 3, 3]),
  },
  nodes: [
    { op: "Reshape", inputs: ["conv.weight", "flat"], outputs: ["rows"] },
    {
      op: "BatchNormalization",
      inputs: ["rows", "conv.gain", "zeros", "zeros", "zeros"],
      outputs: ["standard", "mean", "variance"],
      attrs: { training_mode: 1, momentum: { float: 1 }, epsilon: { float: epsilon } },
    },
    { op: "Reshape", inputs: ["standard", "whole"], outputs: ["w"] },
    { op: "Conv", inputs: ["x", "w"], outputs: ["y"] },
  ],
});

test("the derivatives go through the statistics", async () => {
  const model = await readModel(bytes);
  const shapes = { x: [2, 2, 5, 5] };
  const parameters = ["conv.weight", "conv.gain"];
  const found = await checkModel({ model, shapes, engine: referenceEngine(), parameters });
  expect(found).toMatchObject({ passed: true, parameters: 4 * 2 * 9 + 4 });
  const byRole = await checkModel({ model, shapes, engine: referenceEngine() });
  expect(byRole.passed).toBe(true);
});

test("every filter has its gain for deviation", async () => {
  const model = await readModel(bytes);
  const shapes = { x: [1, 2, 5, 5] };
  const { g, outputs } = bindModel(model, { shapes, parameters: [], outputs: ["w"] });
  const [w] = evaluateGraph(g.build([], outputs), new Map());
  const size = 18;
  const filters = Array.from({ length: 4 }, (_, i) => Array.from(weight.data.slice(i * size, (i + 1) * size), Number));
  const expected = filters.flatMap((filter, i) => {
    const mean = filter.reduce((sum, x) => sum + x, 0) / size;
    const variance = filter.reduce((sum, x) => sum + (x - mean) ** 2, 0) / size;
    return filter.map((x) => (Number(gain.data[i]) * (x - mean)) / Math.sqrt(variance + epsilon));
  });
  expectClose(w!.data, expected, "weights", { relative: 1e-6, absolute: 1e-6 });
});
