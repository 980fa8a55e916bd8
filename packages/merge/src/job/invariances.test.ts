/** What merges layer by layer and by functions must keep, as properties over random models and data. */
import { type Dataset, datasetFromArrays, type Loss, lossByName, randomStream, referenceEngine } from "@hessonite/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mlp } from "../testing.ts";
import { mergeModels } from "./mergeModels.ts";
import type { MergeOptions } from "./options.ts";
import { spaceOf, vectorOf } from "./space.ts";
import type { MergeTask } from "./task.ts";

const engine = referenceEngine();
const loss: Loss = lossByName("cross-entropy", {});

async function taskOf(seed: number, modelSeed = seed): Promise<MergeTask> {
  const [weights, rows] = [randomStream(modelSeed, "weights"), randomStream(seed, "rows")];
  const layer = (out: number, width: number) => ({
    weight: Array.from({ length: out }, () => Array.from({ length: width }, () => weights.normal())),
    bias: Array.from({ length: out }, () => weights.normal() / 2),
  });
  const count = 12 + rows.integer(5);
  const x = Array.from({ length: count }, () => [rows.normal(), rows.normal()]);
  const data: Dataset = datasetFromArrays(
    { inputs: { h0: x }, target: Array.from({ length: count }, () => rows.integer(2)) },
    { batchSize: 5 },
  );
  return { name: `${seed}`, model: await mlp([layer(3, 2), layer(2, 3)]), data };
}

const merged = async (tasks: readonly MergeTask[], options: MergeOptions): Promise<Float64Array> =>
  (await mergeModels({ tasks, loss, engine }, options)).values;

const valuesOf = ({ model }: MergeTask): Float64Array => vectorOf(spaceOf(model, undefined), model);

function near(found: Float64Array, expected: Float64Array, tolerance: number): void {
  const distance = Math.hypot(...found.map((x, k) => x - (expected[k] ?? Number.NaN)));
  expect(distance / Math.hypot(...expected)).toBeLessThan(tolerance);
}

const seeds = fc.uniqueArray(fc.nat(1e6), { minLength: 2, maxLength: 3 });
const holds = (property: (seeds: readonly number[]) => Promise<void>): Promise<void> =>
  fc.assert(fc.asyncProperty(seeds, property), { numRuns: 5 });

const rows: readonly (readonly [string, MergeOptions, number])[] = [
  ["RegMean++", { method: "regmean++", damping: 1e-3 }, 1e-9],
  ["matched functions", { method: "function", steps: 2 }, 1e-6],
];

describe.each(rows)("merges by %s", (_, options, tolerance) => {
  it("of identical models are that model, whatever their rows", () =>
    holds(async (list) => {
      const [first = 0] = list;
      const tasks = await Promise.all(list.map((seed) => taskOf(seed, first)));
      near(await merged(tasks, options), valuesOf(await taskOf(first)), tolerance);
    }));

  it("of one task are that task", () =>
    holds(async ([first = 0]) => {
      const task = await taskOf(first);
      near(await merged([task], { ...options, damping: 0 }), valuesOf(task), tolerance);
    }));

  it("do not depend on the order of tasks", () =>
    holds(async (list) => {
      const tasks = await Promise.all(list.map((seed) => taskOf(seed)));
      near(await merged(tasks.toReversed(), options), await merged(tasks, options), tolerance);
    }));

  it("do not depend on a factor of all weights, but on the weights", () =>
    holds(async (list) => {
      const tasks = await Promise.all(list.map((seed) => taskOf(seed)));
      const weighted = (factor: number): MergeTask[] => tasks.map((task, i) => ({ ...task, weight: factor * (i + 1) }));
      const [once, scaled] = [await merged(weighted(1), options), await merged(weighted(7), options)];
      near(scaled, once, tolerance);
      const other = await merged(
        tasks.map((task, i) => ({ ...task, weight: 1 / (1 + 9 * i) })),
        options,
      );
      expect(Math.hypot(...other.map((x, k) => x - (once[k] ?? 0)))).toBeGreaterThan(1e-4);
    }));
});

describe("merges by RegMean++", () => {
  it("go to the average as the damping grows", () =>
    holds(async (list) => {
      const tasks = (await Promise.all(list.map((seed) => taskOf(seed)))).map((task) => ({ ...task, weight: 1 }));
      const all = tasks.map(valuesOf);
      const mean = (all[0] ?? new Float64Array()).map(
        (_, k) => all.reduce((sum, v) => sum + (v[k] ?? 0), 0) / all.length,
      );
      near(await merged(tasks, { method: "regmean++", damping: 1e9 }), mean, 1e-6);
    }));

  it("of one task with all the weight are that task without damping", () =>
    holds(async (list) => {
      const tasks = (await Promise.all(list.map((seed) => taskOf(seed)))).map((task, i) => ({
        ...task,
        weight: Number(i === 0),
      }));
      const [first] = tasks;
      if (first) near(await merged(tasks, { method: "regmean++", damping: 0 }), valuesOf(first), 1e-7);
    }));
});
