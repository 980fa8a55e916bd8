import { fileURLToPath } from "node:url";
import { datasetFromArrays, readModelFile, type Tensor } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { channelGroups } from "../groups/channelGroups.ts";
import { chooseChannels, measureChannels } from "./choose.ts";
import { costModel } from "./cost.ts";
import { type GroupCurve, groupCurve, shareOut } from "./curves.ts";
import { magnitudeChannelCosts } from "./magnitude.ts";
import { selectChannels } from "./select.ts";

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../../../testdata/small/${name}.onnx`, import.meta.url));

describe("a group's curve", () => {
  it("loses the cheapest first, so many at once, costs and savings added up", () => {
    const gone: number[] = [];
    const prices = new Map([10, 11, 12, 13, 14].map((channel, i) => [channel, [5, 1, 4, 2, 3][i]!]));
    // a channel is dearer the more went before it
    const costs = { cost: (c: number) => prices.get(c)! * (1 + gone.length), remove: (c: number) => void gone.push(c) };
    const next = (left: ReadonlySet<number>): number => (left.size === 5 ? 1 : left.size > 2 ? 2 : 0);
    const curve = groupCurve([10, 11, 12, 13, 14], costs, next, (c) => c);
    expect(curve.order).toEqual([11, 13, 14]);
    expect(curve.steps).toEqual([
      { count: 0, saving: 0, loss: 0 },
      { count: 1, saving: 11, loss: 1 },
      { count: 3, saving: 38, loss: 1 + 4 + 9 },
    ]);
  });
});

describe("shareOut", () => {
  const curve = (first: number, losses: readonly number[], each: number): GroupCurve => ({
    order: losses.map((_, i) => first + i),
    steps: [0, ...losses].map((_, count) => ({
      count,
      saving: each * count,
      loss: losses.slice(0, count).reduce((sum, l) => sum + l, 0),
    })),
  });
  const curves = [curve(0, [1, 2, 9, 20], 3), curve(10, [0.5, 5, 6], 2), curve(20, [4, 4, 4, 4, 4], 5)];
  const eachOf = (channel: number): number => [3, 2, 5][Math.floor(channel / 10)]!;
  const plain = (removed: readonly number[]): number => removed.reduce((sum, channel) => sum + eachOf(channel), 0);
  const lossOf = (removed: readonly number[]): number =>
    curves.reduce((sum, { steps, order }) => sum + steps[removed.filter((c) => order.includes(c)).length]!.loss, 0);

  it.each([1, 6, 11, 17, 25, 38])("finds the least loss that saves %d, as trying every choice does", (wanted) => {
    let best = Number.POSITIVE_INFINITY;
    for (let a = 0; a <= 4; a++)
      for (let b = 0; b <= 3; b++)
        for (let c = 0; c <= 5; c++) {
          const removed = [a, b, c].flatMap((n, i) => curves[i]!.order.slice(0, n));
          if (plain(removed) >= wanted) best = Math.min(best, lossOf(removed));
        }
    const found = shareOut(curves, wanted, plain);
    expect(plain(found)).toBeGreaterThanOrEqual(wanted);
    expect(lossOf(found)).toBeCloseTo(best, 9);
  });

  it("takes more where savings are no sum, and all there is where it does not reach", () => {
    const less = (removed: readonly number[]): number => 0.7 * plain(removed);
    const found = shareOut(curves, 15, less);
    expect(less(found)).toBeGreaterThanOrEqual(15);
    expect(less(found)).toBeLessThan(20);
    expect(shareOut(curves, 1000, plain)).toHaveLength(12);
  });
});

describe("channels across groups by dynamic programming", () => {
  it("meet the budget at no more predicted loss than the same share everywhere", async () => {
    const { bytes, model } = await readModelFile(pathOf("residual-folded"));
    const shapes = { x: [1, 1, 8, 8] };
    const graph = channelGroups(model, shapes);
    const x: Tensor = {
      dtype: "float32",
      shape: [24, 1, 8, 8],
      data: Float32Array.from({ length: 24 * 64 }, (_, i) => Math.sin(1.7 * i) + Math.cos(0.013 * i * i)),
    };
    const data = await datasetFromArrays({ inputs: { x } }, { batchSize: 12 });
    const measured = await measureChannels(bytes, graph, { data });
    for (const of of ["flops", "parameters", "channels"] as const) {
      const by = (across: "uniform" | "dynamic" | "global") =>
        chooseChannels(graph, measured, { data, across, budget: { of, share: 0.3 } }).selected;
      const [uniform, dynamic, global] = [by("uniform"), by("dynamic"), by("global")];
      expect(dynamic.met).toBe(true);
      if (of !== "channels") expect(1 - dynamic.after[of] / costModel(graph).dense[of]).toBeGreaterThanOrEqual(0.3);
      expect(dynamic.predicted.at(-1)!).toBeLessThanOrEqual(uniform.predicted.at(-1)!);
      expect(dynamic.predicted.at(-1)!).toBeLessThanOrEqual(1.3 * global.predicted.at(-1)!);
      expect(new Set(dynamic.removed).size).toBe(dynamic.removed.length);
      for (const { channels } of graph.groups)
        expect(channels.filter((c) => !dynamic.removed.includes(c)).length).toBeGreaterThan(0);
    }
    const costs = magnitudeChannelCosts(graph);
    const budget = { of: "flops", share: 0.3 } as const;
    expect(() => selectChannels(graph, costs, { budget, across: "dynamic" })).toThrow(/cannot be counted anew/);
  });
});
