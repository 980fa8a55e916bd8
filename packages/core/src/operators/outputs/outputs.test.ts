/** Jacobians of single examples against the Jacobian of all; covariances against J Σ Jᵀ; the last layer where there is one. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { datasetFromArrays } from "../../data/fromArrays.ts";
import { referenceEngine } from "../../engine/reference/engine.ts";
import { matmul, matrix, transpose } from "../../linalg/matrix.ts";
import { crossEntropy } from "../../loss/crossEntropy.ts";
import { readModel } from "../../onnx/decode.ts";
import type { OnnxModel } from "../../onnx/model.ts";
import { randomStream } from "../../random/random.ts";
import { toDense } from "../dense.ts";
import { layerBlocks } from "../factors/layerBlocks.ts";
import { jacobian } from "../jacobian.ts";
import { createProblem, type Problem } from "../problem.ts";
import { exampleJacobians } from "./exampleJacobians.ts";
import { lastLayer } from "./lastLayer.ts";
import { outputCovariances } from "./outputCovariance.ts";

const kit = new URL("../../../testdata/conformance/", import.meta.url);
const random = randomStream(5, "outputs");
const modelOf = async (name: string): Promise<OnnxModel> =>
  readModel(await readFile(new URL(`${name}/model.onnx`, kit)));

async function problemOf(model: OnnxModel, rows: number, batchSize: number): Promise<Problem> {
  const [port] = model.inputs as [OnnxModel["inputs"][number]];
  const shape = [rows, ...port.shape!.slice(1).map(Number)];
  const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
  const inputs = { [port.name]: { dtype: "float32" as const, shape, data } };
  return createProblem({
    model,
    data: datasetFromArrays({ inputs }, { batchSize }),
    loss: crossEntropy(),
    engine: referenceEngine(),
    output: model.outputs[0]!.name,
  });
}

/** The model with its batch fixed in the file. */
function fixed(model: OnnxModel, rows: number): OnnxModel {
  return { ...model, inputs: model.inputs.map((port) => ({ ...port, shape: port.shape!.with(0, rows) })) };
}

async function allJacobians(problem: Problem): Promise<Float64Array> {
  const out = new Float64Array(problem.survey.rows * 3 * problem.space.size);
  for await (const { firstRow, outputs, jacobians } of exampleJacobians(problem)) {
    out.set(jacobians, firstRow * outputs * problem.space.size);
  }
  return out;
}

test.each(["free", "fixed"])("rows' Jacobians are the Jacobian's rows, with a %s batch", async (kind) => {
  const open = await modelOf("mlp_ce_mean");
  await using problem = await problemOf(kind === "free" ? open : fixed(open, 2), 5, 2);
  await using whole = jacobian(problem);
  const expected = await toDense(whole);
  const found = await allJacobians(problem);
  expect(found.length).toBe(expected.length);
  found.forEach((x, i) => expect(x).toBeCloseTo(expected[i]!, 12));
});

test("covariances of outputs by a dense root and by blocks", async () => {
  await using problem = await problemOf(await modelOf("mlp_ce_mean"), 4, 3);
  const { blocks } = layerBlocks(problem);
  const { size } = problem.space;
  const j = matrix(12, size, await allJacobians(problem));
  const root = matrix(
    size,
    size,
    Float64Array.from({ length: size * size }, () => random.normal()),
  );
  const filters = blocks.map(({ out, in: width }) => ({
    weights: matrix(
      out,
      width,
      Float64Array.from({ length: out * width }, () => random.uniform()),
    ),
  }));
  const variances = new Float64Array(size);
  blocks.forEach(({ index }, b) => index.forEach((at, k) => (variances[at] = filters[b]!.weights.data[k]!)));
  const scaled = matrix(
    12,
    size,
    j.data.map((x, i) => x * Math.sqrt(variances[i % size]!)),
  );
  for (const [covariance, rooted] of [
    [{ root }, matmul(j, root)],
    [{ filters }, scaled],
  ] as const) {
    const expected = matmul(rooted, transpose(rooted)).data;
    for await (const { firstRow, rows, covariances } of outputCovariances(problem, blocks, covariance)) {
      for (let n = 0; n < rows; n++) {
        for (let c = 0; c < 9; c++) {
          const [a, b] = [3 * (firstRow + n) + Math.floor(c / 3), 3 * (firstRow + n) + (c % 3)];
          expect(covariances[n * 9 + c]).toBeCloseTo(expected[a * 12 + b]!, 9);
        }
      }
    }
  }
});

test("the last layer is found, and its absence said", async () => {
  const model = await modelOf("mlp_ce_mean");
  await using problem = await problemOf(model, 3, 3);
  expect(lastLayer(problem)).toEqual([...model.initializers.keys()].slice(-2));
  const softmax = {
    name: "softmax",
    opType: "Softmax",
    domain: "",
    inputs: [model.outputs[0]!.name],
    outputs: ["p"],
    attrs: {},
  };
  const behind = { ...model, nodes: [...model.nodes, softmax], outputs: [{ ...model.outputs[0]!, name: "p" }] };
  await using other = await problemOf(behind, 3, 3);
  expect(() => lastLayer(other)).toThrow("Cannot find the last layer as the prediction is not the output of one");
});
