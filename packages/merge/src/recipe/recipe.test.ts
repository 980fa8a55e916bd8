import { describe, expect, it } from "vitest";
import { placesOf } from "../models/layers.ts";
import { valueAt } from "./parameterValue.ts";
import { parseRecipe } from "./recipe.ts";

describe("parseRecipe", () => {
  it("reads what people coming from mergekit write", () => {
    const recipe = parseRecipe(
      `
merge_method: ties
base_model: base.onnx
models:
  - model: a.onnx
    parameters: { weight: 0.5, density: [0.2, 0.8] }
  - model: b.onnx
    parameters:
      weight:
        - filter: "*.bias"
          value: 0
        - value: [0, 1]
parameters: { normalize: true, lambda: 1 }
`,
      "recipe.yaml",
    );
    expect(recipe).toMatchObject({ merge_method: "ties", loss: "cross-entropy", select: "mean" });
    expect(recipe.models[1]?.parameters?.weight).toEqual([{ filter: "*.bias", value: 0 }, { value: [0, 1] }]);
  });

  it.each([
    [
      "models: [{ model: a.onnx, wieght: 1 }]\nmerge_method: linear",
      /at +recipe\.yaml › models › 0\n +found +wieght\n +try +(weights|one of)/,
    ],
    ["models: [{ model: a.onnx, parameters: { wieght: 1 } }]\nmerge_method: linear", /found +wieght\n +try +weight\?/],
    [
      "models: [{ model: a.onnx, data: { file: x.npz, sclae: 1 } }]\nmerge_method: linear",
      /found +sclae\n +try +scale\?/,
    ],
    ["modles: []\nmerge_method: linear\nmodels: [{ model: a.onnx }]", /found +modles\n +try +models\?/],
    ["merge_method: tie\nmodels: [{ model: a.onnx }]", /at +recipe\.yaml › merge_method\n +expected +one of/],
    ["merge_method: [", /not YAML/],
  ])("says what is wrong with %j", (text, message) => {
    expect(() => parseRecipe(text, "recipe.yaml")).toThrow(message);
  });
});

describe("valueAt", () => {
  const places = placesOf(["fc0.weight", "fc0.bias", "fc1.weight", "fc1.bias", "fc2.weight"]);
  const at = (value: Parameters<typeof valueAt>[0]): (number | boolean)[] =>
    places.map((place) => valueAt(value, place, "weight"));

  it("is one for all, linear over depth, or by filter", () => {
    expect(at(0.3)).toEqual([0.3, 0.3, 0.3, 0.3, 0.3]);
    expect(at([0, 1])).toEqual([0, 0, 0.5, 0.5, 1]);
    expect(at([0, 4, 5])).toEqual([0, 0, 4, 4, 5]);
    expect(at([{ filter: "*.bias", value: 7 }, { filter: "fc1", value: [2, 4] }, { value: 1 }])).toEqual([
      1, 7, 3, 7, 1,
    ]);
    expect(() => at([{ filter: "fc0", value: 1 }])).toThrow("no filter of the recipe matches it");
  });
});
