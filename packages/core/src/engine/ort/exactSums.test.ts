/**
 * Sums into rows that many updates share are exact with the runtime's default threads, run after run. (ONNX Runtime's own
 * ScatterND with addition loses updates there.)
 */
import { afterAll, describe, expect, it } from "vitest";
import { gradient } from "../../autodiff/pullBack.ts";
import { GraphBuilder, graphOf } from "../../ir/builder.ts";
import type { InputValue, Value } from "../../ir/graph.ts";
import { type Tensor, tensor } from "../../ir/tensor.ts";
import { bindModel } from "../../onnx/bind.ts";
import { readModel } from "../../onnx/decode.ts";
import { encodeSpec } from "../../onnx/nodeModel.ts";
import { randomStream } from "../../random/random.ts";
import { evaluateOp } from "../reference/kernels.ts";
import { ortNodeEngine } from "./ortNode.ts";

const [updates, rows, width, runs] = [20_000, 50, 4, 30];

/** Whole numbers, so that float32 adds them exactly in any order. */
const random = randomStream(1, "exact sums");
const indices = Float64Array.from({ length: updates }, () => random.integer(rows));
const values = Float64Array.from({ length: updates * width }, () => random.integer(9) - 4);
const expected = new Float64Array(rows * width);
for (const [i, value] of values.entries()) expected[indices[Math.floor(i / width)]! * width + (i % width)]! += value;

const engine = ortNodeEngine();
afterAll(() => engine[Symbol.asyncDispose]());

async function sameEveryTime(inputs: readonly InputValue[], output: Value, feeds: readonly Tensor[]): Promise<void> {
  await using program = await engine.compile(graphOf(inputs, [output]));
  for (let run = 0; run < runs; run++) {
    const [sum] = await program.run(new Map(inputs.map((input, i) => [input, feeds[i]!])));
    expect([...sum!.data], `run ${run}`).toEqual([...expected]);
  }
}

const updateTensor = tensor("float32", [updates, width], values);

describe("20,000 updates of 50 rows, 30 times", () => {
  it("the gradient of an embedding", async () => {
    const g = new GraphBuilder(evaluateOp);
    const table = g.input("table", "float32", [rows, width]);
    const tokens = g.input("tokens", "int64", [updates]);
    const cotangent = g.input("cotangent", "float32", [updates, width]);
    const loss = g.total(g.mul(cotangent, g.gather(table, tokens, 0)));
    const [slope] = gradient(g, loss, [table]);
    await sameEveryTime([tokens, cotangent], slope!, [tensor("int64", [updates], indices), updateTensor]);
  });

  it.each(["ScatterND", "ScatterElements"])("a model's own %s with addition", async (op) => {
    const whole = op === "ScatterElements";
    const shape = whole ? [updates, width] : [updates, 1];
    const bytes = encodeSpec({
      inputs: [
        { name: "data", dtype: "float32", shape: [rows, width] },
        { name: "indices", dtype: "int64", shape },
        { name: "updates", dtype: "float32", shape: [updates, width] },
      ],
      outputs: [{ name: "y" }],
      nodes: [{ op, inputs: ["data", "indices", "updates"], outputs: ["y"], attrs: { reduction: "add" } }],
    });
    const shapes = { data: [rows, width], indices: shape, updates: [updates, width] };
    const { inputs, outputs } = bindModel(await readModel(bytes), { shapes, parameters: [] });
    const repeated = Float64Array.from({ length: updates * width }, (_, i) => indices[Math.floor(i / width)]!);
    await sameEveryTime([...inputs.values()], outputs[0]!, [
      tensor("float32", [rows, width], new Float32Array(rows * width)),
      tensor("int64", shape, whole ? repeated : indices),
      updateTensor,
    ]);
  });
});
