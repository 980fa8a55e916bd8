/** Models as skl2onnx writes them: ai.onnx.ml operators, a label beside the probabilities, which ZipMap makes a list of maps. */
import { describe, expect, it, test } from "vitest";
import { referenceEngine } from "../engine/reference/engine.ts";
import { tensor } from "../ir/tensor.ts";
import { crossEntropy } from "../loss/crossEntropy.ts";
import { readModel } from "../onnx/decode.ts";
import { encodeSpec, type ModelSpec, type NodeSpec } from "../onnx/nodeModel.ts";
import { chooseParameters } from "../onnx/select.ts";
import { normalFloats } from "../testing/smallModels.ts";
import { checkModel } from "./checkModel.ts";

const ml = (op: string, name: string, input: string, outputs: readonly string[], attrs: NodeSpec["attrs"] = {}) =>
  ({ op, name, domain: "ai.onnx.ml", inputs: [input], outputs, attrs }) satisfies NodeSpec;

const floats = (count: number, seed: string): number[] => [...normalFloats([count], 1, seed).data];

/** StandardScaler and LogisticRegression in a Pipeline, four features, three classes. */
const nodes: readonly NodeSpec[] = [
  ml("Scaler", "Scaler", "float_input", ["variable"], {
    offset: { floats: [0.5, 1, -1, 0] },
    scale: { floats: [1, 2, 0.5, 1] },
  }),
  ml("LinearClassifier", "LinearClassifier", "variable", ["label", "probability_tensor"], {
    classlabels_ints: [0, 1, 2],
    coefficients: { floats: floats(12, "coefficients") },
    intercepts: { floats: floats(3, "intercepts") },
    multi_class: 1,
    post_transform: "SOFTMAX",
  }),
  ml("Normalizer", "Normalizer", "probability_tensor", ["probabilities"], { norm: "L1" }),
  { op: "Cast", name: "Cast", inputs: ["label"], outputs: ["output_label"], attrs: { to: 7 } },
];
const zipMap = ml("ZipMap", "ZipMap", "probabilities", ["output_probability"], { classlabels_int64s: [0, 1, 2] });

const pipeline = (zipped: boolean): ModelSpec => ({
  opset: 15,
  inputs: [{ name: "float_input", dtype: "float32", shape: ["N", 4] }],
  outputs: [
    { name: "output_label", dtype: "int64", shape: ["N"] },
    zipped ? { name: "output_probability" } : { name: "probabilities", dtype: "float32", shape: ["N", 3] },
  ],
  nodes: zipped ? [...nodes, zipMap] : nodes,
});

async function check(spec: ModelSpec, input = "float_input", columns = 4) {
  const model = await readModel(encodeSpec(spec));
  const shapes = { [input]: [3, columns] };
  const found = await checkModel({ model, shapes, engine: referenceEngine() });
  expect(found.comparisons.filter(({ passed }) => !passed)).toEqual([]);
  return found;
}

describe("a scaled logistic regression", () => {
  it.each([
    ["with ZipMap, whose tensor is the prediction", "output_probability", true],
    ["without ZipMap", "probabilities", false],
  ])("%s", async (_, output, zipped) => {
    expect(await check(pipeline(zipped))).toMatchObject({ output, parameters: 15 });
  });

  it("names its coefficients after the node", async () => {
    const chosen = chooseParameters(await readModel(encodeSpec(pipeline(true)))).filter((one) => one.chosen);
    expect(chosen.map(({ initializer, role }) => [initializer.name, initializer.shape, role])).toEqual([
      ["LinearClassifier.coefficients", [3, 4], "weight"],
      ["LinearClassifier.intercepts", [3], "bias"],
    ]);
  });
});

test("an MLPClassifier: products, sums and activations; the label's branch of indices is left out", async () => {
  const op = (op: string, inputs: readonly string[], outputs: readonly string[], attrs: NodeSpec["attrs"] = {}) =>
    ({ op, name: op, inputs, outputs, attrs }) satisfies NodeSpec;
  const spec: ModelSpec = {
    opset: 15,
    inputs: [{ name: "X", dtype: "float32", shape: ["N", 4] }],
    outputs: [
      { name: "label", dtype: "int64", shape: ["N"] },
      { name: "probabilities", dtype: "float32", shape: ["N", 3] },
    ],
    initializers: {
      coefficient: normalFloats([4, 5], 1, "c0"),
      intercepts: normalFloats([1, 5], 1, "b0"),
      coefficient1: normalFloats([5, 3], 1, "c1"),
      intercepts1: normalFloats([1, 3], 1, "b1"),
      classes: tensor("int32", [3], [0, 1, 2]),
      shape_tensor: tensor("int64", [1], [-1]),
    },
    nodes: [
      op("Cast", ["X"], ["cast_input"], { to: 1 }),
      op("MatMul", ["cast_input", "coefficient"], ["mul_result"]),
      op("Add", ["mul_result", "intercepts"], ["add_result"]),
      op("Relu", ["add_result"], ["next_activations"]),
      op("MatMul", ["next_activations", "coefficient1"], ["mul_result1"]),
      op("Add", ["mul_result1", "intercepts1"], ["add_result1"]),
      op("Softmax", ["add_result1"], ["out_activations_result"], { axis: 1 }),
      op("Identity", ["out_activations_result"], ["probabilities"]),
      op("ArgMax", ["out_activations_result"], ["argmax_output"], { axis: 1 }),
      {
        ...op("ArrayFeatureExtractor", ["classes", "argmax_output"], ["array_feature_extractor_result"]),
        domain: "ai.onnx.ml",
      },
      op("Cast", ["array_feature_extractor_result"], ["cast_result"], { to: 11 }),
      op("Reshape", ["cast_result", "shape_tensor"], ["reshaped_result"]),
      op("Cast", ["reshaped_result"], ["label"], { to: 7 }),
    ],
  };
  expect(await check(spec, "X")).toMatchObject({ output: "probabilities", parameters: 4 * 5 + 5 + 5 * 3 + 3 });
});

test("standardisation and PCA as Sub, Div and MatMul, then a regression", async () => {
  const spec: ModelSpec = {
    opset: 15,
    inputs: [{ name: "X", dtype: "float64", shape: ["N", 4] }],
    outputs: [{ name: "variable", dtype: "float64", shape: ["N", 1] }],
    initializers: {
      Su_Subcst: tensor("float64", [4], [0.5, 1, -1, 0]),
      Di_Divcst: tensor("float64", [4], [1, 2, 0.5, 1]),
      transform_matrix: { ...normalFloats([4, 2], 1, "pca"), dtype: "float64" },
      coef: { ...normalFloats([2, 1], 1, "coef"), dtype: "float64" },
      intercept: tensor("float64", [1], [0.3]),
      shape_tensor: tensor("int64", [2], [-1, 1]),
    },
    nodes: [
      { op: "Sub", inputs: ["X", "Su_Subcst"], outputs: ["Su_C0"] },
      { op: "Div", inputs: ["Su_C0", "Di_Divcst"], outputs: ["Di_C0"] },
      { op: "MatMul", inputs: ["Di_C0", "transform_matrix"], outputs: ["components"] },
      { op: "MatMul", inputs: ["components", "coef"], outputs: ["multiplied"] },
      { op: "Add", inputs: ["multiplied", "intercept"], outputs: ["resh"] },
      { op: "Reshape", inputs: ["resh", "shape_tensor"], outputs: ["variable"] },
    ],
  };
  const found = await check(spec, "X");
  expect(found.parameters).toBeGreaterThanOrEqual(4 * 2 + 2 + 1);
});

test.each([
  ["TreeEnsembleClassifier", /piecewise constant/],
  ["SVMRegressor", /support vector machines/],
])("%s is refused by name and reason", async (op, reason) => {
  const spec: ModelSpec = {
    inputs: [{ name: "X", dtype: "float32", shape: ["N", 4] }],
    outputs: [{ name: "y", dtype: "float32" }],
    nodes: [ml(op, "model", "X", ["y"])],
  };
  const model = await readModel(encodeSpec(spec));
  const attempt = checkModel({ model, shapes: { X: [3, 4] }, engine: referenceEngine(), loss: crossEntropy() });
  await expect(attempt).rejects.toThrow(reason);
  await expect(attempt).rejects.toThrow(/node "model"/);
});
