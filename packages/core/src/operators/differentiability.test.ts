import { expect, test } from "vitest";
import { NoDerivativeError, UnsupportedModelError } from "../errors.ts";
import { tensor } from "../ir/tensor.ts";
import type { OnnxModel, OnnxNode } from "../onnx/model.ts";
import { differentiability } from "./differentiability.ts";

function node(opType: string, inputs: readonly string[], output: string): OnnxNode {
  return { name: output, opType, domain: "", inputs, outputs: [output], attrs: {} };
}

/** x `[batch, 2]` times a weight `[2, 2]`, with what `nodes` add. */
function model(...nodes: OnnxNode[]): OnnxModel {
  const weight = tensor("float32", [2, 2], [1, 2, 3, 4]);
  return {
    source: "test",
    irVersion: 8,
    opsets: new Map([["", 17]]),
    producer: "",
    inputs: [{ name: "x", dtype: "float32", shape: ["batch", 2] }],
    outputs: [{ name: "y", dtype: "float32", shape: ["batch", 2] }],
    initializers: new Map([["w", { name: "w", dtype: "float32", shape: [2, 2], read: () => weight }]]),
    nodes,
  };
}

const asked = (of: OnnxModel): Parameters<typeof differentiability>[0] => ({
  model: of,
  shapes: { x: [3, 2] },
  parameters: ["w"],
  output: "y",
});

test("each node is told by what derivatives make of it", () => {
  const found = differentiability(
    asked(
      model(
        node("Exp", ["x"], "e"),
        node("MatMul", ["e", "w"], "p"),
        node("Tanh", ["p"], "y"),
        node("Sin", ["p"], "aside"),
      ),
    ),
  );
  expect(Object.fromEntries(found.nodes.map(({ node: { opType }, standing }) => [opType, standing]))).toEqual({
    Exp: "constant",
    MatMul: "differentiated",
    Tanh: "differentiated",
    Sin: "unneeded",
  });
  expect(found.problem).toBeUndefined();
  expect(found.graph?.outputs[0]?.shape).toEqual([3, 2]);
});

test("an operator without a lowering is unsupported, and the reason is told instead of thrown", () => {
  const found = differentiability(asked(model(node("MatMul", ["x", "w"], "p"), node("NoSuch", ["p"], "y"))));
  expect(found.nodes.map(({ standing }) => standing)).toEqual(["differentiated", "unsupported"]);
  expect(found.problem).toBeInstanceOf(UnsupportedModelError);
  expect(found.problem).not.toBeInstanceOf(NoDerivativeError);
  expect(found.graph).toBeUndefined();
});

test("shapes that do not fit are told too", () => {
  const request = asked(model(node("MatMul", ["x", "w"], "y")));
  expect(differentiability({ ...request, shapes: { x: [3, 5] } }).problem?.message).toMatch(/^Cannot/);
});
