import { expect, test } from "vitest";
import { datasetFromArrays } from "../data/fromArrays.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { tensor } from "../ir/tensor.ts";
import { squaredError } from "../loss/squaredError.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { ggn } from "./ggn.ts";
import { gradientCost } from "./gradientAndLoss.ts";
import { createProblem, type Problem } from "./problem.ts";

const [rows, width] = [8, 6];

/** f(x) = x W for x `[8, 6]`, W `[6, 6]`, in batches of 4. */
function linearProblem(engine: ReturnType<typeof referenceEngine>): Promise<Problem> {
  const weight = tensor(
    "float32",
    [width, width],
    Array.from({ length: width * width }, (_, i) => Math.sin(i)),
  );
  const model: OnnxModel = {
    source: "linear",
    irVersion: 8,
    opsets: new Map([["", 17]]),
    producer: "",
    inputs: [{ name: "x", dtype: "float32", shape: ["batch", width] }],
    outputs: [{ name: "f", dtype: "float32", shape: ["batch", width] }],
    initializers: new Map([["w", { name: "w", dtype: "float32", shape: [width, width], read: () => weight }]]),
    nodes: [{ name: "f", opType: "MatMul", domain: "", inputs: ["x", "w"], outputs: ["f"], attrs: {} }],
  };
  const x = tensor(
    "float32",
    [rows, width],
    Array.from({ length: rows * width }, (_, i) => Math.cos(i)),
  );
  const data = datasetFromArrays({ inputs: { x }, target: x }, { batchSize: 4 });
  return createProblem({ model, data, loss: squaredError(), engine });
}

/** Of one [rows, width] × [width, width] product. */
const product = 2 * rows * width * width;

test("a gradient of a linear layer is two matrix products, over all batches", async () => {
  await using engine = referenceEngine();
  await using problem = await linearProblem(engine);
  const cost = gradientCost(problem);
  expect(cost.productFlops).toBe(2 * product);
  expect(cost.flops).toBeGreaterThan(cost.productFlops);
  expect(cost.runs).toBe(2);
});

test("a GGN product is two matrix products, and more vectors at once take more memory", async () => {
  await using engine = referenceEngine();
  await using problem = await linearProblem(engine);
  for (const residuals of ["keep", "recompute"] as const) {
    await using operator = ggn(problem, { residuals });
    const one = operator.cost();
    expect(one.productFlops).toBe(2 * product);
    expect(one.runs).toBe(2);
    expect(operator.cost(8).productFlops).toBe(one.productFlops);
    expect(operator.cost(8).peakBytes).toBeGreaterThan(2 * one.peakBytes);
  }
});
