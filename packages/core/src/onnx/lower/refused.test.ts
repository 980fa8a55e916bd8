import { describe, expect, it } from "vitest";
import { UnsupportedModelError } from "../../errors.ts";
import { tensor } from "../../ir/tensor.ts";
import { bindModel } from "../bind.ts";
import { readModel } from "../decode.ts";
import { encodeSpec, type NodeSpec } from "../nodeModel.ts";
import { lowerings } from "./index.ts";
import { refusalOf, refused } from "./refused.ts";

async function bind(node: NodeSpec): Promise<unknown> {
  const bytes = encodeSpec({
    inputs: [{ name: "x", dtype: "float32", shape: [2, 3] }],
    outputs: [{ name: "y" }],
    nodes: [node],
    initializers,
  });
  return bindModel(await readModel(bytes), { shapes: { x: [2, 3] }, parameters: [] });
}

const initializers = {
  yes: tensor("bool", [], Uint8Array.of(1)),
  half: tensor("float32", [], [0.5]),
  v: tensor("float32", [3], [1, 1, 1]),
};

describe("operators that are refused", () => {
  it("have a reason, and no lowering", () => {
    expect(refused.filter((key) => key in lowerings)).toEqual([]);
    expect(refusalOf("NoSuchOperator")).toBe("it is not supported");
  });

  it.each(refused)("%s: the error names node, operator and reason", async (key) => {
    const [op = "", domain] = key.split(":").reverse();
    const error: unknown = await bind({
      op,
      name: "/the/node",
      inputs: ["x"],
      outputs: ["y"],
      ...(domain ? { domain } : {}),
    }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UnsupportedModelError);
    expect((error as Error).message).toContain(`Cannot use ${key} as ${refusalOf(key)}`);
    expect((error as Error).message).toContain('node "/the/node"');
  });

  it.each([
    [
      "training-mode dropout",
      { op: "Dropout", inputs: ["x", "half", "yes"], outputs: ["y"] },
      /Cannot use Dropout as it is in training mode/,
    ],
    [
      "training-mode normalisation",
      { op: "BatchNormalization", inputs: ["x", "v", "v", "v", "v"], outputs: ["y"], attrs: { training_mode: 1 } },
      /Cannot use BatchNormalization as it is in training mode/,
    ],
    [
      "positions that depend on the data",
      { op: "NonZero", inputs: ["x"], outputs: ["y"] },
      /Cannot use NonZero as its input 0 depends on the data/,
    ],
    [
      "strings",
      { op: "Cast", inputs: ["x"], outputs: ["y"], attrs: { to: 8 } },
      /Cannot use Cast as its target type is not supported/,
    ],
  ] as const)("%s", async (_, node, message) => {
    await expect(bind(node)).rejects.toThrow(message);
  });
});
