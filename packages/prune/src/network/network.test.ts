/** Whole models: quadratic problems where what is foretold is what happens, budgets, refits, and what is said of bad input. */

import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  createHost,
  createProblem,
  type Dataset,
  datasetFromArrays,
  gradientAndLoss,
  type OnnxModel,
  randomStream,
  readModel,
  referenceEngine,
  squaredError,
} from "@hessonite/core";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { parsePattern } from "../layerwise/pattern.ts";
import { prune } from "../plugin.ts";
import { fineTune, functionRefit } from "./improve.ts";
import { methodNames } from "./method.ts";
import { prunableLayers } from "./prunable.ts";
import { dropOf, pruneModel } from "./pruneModel.ts";
import { levelsUpTo, scheduledLevels } from "./schedule.ts";
import { type Job, openJob, type PruneSetting } from "./setting.ts";

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const conformance = "../../../core/testdata/conformance";
const engine = referenceEngine();
const folder = mkdtempSync(join(tmpdir(), "hessonite-prune-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Rows that an MLP 8-5-3 takes, targets its own outputs: the dense model is the minimum, exactly. */
async function taught(model: OnnxModel, rows: number, seed: number): Promise<Dataset> {
  const stream = randomStream(seed, "rows");
  const x = Float64Array.from({ length: rows * 8 }, () => stream.normal());
  const inputs = { x: { dtype: "float32" as const, shape: [rows, 8], data: Float32Array.from(x) } };
  const blank = { dtype: "float32" as const, shape: [rows, 3], data: new Float32Array(rows * 3) };
  await using problem = await createProblem({
    model,
    data: datasetFromArrays({ inputs, target: blank }),
    loss: squaredError(),
    engine,
  });
  const { predict } = await import("@hessonite/core");
  const target = new Float32Array(rows * 3);
  for await (const { firstRow, prediction } of predict(problem)) target.set(prediction.data as never, firstRow * 3);
  return datasetFromArrays({ inputs, target: { dtype: "float32", shape: [rows, 3], data: target } });
}

let model: OnnxModel;
let setting: PruneSetting;

beforeAll(async () => {
  model = await readModel(file(`${conformance}/mlp_mse_mean/model.onnx`));
  setting = {
    model,
    data: await taught(model, 60, 1),
    heldOut: await taught(model, 60, 1),
    loss: squaredError(),
    engine,
  };
});

describe("one linear layer and squared error", () => {
  /** The last layer alone is a quadratic problem. */
  async function lastLayer(): Promise<Job> {
    return openJob({ ...setting, parameters: ["2.weight"] });
  }

  test.each(["element", "block1x5", "block3x1", "row", "2:5"])(
    "by %s: the loss foretold is the loss measured",
    async (text) => {
      await using job = await lastLayer();
      for (const method of ["ggn", "dense"] as const) {
        const pattern = parsePattern(text);
        const levels = pattern.kind === "n:m" ? undefined : [1 / 3, 2 / 3];
        const { points } = await pruneModel(job, {
          method,
          pattern,
          sparsity: 2 / 3,
          levels,
          lambda: 1e-9,
          rounds: 15,
        });
        for (const point of points) {
          const rise = point.predicted! - (await job.judge.loss(job.origin));
          const measured = point.measured.loss - (await job.judge.loss(job.origin));
          expect(Math.abs(rise / measured - 1)).toBeLessThan(1e-5); // inputs are float32
          point.kept.forEach((kept, at) => kept || expect(point.theta[at]).toBe(0));
        }
      }
    },
  );

  it("one weight at a time, ggn's greedy order is the cheapest at each step", async () => {
    await using job = await lastLayer();
    const { points } = await pruneModel(job, { method: "ggn", levels: [1 / 15], lambda: 1e-9, rounds: 1 });
    const losses: number[] = [];
    for (let at = 0; at < 15; at++) {
      const { curvatureOf } = await import("../curvature/curvatureOf.ts");
      const quadratic = (await curvatureOf(job.problem, "dense")).at(job.origin, 1e-12);
      const kept = new Uint8Array(15).fill(1);
      kept[at] = 0;
      losses.push(await job.judge.loss((await quadratic.optimum(kept)).theta));
    }
    expect(points[0]!.measured.loss).toBeCloseTo(Math.min(...losses), 8);
  });
});

describe("a whole model", () => {
  test.each(methodNames)("by %s keeps to the sparsities that were asked for", async (method) => {
    await using job = await openJob(setting);
    const { points, prunable } = await pruneModel(job, { method, levels: [0.2, 0.5], rounds: 2 });
    points.forEach(({ zeros }, level) => {
      const wanted = [0.2, 0.5][level]! * prunable.weights;
      if (method === "wanda")
        expect(Math.abs(zeros - wanted)).toBeLessThan(4); // of each row, to whole weights
      else expect(zeros).toBe(Math.round(wanted));
    });
    for (const { kept, theta, predicted } of points) {
      kept.forEach((k, at) => k || expect(theta[at]).toBe(0));
      expect(predicted === null).toBe(method === "magnitude");
    }
  });

  test.each(["2:4", "block5x1"])("by %s: every method keeps to the pattern", async (text) => {
    await using job = await openJob(setting);
    for (const method of ["magnitude", "ggn", "kfac", "obc"] as const) {
      const pattern = parsePattern(text);
      const { points, prunable } = await pruneModel(job, {
        method,
        pattern,
        levels: pattern.kind === "n:m" ? undefined : [0.4],
      });
      for (const { index, in: width, out } of prunable.layers) {
        const zero = (r: number, c: number): boolean => points.at(-1)!.kept[index[r * width + c]!] === 0;
        for (let r = 0; r < out; r++) {
          for (let c = 0; c < width; c++) {
            if (pattern.kind === "block") expect(zero(r, c)).toBe(zero(r - (r % 5), c));
            else if (c % 4 === 0) expect([0, 1, 2, 3].filter((k) => zero(r, c + k))).toHaveLength(2);
          }
        }
      }
    }
  });

  it("in several shots, with refits and fine-tuning, the mask held", async () => {
    await using job = await openJob(setting);
    const shot = await pruneModel(job, { method: "ggn", sparsity: 0.6, shots: 3, curvatureRows: 20 });
    expect(shot.points.map(({ sparsity }) => sparsity)).toHaveLength(3);
    const last = shot.points.at(-1)!;
    for (const improve of [
      functionRefit(job),
      fineTune(job, { epochs: 3 }),
      fineTune(job, { epochs: 3, distil: true }),
    ]) {
      const better = await improve(last);
      expect(better.measured.loss).toBeLessThanOrEqual(last.measured.loss);
      better.kept.forEach((kept, at) => kept || expect(better.theta[at]).toBe(0));
    }
    expect((await functionRefit(job)(last)).measured.loss).toBeLessThan(last.measured.loss);
  });

  it("layer by layer, one after the other, differs from all at once", async () => {
    await using job = await openJob(setting);
    const options = { method: "obc", levels: [0.6] } as const;
    const [together, inTurn] = [
      await pruneModel(job, options),
      await pruneModel(job, { ...options, sequential: true }),
    ];
    expect(inTurn.points[0]!.theta).not.toEqual(together.points[0]!.theta);
    expect(inTurn.points[0]!.zeros).toBe(together.points[0]!.zeros);
  });

  it("finds the sparsest level within a drop, and says when there is none", async () => {
    await using job = await openJob({ ...setting, heldOut: await taught(model, 40, 2) });
    const { loss: dense } = await job.judge.measure(job.origin);
    expect(dense).toBeCloseTo(0, 9);
    const shifted: Job = {
      ...job,
      judge: { ...job.judge, measure: async (theta) => ({ loss: 1 + (await job.judge.loss(theta)) }) },
    };
    const { points, chosen, met } = await pruneModel(shifted, { method: "ggn", maxDrop: 0.05, rounds: 2 });
    const within = points.filter(({ measured }) => dropOf({ loss: 1 + dense }, measured) <= 0.05);
    expect(met).toBe(true);
    expect(chosen).toBe(within.at(-1));
    const strict = await pruneModel(shifted, { method: "magnitude", maxDrop: 0, sparsity: 0.9 });
    expect([strict.met, strict.chosen]).toEqual([false, undefined]);
  });
});

describe("the plugin", () => {
  it("writes the model it found, whose loss is the one it said, and leaves the source as it was", async () => {
    const source = file("../../testdata/mnist/mlp.onnx");
    const before = createHash("sha256").update(readFileSync(source)).digest("hex");
    const out = join(folder, "small.onnx");
    const data = { file: file("../../../../testdata/mnist/digits-train.npz"), scale: 1 / 255, batchSize: 100 };
    await using host = createHost();
    const inputs = {
      model: source,
      data: { ...data, rows: { start: 0, end: 100 } },
      heldOut: { ...data, rows: { start: 1000, end: 1200 } },
      loss: "cross-entropy",
    };
    const result = await host.run(prune, {
      inputs,
      options: { method: "magnitude", sparsity: 0.5, maxDrop: 0.05, out },
    });
    expect(result.met).toBe(true);
    const [own] = result.methods;
    const chosen = own!.points[own!.chosen!]!;
    expect(chosen.zeros).toBe(Math.round(0.5 * 32360));
    expect(own!.layers.reduce((sum, { zeros }) => sum + zeros, 0)).toBe(chosen.zeros);
    const { openDataset, ortNodeEngine, crossEntropy } = await import("@hessonite/core");
    const written = await readModel(out);
    await using ort = ortNodeEngine({ threads: 1 });
    await using problem = await createProblem({
      model: written,
      data: await openDataset(inputs.heldOut, written),
      loss: crossEntropy(),
      engine: ort,
    });
    expect((await gradientAndLoss(problem)).loss).toBeCloseTo(chosen.loss, 5);
    expect(
      problem.values.reduce((sum, { data: values }) => sum + Array.from(values).filter((w) => w === 0).length, 0),
    ).toBe(chosen.zeros);
    expect(createHash("sha256").update(readFileSync(source)).digest("hex")).toBe(before);
    await expect(host.run(prune, { inputs, options: { out: source } })).rejects.toThrow(
      "Cannot write the pruned model over the model it comes from",
    );
  });
});

describe("bad input", () => {
  it("no rows, no targets, no layer that takes the granularity, sparsities out of range", async () => {
    const empty = { ...setting.data, batches: async function* () {} } as Dataset;
    await expect(openJob({ ...setting, data: empty })).rejects.toThrow("they have no rows");
    const inputs = { x: { dtype: "float32" as const, shape: [4, 8], data: new Float32Array(32) } };
    await expect(openJob({ ...setting, heldOut: datasetFromArrays({ inputs }) })).rejects.toThrow("have no targets");
    await using job = await openJob(setting);
    await expect(pruneModel(job, { method: "ggn", pattern: parsePattern("2:64") })).rejects.toThrow(
      /no layer can take it[\s\S]*no multiple of 64/,
    );
    await using host = createHost({ engine });
    const request = { model, data: setting.data, loss: squaredError() };
    await expect(host.run(prune, { inputs: request, options: { sparsity: 1.5 } })).rejects.toThrow(/sparsity/);
  });

  it("rows that are not finite", () => {
    const data = new Float32Array(32).fill(Number.NaN);
    const inputs = { x: { dtype: "float32" as const, shape: [4, 8], data } };
    const target = { dtype: "float32" as const, shape: [4, 3], data: new Float32Array(12) };
    expect(() => datasetFromArrays({ inputs, target })).toThrow("holds NaN or an infinity");
  });

  it("layers that cannot take a granularity are skipped by name", async () => {
    await using job = await openJob(setting);
    const { layers, skipped } = prunableLayers(job.problem, parsePattern("2:8"));
    expect(layers.map(({ name }) => name)).toEqual(["0.weight"]);
    expect(skipped).toEqual([{ name: "2.weight", why: "2:8: its 5 inputs are no multiple of 8" }]);
  });
});

describe("schedules", () => {
  it("end at the target and grow", () => {
    for (const name of ["linear", "cubic", "geometric"] as const) {
      const levels = scheduledLevels(0.9, 5, name);
      expect(levels.at(-1)).toBe(0.9);
      levels.slice(1).forEach((level, i) => expect(level).toBeGreaterThan(levels[i]!));
      expect(scheduledLevels(0.9, 1, name)).toEqual([0.9]);
    }
    expect(levelsUpTo(0.7).at(-1)).toBe(0.7);
  });
});
