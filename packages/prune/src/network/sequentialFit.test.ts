/** Layers fitted one after the other, against least squares written out on inputs that are computed here. */
import { fileURLToPath } from "node:url";
import {
  type Dataset,
  datasetFromArrays,
  type OnnxModel,
  randomStream,
  readModel,
  referenceEngine,
  squaredError,
} from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { solvePlainly } from "../layerwise/knownLayers.ts";
import { pruneModel } from "./pruneModel.ts";
import { sequentialFit } from "./sequentialFit.ts";
import { openJob } from "./setting.ts";

const path = fileURLToPath(new URL("../../../core/testdata/conformance/mlp_mse_mean/model.onnx", import.meta.url));
const rows = 50;
const noise = randomStream(5, "rows");
const x = Array.from({ length: rows }, () => Array.from({ length: 8 }, () => Math.fround(noise.normal())));

/** In batches of several sizes, so that sums go over more than one. */
const data: Dataset = datasetFromArrays(
  {
    inputs: { x: { dtype: "float32", shape: [rows, 8], data: Float32Array.from(x.flat()) } },
    target: { dtype: "float32", shape: [rows, 3], data: new Float32Array(rows * 3) },
  },
  { batchSize: 20 },
);

const setting = (model: OnnxModel) => ({
  model,
  source: path,
  data,
  heldOut: data,
  loss: squaredError(),
  engine: referenceEngine(),
});

type Rows = readonly (readonly number[])[];

const layer = (inputs: Rows, w: Rows, b: readonly number[]): number[][] =>
  inputs.map((row) => w.map((weights, r) => weights.reduce((sum, wj, j) => sum + wj * row[j]!, b[r]!)));
const relu = (values: Rows): number[][] => values.map((row) => row.map((v) => Math.max(0, v)));

/** [w, b] of each output, by the normal equations of what is kept. */
function fitted(inputs: Rows, targets: Rows, w0: Rows, b0: readonly number[], kept: Rows): number[][] {
  const ones = inputs.map((row) => [...row, 1]);
  const width = ones[0]!.length;
  const h = (i: number, j: number): number => (2 / rows) * ones.reduce((sum, row) => sum + row[i]! * row[j]!, 0);
  const mean = Array.from({ length: width }, (_, j) => h(j, j)).reduce((a, b) => a + b, 0) / width;
  const delta = 1e-4 * mean;
  return w0.map((weights, r) => {
    const open = [...weights.keys(), width - 1].filter((j) => j === width - 1 || kept[r]![j] === 1);
    const before = [...weights, b0[r]!];
    const solved = solvePlainly(
      open.map((i) => open.map((j) => h(i, j) + (i === j ? delta : 0))),
      open.map(
        (i) => (2 / rows) * ones.reduce((sum, row, n) => sum + row[i]! * targets[n]![r]!, 0) + delta * before[i]!,
      ),
    );
    const full = new Array<number>(width).fill(0);
    open.forEach((j, k) => {
      full[j] = solved[k]!;
    });
    return full;
  });
}

describe("a sequential fit", () => {
  it("is least squares of each layer on the inputs that the fitted layers before it give, zeros kept", async () => {
    const model = await readModel(path);
    const read = (name: string): { shape: readonly number[]; data: number[] } => {
      const { shape, data: values } = model.initializers.get(name)!.read();
      return { shape, data: [...values] };
    };
    const matrixOf = (name: string): number[][] => {
      const { shape, data: values } = read(name);
      return Array.from({ length: shape[0]! }, (_, r) => values.slice(r * shape[1]!, (r + 1) * shape[1]!));
    };
    const [w1, b1, w2, b2] = [matrixOf("0.weight"), read("0.bias").data, matrixOf("2.weight"), read("2.bias").data];
    await using job = await openJob(setting(model));
    const { space } = job.problem;
    const kept = Uint8Array.from({ length: space.size }, () => 1);
    const places = (name: string) => space.parameters.find((parameter) => parameter.name === name)!;
    const masks = ["0.weight", "2.weight"].map((name, which) => {
      const { offset, size, shape } = places(name);
      for (let k = 0; k < size; k++) if (k % 3 === which) kept[offset + k] = 0;
      return Array.from({ length: shape[0]! }, (_, r) =>
        Array.from({ length: shape[1]! }, (__, j) => kept[offset + r * shape[1]! + j]!),
      );
    });
    const found = await sequentialFit(job)({
      sparsity: 1 / 3,
      zeros: 0,
      theta: job.origin.map((value, at) => (kept[at] ? value : 0)),
      kept,
      predicted: null,
      measured: { loss: Number.POSITIVE_INFINITY },
      candidates: 1,
      curvature: "",
      costs: new Float64Array(0),
    });
    const first = fitted(x, layer(x, w1, b1), w1, b1, masks[0]!);
    const split = (both: Rows): [number[][], number[]] => [
      both.map((row) => row.slice(0, -1)),
      both.map((row) => row.at(-1)!),
    ];
    const hidden = relu(layer(x, ...split(first)));
    const second = fitted(hidden, layer(relu(layer(x, w1, b1)), w2, b2), w2, b2, masks[1]!);
    for (const [weights, bias, truth] of [
      ["0.weight", "0.bias", first],
      ["2.weight", "2.bias", second],
    ] as const) {
      const width = truth[0]!.length - 1;
      const at = places(weights).offset;
      truth.forEach((row, r) => {
        row.slice(0, width).forEach((w, j) => expect(found.theta[at + r * width + j]!).toBeCloseTo(w, 4));
        expect(found.theta[places(bias).offset + r]!).toBeCloseTo(row[width]!, 4);
      });
    }
    kept.forEach((k, at) => k || expect(found.theta[at]).toBe(0));
    expect(found.candidates).toBe(2);
  });

  it("makes up for what magnitude alone loses, the mask as it was", async () => {
    const model = await readModel(path);
    const read = (name: string): number[] => [...model.initializers.get(name)!.read().data];
    const matrixOf = (name: string, width: number): number[][] =>
      Array.from({ length: read(name).length / width }, (_, r) => read(name).slice(r * width, (r + 1) * width));
    const hidden = relu(layer(x, matrixOf("0.weight", 8), read("0.bias")));
    const target = Float32Array.from(layer(hidden, matrixOf("2.weight", 5), read("2.bias")).flat());
    const taught = datasetFromArrays({
      inputs: { x: { dtype: "float32", shape: [rows, 8], data: Float32Array.from(x.flat()) } },
      target: { dtype: "float32", shape: [rows, 3], data: target },
    });
    await using job = await openJob({ ...setting(model), data: taught, heldOut: taught });
    const options = { method: "magnitude", levels: [0.5] } as const;
    const plain = (await pruneModel(job, options)).points[0]!;
    const fit = (await pruneModel(job, { ...options, compensation: "least-squares" })).points[0]!;
    expect(fit.kept).toEqual(plain.kept);
    expect(fit.measured.loss).toBeLessThan(0.7 * plain.measured.loss);
  });

  it("needs the model's file", async () => {
    const model = await readModel(path);
    const { source: _, ...without } = setting(model);
    await using job = await openJob(without);
    await expect(
      pruneModel(job, { method: "magnitude", levels: [0.5], compensation: "least-squares" }),
    ).rejects.toThrow(/not given as a file/);
  });
});
