import { expect, test } from "vitest";
import { datasetFromArrays } from "../data/fromArrays.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";
import { binaryCrossEntropy } from "../loss/binaryCrossEntropy.ts";
import { crossEntropy } from "../loss/crossEntropy.ts";
import type { Loss } from "../loss/loss.ts";
import { squaredError } from "../loss/squaredError.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { accuracy } from "./accuracy.ts";
import { createProblem } from "./problem.ts";

/** f(x) = x · 1: what goes in comes out, so the expected accuracy can be read off the data. */
function identityModel(shape: readonly (number | string)[]): OnnxModel {
  const one: Tensor = { dtype: "float32", shape: [1], data: Float32Array.of(1) };
  return {
    source: "identity",
    irVersion: 8,
    opsets: new Map([["", 17]]),
    producer: "",
    inputs: [{ name: "x", dtype: "float32", shape }],
    outputs: [{ name: "f", dtype: "float32", shape }],
    initializers: new Map([["w", { name: "w", dtype: "float32", shape: [1], read: () => one }]]),
    nodes: [{ name: "scale", opType: "Mul", domain: "", inputs: ["x", "w"], outputs: ["f"], attrs: {} }],
  };
}

interface Example {
  readonly shape: readonly number[];
  readonly x: readonly number[];
  readonly y: Tensor;
  readonly loss: Loss;
  readonly weights?: readonly number[];
}

async function accuracyOf({ shape, x, y, loss, weights }: Example): Promise<number | undefined> {
  await using engine = referenceEngine();
  const rowWeights = weights && tensor("float32", [weights.length], [...weights]);
  const data = datasetFromArrays(
    { inputs: { x: tensor("float32", [...shape], [...x]) }, target: y, ...(rowWeights && { weights: rowWeights }) },
    { batchSize: 2 },
  );
  const model = identityModel(["batch", ...shape.slice(1)]);
  await using problem = await createProblem({ model, data, loss, engine, parameters: ["w"] });
  return accuracy(problem);
}

const labels = (shape: readonly number[], ...values: number[]): Tensor => ({
  dtype: "int64",
  shape,
  data: Float64Array.from(values),
});
const logits = { shape: [3, 2], x: [1, 0, 0, 1, 1, 0] }; // classes 0, 1, 0; the last batch is padded

test("the share of rows whose largest logit is the label's", async () => {
  expect(await accuracyOf({ ...logits, y: labels([3], 0, 1, 1), loss: crossEntropy() })).toBeCloseTo(2 / 3);
});

test("a row counts as often as its weight says", async () => {
  expect(
    await accuracyOf({ ...logits, y: labels([3], 0, 1, 1), loss: crossEntropy(), weights: [1, 1, 2] }),
  ).toBeCloseTo(1 / 2);
});

test("ignored labels do not count", async () => {
  expect(
    await accuracyOf({ ...logits, y: labels([3], -1, 1, 1), loss: crossEntropy({ ignoreIndex: -1 }) }),
  ).toBeCloseTo(1 / 2);
});

test("classes stand on axis 1, positions behind it", async () => {
  const x = [5, 0, 0, 0, 3, 0, 0, 0, 0, 1, 1, 1]; // [2, 2, 3]: classes 0 1 0, 1 1 1
  const y = labels([2, 3], 0, 1, 1, 1, 1, 0);
  expect(await accuracyOf({ shape: [2, 2, 3], x, y, loss: crossEntropy() })).toBeCloseTo(4 / 6);
});

test("probabilities count by their largest", async () => {
  const y: Tensor = { dtype: "float32", shape: [3, 2], data: Float32Array.of(0.6, 0.4, 0.9, 0.1, 0.7, 0.3) };
  expect(await accuracyOf({ ...logits, y, loss: crossEntropy({ targets: "probabilities" }) })).toBeCloseTo(2 / 3);
});

test("binary targets count entry by entry, by the logit's sign", async () => {
  const y: Tensor = { dtype: "float32", shape: [2, 2], data: Float32Array.of(1, 0, 1, 1) };
  expect(await accuracyOf({ shape: [2, 2], x: [2, -1, -3, 4], y, loss: binaryCrossEntropy() })).toBeCloseTo(3 / 4);
});

test("a regression has none", async () => {
  const y: Tensor = { dtype: "float32", shape: [3, 2], data: Float32Array.from(logits.x) };
  expect(await accuracyOf({ ...logits, y, loss: squaredError() })).toBeUndefined();
});
