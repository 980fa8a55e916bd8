import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { tfjsEngine } from "../engine/tfjs/tfjsEngine.ts";
import { runCase } from "./compare.ts";
import { runOnnxNodeCases } from "./onnxNode.ts";

const folder = (name: string): string => fileURLToPath(new URL(`../../testdata/${name}`, import.meta.url));

it.each(["cpu", "wasm"] as const)("conformance cases on TensorFlow.js, %s", { timeout: 60_000 }, async (backend) => {
  await using engine = await tfjsEngine({ backend });
  for (const name of ["attn_ce_mean", "conv_grouped_strided_dilated_mse_mean", "tied_mixed_bias_mse_mean"]) {
    const { keys } = await runCase(folder(`conformance/${name}`), engine);
    expect(keys.length).toBeGreaterThan(5);
    expect(keys.filter((key) => !key.passed)).toEqual([]);
  }
});

it("ONNX's operator tests on TensorFlow.js: all but scatters that multiply or select", {
  timeout: 60_000,
}, async () => {
  await using engine = await tfjsEngine({ backend: "cpu" });
  const results = await runOnnxNodeCases(folder("onnx-node/cases.npz"), { engine });
  const others = results.filter(({ outcome }) => outcome !== "passed");
  expect(others.map(({ name }) => name).sort()).toMatchInlineSnapshot(`
    [
      "test_scatter_elements_with_reduction_max",
      "test_scatter_elements_with_reduction_min",
      "test_scatter_elements_with_reduction_mul",
      "test_scatternd_max",
      "test_scatternd_max_with_element_indices",
      "test_scatternd_min",
      "test_scatternd_min_with_element_indices",
      "test_scatternd_multiply",
    ]
  `);
  for (const { reason } of others) expect(reason).toContain("Cannot run ScatterElements on TensorFlow.js");
});
