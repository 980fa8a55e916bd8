import { fileURLToPath } from "node:url";
import {
  crossEntropy,
  type Dataset,
  datasetFromArrays,
  editModel,
  type NewNode,
  openFileSession,
  readModelFile,
  squaredError,
  type Tensor,
} from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { type ChannelGraph, channelGroups } from "../groups/channelGroups.ts";
import { costModel } from "../select/cost.ts";
import { measureBranches } from "./branchCosts.ts";
import { counterparts, openLayerPruning, pruneLayers } from "./pruneLayers.ts";
import { type ResidualBranch, residualBranches, skippedLayers } from "./residualBranches.ts";
import { selectBranches } from "./selectBranches.ts";
import { gateBranches, withoutBranches } from "./withoutBranches.ts";

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../../../testdata/small/${name}.onnx`, import.meta.url));

const shapeOf: Readonly<Record<string, readonly number[]>> = { residual: [1, 1, 8, 8], transformer: [1, 6, 5] };

function rows(name: string, count: number, shift = 0): Tensor {
  const shape = [count, ...(shapeOf[name] ?? [1, 1, 8, 8]).slice(1)];
  const length = shape.reduce((n, d) => n * d, 1);
  const data = Float32Array.from({ length }, (_, i) => Math.sin(1.7 * i + shift) + Math.cos(0.013 * i * i));
  return { dtype: "float32", shape, data };
}

async function open(name: string): Promise<{
  readonly bytes: Uint8Array;
  readonly graph: ChannelGraph;
  readonly branches: readonly ResidualBranch[];
}> {
  const { bytes, model } = await readModelFile(pathOf(name));
  const graph = channelGroups(model, { x: shapeOf[name] ?? [1, 1, 8, 8] });
  return { bytes, graph, branches: residualBranches(graph) };
}

async function outputOf(file: Uint8Array, x: Tensor): Promise<Tensor> {
  await using session = await openFileSession(file);
  return (await session.run({ x }))["y"]!;
}

function squaredDistance(a: Tensor, b: Tensor): number {
  return Array.from(a.data, (v: number, i) => (v - b.data[i]!) ** 2).reduce((sum, d) => sum + d, 0);
}

/** Rows whose targets are what the dense model says: the loss is 0, and its curvature the GGN. */
async function ownTargets(name: string, count: number): Promise<Dataset> {
  const x = rows(name, count);
  const y = await outputOf((await open(name)).bytes, x);
  return datasetFromArrays({ inputs: { x }, target: y }, { batchSize: count });
}

describe("branches of residual sums", () => {
  it("are found, with what is only theirs", async () => {
    const named = async (name: string): Promise<string[]> => (await open(name)).branches.map((branch) => branch.name);
    expect(await named("transformer")).toEqual(["/qkv/MatMul … /out/MatMul", "/fc1/MatMul … /fc2/MatMul"]);
    expect(await named("residual")).toEqual(["/a/Conv … /b/Conv", "/c/Conv … /d/Conv", "/short/Conv"]);
    expect(await named("concat")).toEqual([]);
    const { graph, branches } = await open("transformer");
    expect(skippedLayers(graph, branches).map(({ layer }) => layer)).toEqual(["/embed/MatMul", "/head/Gemm"]);
  });

  it.each([
    ["transformer", [0]],
    ["transformer", [1]],
    ["transformer", [0, 1]],
    ["residual", [0]],
    ["residual", [1]],
    ["residual", [2]],
    ["residual", [0, 1]],
  ] as const)("%s without %j is the model with them multiplied by 0, at any number of rows", async (name, gone) => {
    const { bytes, graph, branches } = await open(name);
    const list = gone.map((i) => branches[i]!);
    const small = withoutBranches(bytes, graph, list);
    const masked = gateBranches(bytes, graph, branches, (branch) => Number(!list.includes(branch))).file;
    for (const count of [1, 3]) {
      const x = rows(name, count, 0.4);
      const [found, expected] = [await outputOf(small, x), await outputOf(masked, x)];
      expect(found.shape).toEqual(expected.shape);
      expect(squaredDistance(found, expected)).toBeLessThan(1e-8);
      expect(squaredDistance(found, await outputOf(bytes, x))).toBeGreaterThan(1e-3);
    }
    const left = (await readModelFile(small)).model;
    const kept = new Set(left.nodes.map(({ name: node }) => node));
    for (const { nodes } of list) for (const node of nodes) expect(kept.has(node.name)).toBe(false);
    for (const { weights } of list) for (const weight of weights) expect(left.initializers.has(weight)).toBe(false);
  });

  it("stay where the sum would have another shape, or nothing of the rows, without them", async () => {
    const { bytes, branches } = await open("residual");
    const { sum, operand, other } = branches[0]!;
    const key = sum.outputs[0]!;
    const foundWith = async (inputs: readonly string[], before: readonly NewNode[]): Promise<number> => {
      const edited = editModel(bytes, { nodes: new Map([[key, { inputs: [...inputs], before }]]) });
      const graph = channelGroups((await readModelFile(edited)).model, { x: [1, 1, 8, 8] });
      return residualBranches(graph).filter(({ sum: own, operand: at }) => own.outputs[0] === key && at === operand)
        .length;
    };
    const seen = editModel(bytes, { outputs: [sum.inputs[operand]!] });
    const outside = channelGroups((await readModelFile(seen)).model, { x: [1, 1, 8, 8] });
    expect(residualBranches(outside).some(({ sum: own }) => own.outputs[0] === key)).toBe(false); // an output needs it
    const put = (name: string): string[] => sum.inputs.map((own, i) => (i === operand ? own : name));
    expect(await foundWith(sum.inputs, [])).toBe(1);
    const pooled = { name: "pooled", opType: "GlobalAveragePool", inputs: [other], outputs: ["pooled"] };
    expect(await foundWith(put("pooled"), [pooled])).toBe(0);
    const shape = { name: "shape", opType: "Shape", inputs: [other], outputs: ["shape"] };
    const zeros = { name: "zeros", opType: "ConstantOfShape", inputs: ["shape"], outputs: ["zeros"] };
    expect(await foundWith(put("zeros"), [shape, zeros])).toBe(0);
  });

  it("may be all that an output is made of", async () => {
    const { bytes } = await open("residual");
    const { graph, branches } = await open("residual");
    const last = branches[1]!.sum.outputs[0]!;
    const ending = editModel(bytes, { outputs: [last] });
    const own = channelGroups((await readModelFile(ending)).model, { x: [1, 1, 8, 8] });
    const found = residualBranches(own).filter(({ sum }) => sum.outputs[0] === last);
    const small = withoutBranches(ending, own, found.slice(0, 1));
    await using session = await openFileSession(small);
    await using masked = await openFileSession(gateBranches(ending, own, found.slice(0, 1), () => 0).file);
    const x = rows("residual", 2);
    const [a, b] = [(await session.run({ x }))[last]!, (await masked.run({ x }))[last]!];
    expect(squaredDistance(a, b)).toBeLessThan(1e-8);
    expect(graph.model.outputs).toHaveLength(1);
  });
});

describe("costs of branches", () => {
  it.each(["transformer", "residual"])(
    "ggn of %s is half the loss's second difference by their factors",
    async (name) => {
      const { bytes, graph, branches } = await open(name);
      const data = await ownTargets(name, 6);
      const loss = squaredError();
      const costs = (await measureBranches(bytes, graph, branches, { by: "ggn", data, loss }))();
      const x = rows(name, 6);
      const y = await outputOf(bytes, x);
      const h = 0.02;
      const lossAt = async (factors: readonly number[]): Promise<number> => {
        const file = gateBranches(bytes, graph, branches, (branch) => factors[branches.indexOf(branch)]!).file;
        return squaredDistance(await outputOf(file, x), y) / y.data.length;
      };
      const ones = branches.map(() => 1);
      const at = (steps: ReadonlyMap<number, number>): number[] => ones.map((m, i) => m + (steps.get(i) ?? 0));
      const own: number[] = [];
      for (const i of branches.keys()) {
        const second = (await lossAt(at(new Map([[i, h]])))) + (await lossAt(at(new Map([[i, -h]]))));
        own.push(second / (2 * h * h));
        expect(Math.abs(costs.cost(i) / own[i]! - 1)).toBeLessThan(0.02);
      }
      // the second that goes also pays for what the two share
      const both = await lossAt(
        at(
          new Map([
            [0, -h],
            [1, -h],
          ]),
        ),
      );
      const apart = await lossAt(
        at(
          new Map([
            [0, -h],
            [1, h],
          ]),
        ),
      );
      const shared = (both - apart) / (2 * h * h);
      const before = costs.cost(1);
      costs.remove(0);
      expect(Math.abs(costs.cost(1) - before - shared)).toBeLessThan(0.02 * (own[0]! + own[1]!));
      expect(costs.predicted).toBeCloseTo(own[0]!, 1);
    },
  );

  it("fisher is half the mean square of each row's derivative by the factor", async () => {
    const { bytes, graph, branches } = await open("transformer");
    const x = rows("transformer", 5);
    const labels: Tensor = { dtype: "int64", shape: [5], data: Float64Array.of(0, 3, 1, 2, 0) };
    const data = await datasetFromArrays({ inputs: { x }, target: labels }, { batchSize: 5 });
    const costs = (await measureBranches(bytes, graph, branches, { by: "fisher", data, loss: crossEntropy() }))();
    const h = 0.01;
    for (const i of branches.keys()) {
      const lossesAt = async (step: number): Promise<number[]> => {
        const own = (branch: ResidualBranch): number => (branch === branches[i] ? 1 + step : 1);
        const y = await outputOf(gateBranches(bytes, graph, branches, own).file, x);
        return Array.from({ length: 5 }, (_, r) => {
          const f = Array.from(y.data.subarray(r * 4, (r + 1) * 4) as Float32Array);
          return Math.log(f.reduce((sum, v) => sum + Math.exp(v), 0)) - f[labels.data[r]!]!;
        });
      };
      const [up, down] = [await lossesAt(h), await lossesAt(-h)];
      const expected = up.reduce((sum, l, r) => sum + ((l - down[r]!) / (2 * h)) ** 2, 0) / 5 / 2;
      expect(Math.abs(costs.cost(i) / expected - 1)).toBeLessThan(0.02);
    }
  });

  it("obs is the sum's squared error, magnitude the weights' mean square", async () => {
    const { bytes, graph, branches } = await open("residual");
    const x = rows("residual", 4);
    const data = await datasetFromArrays({ inputs: { x } }, { batchSize: 2 });
    const obs = (await measureBranches(bytes, graph, branches, { by: "obs", data }))();
    const names = branches.flatMap(({ sum, operand }) => [sum.inputs[operand]!, sum.outputs[0]!]);
    await using session = await openFileSession(editModel(bytes, { outputs: [...new Set(names)] }));
    const values = await session.run({ x });
    const square = ({ data: all }: Tensor): number => Array.from(all, (v: number) => v * v).reduce((a, b) => a + b, 0);
    branches.forEach(({ sum, operand }, i) => {
      const expected = square(values[sum.inputs[operand]!]!) / square(values[sum.outputs[0]!]!);
      expect(Math.abs(obs.cost(i) - expected)).toBeLessThan(1e-5 * expected);
    });
    const magnitude = (await measureBranches(bytes, graph, branches, { by: "magnitude", data }))();
    const means = branches.map(({ weights }) => {
      const all = weights.map((name) => graph.model.initializers.get(name)!.read());
      return (
        all.reduce((sum, tensor) => sum + square(tensor), 0) / all.reduce((n, tensor) => n + tensor.data.length, 0)
      );
    });
    means.forEach((mean, i) => expect(magnitude.cost(i) / magnitude.cost(0)).toBeCloseTo(mean / means[0]!, 5));
  });

  it("of the loss need one", async () => {
    const { bytes, graph, branches } = await open("residual");
    const data = await datasetFromArrays({ inputs: { x: rows("residual", 4) } }, { batchSize: 2 });
    await expect(measureBranches(bytes, graph, branches, { data })).rejects.toThrow(/no loss says/);
  });
});

describe("selectBranches", () => {
  const equal = { cost: () => 1, remove: () => {} };

  it("takes what costs least for what it saves, once a sum, until the budget is met", async () => {
    const { bytes, graph, branches } = await open("residual");
    const whole = costModel(graph, bytes.length).dense;
    const by = (
      costs: readonly number[],
      share: number,
      of: "flops" | "parameters" | "bytes" | "channels" = "channels",
    ) => selectBranches(graph, branches, { cost: (i) => costs[i]!, remove: () => {} }, { of, share }, whole);
    expect(by([3, 2, 1], 0.3).removed).toEqual([2]);
    expect(by([1, 2, 3], 0.6).removed).toEqual([0, 1]);
    const most = by([3, 2, 1], 0.9);
    expect(most).toMatchObject({ removed: [2, 0], met: false }); // 1 and 2 are operands of one sum
    expect(() => selectBranches(graph, branches, equal, { of: "flops", share: 1 }, whole)).toThrow(
      /not between 0 and 1/,
    );
    // by what is saved: the short branch has the fewest operations, so equal costs leave it for last
    for (const of of ["flops", "parameters", "bytes"] as const) {
      const { removed, gone } = by([1, 1, 1], 0.01, of);
      expect(removed[0]).not.toBe(2);
      const small = withoutBranches(
        bytes,
        graph,
        removed.map((i) => branches[i]!),
      );
      const after = costModel(
        channelGroups((await readModelFile(small)).model, { x: [1, 1, 8, 8] }),
        small.length,
      ).dense;
      expect(after[of]).toBeLessThan(whole[of]);
      expect(gone.size).toBeGreaterThan(2);
    }
  });

  it("counts what one more saves, not all that is saved by then", async () => {
    const { bytes, graph, branches } = await open("residual");
    const whole = costModel(graph, bytes.length).dense;
    const saved = await Promise.all(
      branches.map(async (branch) => {
        const { model } = await readModelFile(withoutBranches(bytes, graph, [branch]));
        return whole.flops - costModel(channelGroups(model, { x: [1, 1, 8, 8] })).dense.flops;
      }),
    );
    expect(saved[1]!).toBeGreaterThan(2 * saved[2]!);
    // by what each saves the second costs least, by all that is saved with it the third does
    const prices = [1e-6, (0.9 * saved[1]!) / saved[2]!, 1];
    const costs = { cost: (i: number) => prices[i]!, remove: () => {} };
    const share = (saved[0]! + saved[2]! / 2) / whole.flops;
    expect(selectBranches(graph, branches, costs, { of: "flops", share }, whole).removed).toEqual([0, 1]);
  });

  it("saves what the smaller model has less", async () => {
    const { bytes, graph, branches } = await open("transformer");
    const whole = costModel(graph, bytes.length).dense;
    for (const of of ["flops", "parameters"] as const) {
      const small = withoutBranches(bytes, graph, [branches[0]!]);
      const left = costModel(channelGroups((await readModelFile(small)).model, { x: [1, 6, 5] })).dense[of];
      const share = 1 - left / whole[of];
      const only = { cost: (i: number) => (i === 0 ? 1 : 1e9), remove: () => {} };
      const one = selectBranches(graph, branches, only, { of, share: share - 1e-6 }, whole);
      expect(one).toMatchObject({ removed: [0], met: true });
      expect(selectBranches(graph, branches, only, { of, share: share + 1e-3 }, whole).removed).toEqual([0, 1]);
    }
  });
});

describe("pruneLayers", () => {
  it("keeps closer to the dense model the more it compensates", async () => {
    const data = await ownTargets("residual", 40);
    const fresh = rows("residual", 20, 0.7);
    const { bytes } = await open("residual");
    const dense = await outputOf(bytes, fresh);
    const off = async (compensate: "none" | "bias" | "least-squares"): Promise<number> => {
      const loss = squaredError();
      const small = await pruneLayers(bytes, { data, loss, compensate, budget: { of: "flops", share: 0.2 } });
      expect(small.met).toBe(true);
      expect(small.after.flops).toBeLessThanOrEqual(0.8 * small.before.flops);
      expect(small.groups.filter(({ after }) => after === 0).map(({ name }) => name)).toEqual([...small.removed]);
      expect(small.predicted).toBeGreaterThan(0);
      return squaredDistance(await outputOf(small.file, fresh), dense);
    };
    const [none, bias, fitted] = [await off("none"), await off("bias"), await off("least-squares")];
    expect(bias).toBeLessThan(none);
    expect(fitted).toBeLessThan(bias);
  });

  it("fits what makes a sum's other operand to the sum, where nothing takes it as itself", async () => {
    const { bytes, graph, branches } = await open("residual");
    const left = async (gone: readonly ResidualBranch[]) =>
      (await readModelFile(withoutBranches(bytes, graph, gone))).model;
    const first = [branches[0]!];
    const places = counterparts(graph, first, await left(first));
    expect([...places]).toEqual([[branches[0]!.other, branches[0]!.sum.outputs[0]]]);
    const both = [branches[0]!, branches[1]!];
    expect(counterparts(graph, both, await left(both)).get(branches[1]!.other)).toBe(branches[1]!.sum.outputs[0]);
  });

  it("moves what makes the other operand towards the whole sum", async () => {
    const data = await ownTargets("transformer", 20);
    const { graph, branches } = await open("transformer");
    expect(graph.model.nodes.find(({ name }) => name === "/embed/Add")!.outputs[0]).toBe(branches[0]!.other);
    const loss = squaredError();
    const small = await pruneLayers(pathOf("transformer"), {
      data,
      loss,
      by: "obs",
      budget: { of: "flops", share: 0.6 },
    });
    expect(small.removed).toContain(branches[0]!.name);
    const embed = small.fitted.find(({ name }) => name === "/embed/MatMul")!;
    expect(embed.before).toBeGreaterThan(1e-3); // of its own dense output it misses nothing
    expect(embed.after).toBeLessThan(embed.before);
  });

  it("fits nothing to a sum whose operand is taken as itself too", async () => {
    const { bytes, branches } = await open("residual");
    const seen = editModel(bytes, { outputs: [branches[0]!.other] });
    const graph = channelGroups((await readModelFile(seen)).model, { x: [1, 1, 8, 8] });
    const first = residualBranches(graph).filter(({ name }) => name === branches[0]!.name);
    expect(first).toHaveLength(1);
    const left = (await readModelFile(withoutBranches(seen, graph, first))).model;
    expect(counterparts(graph, first, left).size).toBe(0);
  });

  it("says what cannot be done", async () => {
    const data = await datasetFromArrays({ inputs: { x: rows("residual", 4) } }, { batchSize: 2 });
    await expect(openLayerPruning(pathOf("concat"), { data, by: "magnitude" })).rejects.toThrow(
      /none is in a branch of a sum/,
    );
    await expect(openLayerPruning(pathOf("residual"), { data })).rejects.toThrow(/no loss says/);
    const empty: Dataset = { name: "nothing", async *batches() {} };
    await expect(openLayerPruning(pathOf("residual"), { data: empty, by: "magnitude" })).rejects.toThrow(
      /no calibration rows/,
    );
    const most = await pruneLayers(pathOf("residual"), { data, by: "magnitude", budget: { of: "flops", share: 0.99 } });
    expect(most.met).toBe(false);
  });
});
