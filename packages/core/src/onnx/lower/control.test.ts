import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../../engine/reference/interpreter.ts";
import { type Tensor, tensor } from "../../ir/tensor.ts";
import { expectClose } from "../../testing/expectClose.ts";
import { bindModel } from "../bind.ts";
import { readModel } from "../decode.ts";
import { encodeSpec, type GraphSpec, type NodeSpec } from "../nodeModel.ts";

const int = (value: number): Tensor => tensor("int64", [], Float64Array.of(value));
const truth = (value: boolean): Tensor => tensor("bool", [], Uint8Array.of(Number(value)));

async function evaluate(
  nodes: readonly NodeSpec[],
  initializers: Readonly<Record<string, Tensor>>,
  x: Tensor,
  opset = 21,
): Promise<Tensor> {
  const spec = {
    opset,
    inputs: [{ name: "x", dtype: x.dtype, shape: x.shape }],
    outputs: [{ name: "y" }],
    nodes,
    initializers,
  };
  const { g, inputs, outputs } = bindModel(await readModel(encodeSpec(spec)), {
    shapes: { x: x.shape },
    parameters: [],
  });
  const feeds = new Map([...inputs.values()].map((input) => [input, x]));
  return evaluateGraph(g.build([...inputs.values()], outputs), feeds)[0]!;
}

const vector = (...values: number[]): Tensor => tensor("float32", [values.length], values);

/** s ← s · x + round; also scans s. The graph around holds x. */
const horner: GraphSpec = {
  inputs: [{ name: "round" }, { name: "going" }, { name: "s" }],
  outputs: [{ name: "going" }, { name: "next" }, { name: "s" }],
  nodes: [
    { op: "Mul", inputs: ["s", "x"], outputs: ["product"] },
    { op: "Cast", inputs: ["round"], outputs: ["term"], attrs: { to: 1 } },
    { op: "Add", inputs: ["product", "term"], outputs: ["next"] },
  ],
};

describe("Loop", () => {
  const loop = (outputs: readonly string[], body: GraphSpec = horner): NodeSpec => ({
    op: "Loop",
    inputs: ["count", "", "start"],
    outputs,
    attrs: { body: { graph: body } },
  });

  it("runs its body as often as it says, with the values around it", async () => {
    const y = await evaluate([loop(["y", ""])], { count: int(4), start: vector(1) }, vector(2));
    expectClose(y.data, [27], "(((1·2 + 0)·2 + 1)·2 + 2)·2 + 3");
  });

  it("sets what it scans one after the other", async () => {
    const y = await evaluate([loop(["", "y"])], { count: int(3), start: vector(1) }, vector(2));
    expect(y.shape).toEqual([3, 1]);
    expectClose(y.data, [1, 2, 5], "s before each round");
  });

  it("ends when its condition does, if that follows from constants", async () => {
    const body: GraphSpec = {
      ...horner,
      outputs: [{ name: "more" }, { name: "next" }, { name: "s" }],
      initializers: { two: int(2) },
      nodes: [...horner.nodes, { op: "Less", inputs: ["round", "two"], outputs: ["more"] }],
    };
    const y = await evaluate([loop(["y", ""], body)], { count: int(100), start: vector(1) }, vector(2));
    expectClose(y.data, [12], "three rounds");
  });

  it("is refused where its condition depends on the data", async () => {
    const body: GraphSpec = {
      ...horner,
      outputs: [{ name: "more" }, { name: "next" }, { name: "s" }],
      nodes: [
        ...horner.nodes,
        { op: "ReduceSum", inputs: ["next"], outputs: ["sum"], attrs: { keepdims: 0 } },
        { op: "Less", inputs: ["sum", "sum"], outputs: ["more"] },
      ],
    };
    await expect(
      evaluate([loop(["y", ""], body)], { count: int(3), start: vector(1) }, vector(2)),
    ).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UnsupportedModelError: Cannot use Loop as whether it goes on depends on the data
        at        node "y"
        try       export the model with a fixed number of rounds]
    `);
  });

  it("carries a sequence", async () => {
    const body: GraphSpec = {
      inputs: [{ name: "round" }, { name: "going" }, { name: "list" }],
      outputs: [{ name: "going" }, { name: "longer" }],
      nodes: [
        { op: "Cast", inputs: ["round"], outputs: ["term"], attrs: { to: 1 } },
        { op: "Mul", inputs: ["x", "term"], outputs: ["item"] },
        { op: "SequenceInsert", inputs: ["list", "item"], outputs: ["longer"] },
      ],
    };
    const nodes: NodeSpec[] = [
      { op: "SequenceEmpty", inputs: [], outputs: ["empty"] },
      { op: "Loop", inputs: ["count", "", "empty"], outputs: ["list"], attrs: { body: { graph: body } } },
      { op: "ConcatFromSequence", inputs: ["list"], outputs: ["y"], attrs: { axis: 0 } },
    ];
    expectClose((await evaluate(nodes, { count: int(3) }, vector(5, 7))).data, [0, 0, 5, 7, 10, 14], "x, repeated");
  });
});

describe("Scan", () => {
  const body: GraphSpec = {
    inputs: [{ name: "s" }, { name: "e" }],
    outputs: [{ name: "next" }, { name: "next" }],
    nodes: [
      { op: "Mul", inputs: ["s", "two"], outputs: ["doubled"] },
      { op: "Add", inputs: ["doubled", "e"], outputs: ["next"] },
    ],
    initializers: { two: tensor("float32", [], [2]) },
  };
  const scan = (attrs: NodeSpec["attrs"]): NodeSpec => ({
    op: "Scan",
    inputs: ["zero", "x"],
    outputs: ["", "y"],
    attrs: { body: { graph: body }, num_scan_inputs: 1, ...attrs },
  });
  const x = tensor("float32", [2, 3], [1, 2, 3, 4, 5, 6]);

  it.each([
    ["rows", {}, vector(0, 0, 0), [1, 2, 3, 6, 9, 12]],
    ["columns", { scan_input_axes: [1], scan_output_axes: [1] }, vector(0, 0), [1, 4, 11, 4, 13, 32]],
  ] as const)("walks %s", async (_, attrs, zero, expected) => {
    const y = await evaluate([scan(attrs)], { zero }, x);
    expect(y.shape).toEqual([2, 3]);
    expectClose(y.data, expected, "s ← 2s + e");
  });

  it("of opset 8 scans the examples of its first axis one by one", async () => {
    const initializers = { zero: tensor("float32", [2, 1], [0, 100]) };
    const node: NodeSpec = {
      op: "Scan",
      inputs: ["", "zero", "x"],
      outputs: ["", "y"],
      attrs: { body: { graph: body }, num_scan_inputs: 1 },
    };
    const y = await evaluate([node], initializers, tensor("float32", [2, 3, 1], [1, 2, 3, 4, 5, 6]), 8);
    expect(y.shape).toEqual([2, 3, 1]);
    expectClose(y.data, [1, 4, 11, 204, 413, 832], "s ← 2s + e");
  });

  it("walks backwards, and sets results in the order of the input", async () => {
    const y = await evaluate(
      [scan({ scan_input_directions: [1], scan_output_directions: [1] })],
      { zero: vector(0, 0, 0) },
      x,
    );
    expectClose(y.data, [9, 12, 15, 4, 5, 6], "the last row first");
  });
});

describe("If", () => {
  const branch = (op: string): { graph: GraphSpec } => ({
    graph: { outputs: [{ name: "r" }], nodes: [{ op, inputs: ["x"], outputs: ["r"] }] },
  });
  const node: NodeSpec = {
    op: "If",
    inputs: ["c"],
    outputs: ["y"],
    attrs: { then_branch: branch("Neg"), else_branch: branch("QuantizeLinear") },
  };

  it("is its branch; the other one may be anything", async () => {
    expectClose((await evaluate([node], { c: truth(true) }, vector(3))).data, [-3], "the first");
  });

  it("is refused where the branch cannot be used, or where it depends on the data", async () => {
    await expect(evaluate([node], { c: truth(false) }, vector(3))).rejects.toThrow(
      /Cannot use QuantizeLinear as the model is quantised/,
    );
    const nodes: NodeSpec[] = [
      { op: "ReduceSum", inputs: ["x"], outputs: ["sum"], attrs: { keepdims: 0 } },
      { op: "Less", inputs: ["sum", "zero"], outputs: ["c"] },
      node,
    ];
    await expect(evaluate(nodes, { zero: tensor("float32", [], [0]) }, vector(3))).rejects.toThrow(
      /Cannot use If as its input 0 depends on the data/,
    );
  });
});

describe("sequences", () => {
  const x = tensor("float32", [5], [1, 2, 3, 4, 5]);
  const split = (inputs: readonly string[], attrs: NodeSpec["attrs"] = {}): NodeSpec => ({
    op: "SplitToSequence",
    inputs,
    outputs: ["parts"],
    attrs: { axis: 0, ...attrs },
  });
  const at = (position: string): NodeSpec => ({ op: "SequenceAt", inputs: ["parts", position], outputs: ["y"] });

  it.each([
    ["of one element", split(["x"]), 1, [2]],
    ["of one element without its axis", split(["x"], { keepdims: 0 }), -1, [5]],
    ["of a size, the last one smaller", split(["x", "two"]), 2, [5]],
    ["of given sizes", split(["x", "sizes"]), 1, [4, 5]],
  ] as const)("parts %s", async (_, node, position, expected) => {
    const initializers = { p: int(position), two: int(2), sizes: tensor("int64", [2], [3, 2]) };
    expectClose((await evaluate([node, at("p")], initializers, x)).data, expected, "the part");
  });

  it("are refused as tensors, with the node named", async () => {
    await expect(
      evaluate([split(["x"]), { op: "Neg", inputs: ["parts"], outputs: ["y"] }], {}, x),
    ).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UnsupportedModelError: Cannot use Neg as an input is a sequence, not a tensor
        at        node "y"
        input     parts]
    `);
  });

  it("insert, erase, count and join", async () => {
    const nodes: NodeSpec[] = [
      split(["x"]),
      { op: "SequenceErase", inputs: ["parts", "one"], outputs: ["fewer"] },
      { op: "SequenceInsert", inputs: ["fewer", "x2", "one"], outputs: ["more"] },
      { op: "SequenceLength", inputs: ["more"], outputs: ["count"] },
      { op: "Cast", inputs: ["count"], outputs: ["length"], attrs: { to: 1 } },
      { op: "ConcatFromSequence", inputs: ["more"], outputs: ["joined"], attrs: { axis: 0 } },
      { op: "Mul", inputs: ["joined", "length"], outputs: ["y"] },
    ];
    const y = await evaluate(nodes, { one: int(1), x2: vector(9) }, x);
    expectClose(y.data, [5, 45, 15, 20, 25], "1 9 3 4 5, times 5");
  });
});
