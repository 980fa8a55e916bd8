/** Calibration rows without targets prune as those with some: the curvature that is used does not depend on labels. */
import { fileURLToPath } from "node:url";
import {
  type Dataset,
  datasetFromArrays,
  randomStream,
  readModel,
  referenceEngine,
  squaredError,
  type Tensor,
} from "@hessonite/core";
import { expect, it } from "vitest";
import type { MethodName } from "./method.ts";
import { pruneModel } from "./pruneModel.ts";
import { openJob, type PruneSetting } from "./setting.ts";

const path = fileURLToPath(new URL("../../../core/testdata/conformance/mlp_mse_mean/model.onnx", import.meta.url));
const stream = randomStream(11, "rows");
const draw = (shape: readonly number[]): Tensor => ({
  dtype: "float32",
  shape,
  data: Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => stream.normal()),
});
const x = draw([30, 8]);
const labelled = datasetFromArrays({ inputs: { x }, target: draw([30, 3]) }, { batchSize: 12 });
const unlabelled = datasetFromArrays({ inputs: { x } }, { batchSize: 12 });

async function settingWith(data: Dataset, change: Partial<PruneSetting> = {}): Promise<PruneSetting> {
  const model = await readModel(path);
  return { model, data, heldOut: labelled, loss: squaredError(), engine: referenceEngine(), ...change };
}

async function prunedWith(data: Dataset, method: MethodName, shots: number) {
  await using job = await openJob(await settingWith(data));
  const options = { method, sparsity: 0.5, shots, lambda: 0.1, rounds: 2 };
  return { point: (await pruneModel(job, options)).points.at(-1)!, notes: job.notes };
}

it.each([
  ["ggn", 1],
  ["ggn", 2],
  ["kfac", 2],
  ["diagonal", 1],
  ["obc", 1],
] as const)("%s in %i shots", async (method, shots) => {
  const [with_, without] = [await prunedWith(labelled, method, shots), await prunedWith(unlabelled, method, shots)];
  expect(without.point.kept).toEqual(with_.point.kept);
  expect(without.point.zeros).toBeGreaterThan(20);
  without.point.theta.forEach((value, at) => expect(value).toBeCloseTo(with_.point.theta[at]!, 5));
  expect(with_.notes).toEqual([]);
  expect(without.notes).toEqual([expect.stringContaining("have no targets")]);
});

it("the empirical Fisher has none, nor has it of rows that are made up", async () => {
  await expect(prunedWith(unlabelled, "fisher", 1)).rejects.toThrow(/empirical Fisher[\s\S]*no targets of their own/);
  await using job = await openJob(await settingWith(labelled, { augment: "mix" }));
  await expect(pruneModel(job, { method: "woodfisher", sparsity: 0.5 })).rejects.toThrow(/no targets of their own/);
  expect(job.notes.join()).toContain("Of each of 30 calibration rows 66 more were made by mix");
});

it("rows that are made up are others for every shot, the same every time", async () => {
  await using job = await openJob(await settingWith(labelled, { augment: "mix" }));
  const rowsAt = async (zeros: number): Promise<number[]> => {
    const rows: number[] = [];
    for await (const { inputs } of (await job.rowsAt(zeros)).batches()) rows.push(...inputs["x"]!.data.map(Number));
    return rows;
  };
  const first = await rowsAt(0);
  expect(first.length).toBe(8 * 30 * 67);
  expect(await rowsAt(0)).toEqual(first);
  const second = await rowsAt(20);
  expect(second.slice(0, 240)).toEqual(first.slice(0, 240));
  expect(second).not.toEqual(first);
});
