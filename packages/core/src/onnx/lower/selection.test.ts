import { expect, it } from "vitest";
import { gradient } from "../../autodiff/pullBack.ts";
import { evaluateGraph } from "../../engine/reference/interpreter.ts";
import { tensor } from "../../ir/tensor.ts";
import { expectClose } from "../../testing/expectClose.ts";
import { bindModel } from "../bind.ts";
import { readModel } from "../decode.ts";
import { encodeSpec, type NodeSpec } from "../nodeModel.ts";

const none = Number.NEGATIVE_INFINITY;
const truths = (shape: readonly number[], values: readonly number[]) => tensor("bool", shape, Uint8Array.from(values));
const node = (op: string, inputs: readonly string[], output: string, attrs: NodeSpec["attrs"] = {}): NodeSpec => ({
  op,
  inputs,
  outputs: [output],
  attrs,
});

/** Rows of scores of which the second may see nothing; y is their softmax where that is a number, else 0. */
const forms: Readonly<Record<string, readonly NodeSpec[]>> = {
  "where it is no number": [
    node("Softmax", ["scores"], "p"),
    node("IsNaN", ["p"], "lost"),
    node("Where", ["lost", "zero", "p"], "y"),
  ],
  "where it is no number, converted in between": [
    node("Softmax", ["scores"], "q"),
    node("Cast", ["q"], "p", { to: 1 }),
    node("IsNaN", ["p"], "lost"),
    node("Where", ["lost", "zero", "p"], "y"),
  ],
  "by rows": [node("Softmax", ["scores"], "p"), node("Where", ["blind", "zero", "p"], "y")],
  "by rows that are kept": [node("Softmax", ["scores"], "p"), node("Where", ["seeing", "p", "zero"], "y")],
};

it.each(Object.entries(forms))("a softmax that is replaced %s has finite derivatives", async (_, nodes) => {
  const bytes = encodeSpec({
    opset: 17,
    inputs: [{ name: "x", dtype: "float64", shape: [2, 3] }],
    outputs: [{ name: "y" }],
    nodes: [node("Cast", ["x"], "x32", { to: 1 }), node("Add", ["x32", "mask"], "scores"), ...nodes],
    initializers: {
      mask: tensor("float32", [2, 3], [0, 0, none, none, none, none]),
      zero: tensor("float32", [], [0]),
      blind: truths([2, 1], [0, 1]),
      seeing: truths([2, 1], [1, 0]),
    },
  });
  const { g, inputs, outputs } = bindModel(await readModel(bytes), { shapes: { x: [2, 3] }, parameters: [] });
  const x = inputs.get("x")!;
  const y = g.cast(outputs[0]!, "float64");
  const weights = tensor("float64", [2, 3], [1, 3, 5, 7, 9, 11]);
  const [ct] = gradient(g, g.total(g.mul(y, g.constantTensor(weights))), [x]);
  const at = new Map([[x, tensor("float64", [2, 3], [0, Math.log(3), 2, 1, 2, 3])]]);
  const [found, slope] = evaluateGraph(g.build([x], [y, ct!]), at);
  expectClose(found!.data, [0.25, 0.75, 0, 0, 0, 0], "y");
  // p₀ (c₀ − Σ p c) = ¼ (1 − 2.5)
  expectClose(slope!.data, [-0.375, 0.375, 0, 0, 0, 0], "its gradient");
});

it("a condition over single entries leaves a softmax alone", async () => {
  const bytes = encodeSpec({
    opset: 17,
    inputs: [{ name: "x", dtype: "float32", shape: [1, 2] }],
    outputs: [{ name: "y" }],
    nodes: [node("Softmax", ["x"], "p"), node("Where", ["some", "zero", "p"], "y")],
    initializers: { some: truths([1, 2], [1, 0]), zero: tensor("float32", [], [0]) },
  });
  const { g, inputs, outputs } = bindModel(await readModel(bytes), { shapes: { x: [1, 2] }, parameters: [] });
  const x = inputs.get("x")!;
  const at = new Map([[x, tensor("float32", [1, 2], [0, Math.log(3)])]]);
  const [y] = evaluateGraph(g.build([x], outputs), at);
  expectClose(y!.data, [0, 0.75], "y");
  expect(y!.shape).toEqual([1, 2]);
});
