/** Operators that compute where they read or write: differentiable in what is read and in the places. */
import { expect, test } from "vitest";
import { referenceEngine } from "../engine/reference/engine.ts";
import { tensor } from "../ir/tensor.ts";
import { readModel } from "../onnx/decode.ts";
import { type AttrSpec, encodeSpec, type NodeSpec } from "../onnx/nodeModel.ts";
import { normalFloats } from "../testing/smallModels.ts";
import { checkModel } from "./checkModel.ts";

const image = normalFloats([2, 2, 4, 5], 1, "image");
const places = normalFloats([2, 3, 2, 2], 2, "places");
const theta = normalFloats([2, 2, 3], 3, "theta");
const columns = normalFloats([2, 12, 4], 4, "columns");

/** y = tanh(s · node(…)), s the data. */
async function check(nodes: readonly NodeSpec[], parameters: Readonly<Record<string, ReturnType<typeof tensor>>>) {
  const model = await readModel(
    encodeSpec({
      inputs: [{ name: "s", dtype: "float32", shape: [1] }],
      outputs: [{ name: "y", dtype: "float32" }],
      nodes: [
        ...nodes,
        { op: "Mul", inputs: ["sampled", "s"], outputs: ["scaled"] },
        { op: "Tanh", inputs: ["scaled"], outputs: ["y"] },
      ],
      initializers: {
        ...parameters,
        size: tensor("int64", [4], [2, 2, 3, 2]),
        image_shape: tensor("int64", [2], [4, 5]),
        block_shape: tensor("int64", [2], [2, 3]),
      },
    }),
  );
  const names = Object.keys(parameters);
  const found = await checkModel({ model, shapes: { s: [1] }, engine: referenceEngine(), parameters: names });
  expect(found.comparisons.filter(({ passed }) => !passed)).toEqual([]);
  return found;
}

const sample = (attrs: Readonly<Record<string, AttrSpec>>, places = "places"): NodeSpec => ({
  op: "GridSample",
  inputs: ["image", places],
  outputs: ["sampled"],
  attrs,
});

test.each(
  ["linear", "cubic", "nearest"].flatMap((mode) =>
    ["zeros", "border", "reflection"].map((padding) => [mode, padding] as const),
  ),
)("GridSample, %s, with %s outside", async (mode, padding_mode) => {
  const { parameters } = await check([sample({ mode, padding_mode })], { image, places });
  expect(parameters).toBe(2 * 2 * 4 * 5 + 2 * 3 * 2 * 2);
});

test("GridSample over AffineGrid, as a spatial transformer", async () => {
  const grid: NodeSpec = { op: "AffineGrid", inputs: ["theta", "size"], outputs: ["grid"] };
  await check([grid, sample({ align_corners: 1 }, "grid")], { image, theta });
});

test("Col2Im", async () => {
  const attrs = { strides: [1, 2], pads: [0, 0, 0, 1], dilations: [2, 1] };
  const inputs = ["columns", "image_shape", "block_shape"];
  await check([{ op: "Col2Im", inputs, outputs: ["sampled"], attrs }], { columns });
});
