import type { onnx } from "onnx-proto";
import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../engine/reference/interpreter.ts";
import { tensor } from "../ir/tensor.ts";
import { expectClose } from "../testing/expectClose.ts";
import { bindModel } from "./bind.ts";
import { readModel } from "./decode.ts";
import { encodeSpec, type ModelSpec, type NodeSpec, nodeProto } from "./nodeModel.ts";
import { messages } from "./proto.ts";

const { FLOAT } = messages.AttributeProto.AttributeType;

/** A function's message. */
const localFunction = (
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  nodes: readonly onnx.INodeProto[],
): onnx.IFunctionProto => ({
  name,
  domain: "local",
  input: [...inputs],
  output: [...outputs],
  node: [...nodes],
  opsetImport: [{ domain: "", version: 21 }],
});

const call = (op: string, input: string, output: string, attrs: NodeSpec["attrs"] = {}): NodeSpec => ({
  op,
  domain: "local",
  inputs: [input],
  outputs: [output],
  attrs,
});

async function evaluate(bytes: Uint8Array, x: readonly number[]): Promise<number[]> {
  const { g, inputs, outputs } = bindModel(await readModel(bytes), { shapes: { x: [x.length] }, parameters: [] });
  const feeds = new Map([...inputs.values()].map((input) => [input, tensor("float32", [x.length], [...x])]));
  return Array.from(evaluateGraph(g.build([...inputs.values()], outputs), feeds)[0]!.data);
}

const spec = (nodes: readonly NodeSpec[], functions: readonly onnx.IFunctionProto[]): ModelSpec => ({
  inputs: [{ name: "x", dtype: "float32", shape: ["n"] }],
  outputs: [{ name: "y", dtype: "float32" }],
  nodes,
  functions,
});

/** t = −x, y = t · t: its inner name is used by every call. */
const squareOfNegative = localFunction(
  "Square",
  ["a"],
  ["b"],
  [
    nodeProto({ op: "Neg", inputs: ["a"], outputs: ["t"] }),
    nodeProto({ op: "Mul", inputs: ["t", "t"], outputs: ["b"] }),
  ],
);

/** LeakyRelu whose slope is the call's attribute "slope". */
const leaky = localFunction(
  "Leaky",
  ["a"],
  ["b"],
  [
    {
      ...nodeProto({ op: "LeakyRelu", inputs: ["a"], outputs: ["b"] }),
      attribute: [{ name: "alpha", refAttrName: "slope", type: FLOAT }],
    },
  ],
);

describe("model-local functions", () => {
  it("are inlined, each call with names of its own", async () => {
    const nodes = [call("Square", "x", "s"), call("Square", "s", "y")];
    expectClose(await evaluate(encodeSpec(spec(nodes, [squareOfNegative])), [2, -3]), [16, 81], "x⁴");
  });

  it("call other functions", async () => {
    const twice = localFunction(
      "Twice",
      ["a"],
      ["b"],
      [
        nodeProto({ op: "Square", domain: "local", inputs: ["a"], outputs: ["t"] }),
        nodeProto({ op: "Square", domain: "local", inputs: ["t"], outputs: ["b"] }),
      ],
    );
    expectClose(
      await evaluate(encodeSpec(spec([call("Twice", "x", "y")], [twice, squareOfNegative])), [2]),
      [16],
      "x⁴",
    );
  });

  it("take attributes from the call", async () => {
    const bytes = encodeSpec(spec([call("Leaky", "x", "y", { slope: { float: 0.25 } })], [leaky]));
    expectClose(await evaluate(bytes, [-4, 8]), [-1, 8], "slope ¼");
  });

  it("use ONNX's default where the call does not give an attribute", async () => {
    expectClose(await evaluate(encodeSpec(spec([call("Leaky", "x", "y")], [leaky])), [-100]), [-1], "slope 0.01", {
      relative: 1e-6,
      absolute: 0,
    });
  });

  it("use their own default where they have one", async () => {
    const bytes = encodeSpec(spec([call("Leaky", "x", "y")], [leaky]));
    expectClose(await evaluate(withDefault(bytes, { name: "slope", type: FLOAT, f: 0.5 }), [-4]), [-2], "slope ½");
  });

  it("pass attributes into graphs inside them, and rename what those see", async () => {
    const branch = (op: string): onnx.IGraphProto => ({
      node: [
        {
          ...nodeProto({ op, inputs: ["t"], outputs: ["r"] }),
          attribute: [{ name: "alpha", refAttrName: "slope", type: FLOAT }],
        },
      ],
      output: [{ name: "r" }],
    });
    const graph = messages.AttributeProto.AttributeType.GRAPH;
    const chosen = localFunction(
      "Chosen",
      ["a"],
      ["b"],
      [
        nodeProto({ op: "Neg", inputs: ["a"], outputs: ["t"] }),
        nodeProto({
          op: "Constant",
          inputs: [],
          outputs: ["c"],
          attrs: { value: { tensor: tensor("bool", [], Uint8Array.of(1)) } },
        }),
        {
          ...nodeProto({ op: "If", inputs: ["c"], outputs: ["b"] }),
          attribute: [
            { name: "then_branch", type: graph, g: branch("LeakyRelu") },
            { name: "else_branch", type: graph, g: branch("Elu") },
          ],
        },
      ],
    );
    const bytes = encodeSpec(spec([call("Chosen", "x", "y", { slope: { float: 0.5 } })], [chosen]));
    expectClose(await evaluate(bytes, [4]), [-2], "leaky(−4)");
  });

  it("are read in the version that they say, not the model's", async () => {
    // Softmax before opset 13 is over all axes from its own on.
    const softmax = { op: "Softmax", attrs: { axis: 0 } };
    const body = [nodeProto({ ...softmax, inputs: ["a"], outputs: ["b"] })];
    const old = { ...localFunction("Old", ["a"], ["b"], body), opsetImport: [{ domain: "", version: 11 }] };
    const total = async (node: Omit<NodeSpec, "inputs" | "outputs">): Promise<number> => {
      const inputs = [{ name: "x", dtype: "float32", shape: [2, 2] }] as const;
      const bytes = encodeSpec({ ...spec([{ ...node, inputs: ["x"], outputs: ["y"] }], [old]), inputs });
      const { g, inputs: fed, outputs } = bindModel(await readModel(bytes), { shapes: { x: [2, 2] }, parameters: [] });
      const feeds = new Map([...fed.values()].map((input) => [input, tensor("float32", [2, 2], [1, 2, 3, 4])]));
      return evaluateGraph(g.build([...fed.values()], [g.total(outputs[0]!)]), feeds)[0]!.data[0]!;
    };
    expectClose([await total({ op: "Old", domain: "local" }), await total(softmax)], [1, 2], "one sum, and two");
  });

  it("that call themselves are refused", async () => {
    const endless = localFunction(
      "Endless",
      ["a"],
      ["b"],
      [nodeProto({ op: "Endless", domain: "local", inputs: ["a"], outputs: ["b"] })],
    );
    await expect(readModel(encodeSpec(spec([call("Endless", "x", "y")], [endless])))).rejects.toThrow(
      /a function calls itself/,
    );
  });
});

/** The model with an `attribute_proto` (field 11) added to its only function (field 25, the last of the message). */
function withDefault(model: Uint8Array, attribute: onnx.IAttributeProto): Uint8Array {
  const decoded = messages.ModelProto.decode(model);
  const [body] = decoded.functions;
  decoded.functions = [];
  const bytes = messages.FunctionProto.encode(body!).finish();
  const extra = messages.AttributeProto.encode(attribute).finish();
  const fn = Uint8Array.from([...bytes, 0x5a, extra.length, ...extra]);
  return Uint8Array.from([...messages.ModelProto.encode(decoded).finish(), 0xca, 0x01, fn.length, ...fn]);
}
