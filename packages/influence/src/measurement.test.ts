import {
  createProblem,
  datasetFromArrays,
  gradientAndLoss,
  type OnnxModel,
  referenceEngine,
  tensor,
} from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { type MeasurementSpec, measurementOf } from "./measurement.ts";

const engine = referenceEngine();
const [rows, width, classes] = [5, 3, 4];
const x = Float64Array.from({ length: rows * width }, (_, i) => Math.sin(3 * i + 1));
const labels = Float64Array.of(0, 3, 1, 1, 2);
const weight = Float64Array.from({ length: classes * width }, (_, i) => 4 * Math.cos(2 * i));

function linearModel(w: Float64Array): OnnxModel {
  const value = tensor("float32", [classes, width], w);
  return {
    source: "linear",
    irVersion: 8,
    opsets: new Map([["", 20]]),
    producer: "",
    inputs: [{ name: "x", dtype: "float32", shape: ["rows", width] }],
    outputs: [{ name: "f", dtype: "float32", shape: ["rows", classes] }],
    initializers: new Map([["w", { name: "w", dtype: "float32", shape: [classes, width], read: () => value }]]),
    nodes: [
      {
        name: "f",
        opType: "Gemm",
        domain: "",
        inputs: ["x", "w"],
        outputs: ["f"],
        attrs: { transB: { kind: "int", value: 1 } },
      },
    ],
  };
}

/** Σ over rows of the measurement, and its gradient. */
async function measured(spec: MeasurementSpec, w = weight): Promise<{ value: number; gradient: Float64Array }> {
  const inputs = { x: tensor("float32", [rows, width], x) };
  const target = tensor("int64", [rows], labels);
  await using problem = await createProblem({
    model: linearModel(w),
    data: datasetFromArrays({ inputs, target }, { batchSize: 3 }),
    loss: await measurementOf(spec, { name: "cross-entropy", reduction: "sum" }),
    engine,
  });
  const { loss, gradient } = await gradientAndLoss(problem);
  return { value: loss, gradient };
}

/** By formula, in plain loops. */
function expected(f: (logits: number[], y: number) => number): number {
  let sum = 0;
  for (let n = 0; n < rows; n++) {
    const logits = Array.from({ length: classes }, (_, c) =>
      Array.from({ length: width }, (__, j) => weight[c * width + j]! * x[n * width + j]!).reduce((a, b) => a + b),
    );
    sum += f(logits, labels[n]!);
  }
  return sum;
}

const formulas = {
  logit: (f: number[], y: number) => -f[y]!,
  margin: (f: number[], y: number) => Math.log(f.reduce((sum, v, c) => sum + (c === y ? 0 : Math.exp(v)), 0)) - f[y]!,
  prediction: (f: number[]) => f.reduce((a, b) => a + b),
};

describe("measurements", () => {
  it.each(Object.keys(formulas) as (keyof typeof formulas)[])("%s is its formula, with its gradient", async (name) => {
    const { value, gradient } = await measured(name);
    expect(value).toBeCloseTo(expected(formulas[name]), 10);
    for (const at of [0, 4, 11]) {
      const [h, up, down] = [1e-5, weight.slice(), weight.slice()];
      up[at]! += h;
      down[at]! -= h;
      const slope = ((await measured(name, up)).value - (await measured(name, down)).value) / (2 * h);
      expect(gradient[at]!).toBeCloseTo(slope, 7);
    }
  });

  it.each(["logit", "margin"] as const)("%s of binary labels is −(2y − 1) f, summed", async (name) => {
    const binary = Float64Array.from({ length: rows * classes }, (_, at) => Number(at % 3 === 0));
    const loss = await measurementOf(name, { name: "bce-with-logits", reduction: "sum" });
    const inputs = { x: tensor("float32", [rows, width], x) };
    const target = tensor("float32", [rows, classes], binary);
    const data = datasetFromArrays({ inputs, target }, { batchSize: 3 });
    await using problem = await createProblem({ model: linearModel(weight), data, loss, engine });
    let row = 0;
    const sum = expected((f) => {
      const signs = f.map((_, c) => 2 * binary[row * classes + c]! - 1);
      row++;
      return -f.reduce((total, v, c) => total + signs[c]! * v, 0);
    });
    expect((await gradientAndLoss(problem)).loss).toBeCloseTo(sum, 10);
  });

  it("are losses too", async () => {
    const { value } = await measured({ name: "cross-entropy", reduction: "sum" });
    const nll = (f: number[], y: number): number => Math.log(f.reduce((sum, v) => sum + Math.exp(v), 0)) - f[y]!;
    expect(value).toBeCloseTo(expected(nll), 10);
  });

  it("of classes are refused where there are none", async () => {
    await expect(measurementOf("margin", "mse")).rejects.toThrow(
      "Cannot measure the margin as the loss has no classes",
    );
  });
});
