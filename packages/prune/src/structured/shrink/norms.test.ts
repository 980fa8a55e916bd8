/** Channels that enter an RMSNorm, against what PyTorch computes with them zero, and against their energy. */
import { fileURLToPath } from "node:url";
import {
  datasetFromArrays,
  editModel,
  openFileSession,
  readModelFile,
  readTensors,
  type Tensor,
} from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { keptEnergies } from "../compensate/energies.ts";
import { type ChannelGraph, channelGroups } from "../groups/channelGroups.ts";
import { channelsOf } from "../groups/channelsOf.ts";
import { pruneChannels } from "../pruneChannels.ts";
import { maskModel } from "./mask.ts";
import { shrinkModel } from "./shrink.ts";

const folder = fileURLToPath(new URL("../../../testdata/small/", import.meta.url));

async function open(name: string): Promise<{
  readonly bytes: Uint8Array;
  readonly graph: ChannelGraph;
  readonly arrays: ReadonlyMap<string, Tensor>;
  readonly removed: ReadonlySet<number>;
}> {
  const { bytes, model } = await readModelFile(`${folder}${name}.onnx`);
  const arrays = new Map<string, Tensor>();
  for (const [key, stored] of (await readTensors(`${folder}rms.npz`)).tensors) arrays.set(key, await stored.read());
  const graph = channelGroups(model, { x: arrays.get("x")!.shape });
  const gone = Array.from(arrays.get("removed")!.data, Number);
  return { bytes, graph, arrays, removed: new Set(channelsOf(graph, "/embed/MatMul", gone)) };
}

async function run(file: Uint8Array, x: Tensor, output = "y"): Promise<Tensor> {
  await using session = await openFileSession(file);
  return (await session.run({ x }))[output]!;
}

const distance = (a: Tensor, b: Tensor): number =>
  Math.max(...Array.from(a.data, (v: number, i) => Math.abs(v - b.data[i]!)));

describe.each(["rms", "rms-op"])("%s", (name) => {
  it("without channels of its stream is what PyTorch computes with them zero", async () => {
    const { bytes, graph, arrays, removed } = await open(name);
    const x = arrays.get("x")!;
    expect(distance(await run(bytes, x), arrays.get("dense")!)).toBeLessThan(1e-5);
    const small = shrinkModel(bytes, { graph, removed });
    expect(distance(await run(small, x), arrays.get("masked")!)).toBeLessThan(1e-5);
    expect(distance(await run(maskModel(bytes, graph, removed), x), arrays.get("masked")!)).toBeLessThan(1e-5);
    expect(distance(arrays.get("masked")!, arrays.get("dense")!)).toBeGreaterThan(0.05);
    const { model } = await readModelFile(small);
    expect(model.initializers.get("fc1.bias")!.shape).toEqual([20]);
    expect(model.initializers.get("embed.bias")!.shape).toEqual([8]);
  });

  it("with the energy that went made up for, what norms give of kept channels has the scale of the dense model's", async () => {
    const { bytes, graph, arrays, removed } = await open(name);
    const x = arrays.get("x")!;
    const data = await datasetFromArrays({ inputs: { x } }, { batchSize: 3 });
    const energies = await keptEnergies(bytes, graph, removed, data);
    expect(energies.size).toBe(2);
    // what enters the first norm is the same in both models, so its outputs differ by rows alone
    const [first] = [...energies.keys()];
    const entering = await run(editModel(bytes, { outputs: ["/embed/Add_output_0"] }), x, "/embed/Add_output_0");
    const gone = new Set(Array.from(arrays.get("removed")!.data, Number));
    let [whole, left] = [0, 0];
    entering.data.forEach((v: number, k: number) => {
      whole += v * v;
      if (!gone.has(k % 12)) left += v * v;
    });
    expect(energies.get(first!)).toBeCloseTo(whole / left, 5);
    const small = shrinkModel(bytes, { graph, removed, energies });
    const normed = "/norm1/Mul_1_output_0";
    const dense = await run(editModel(bytes, { outputs: [normed] }), x, normed);
    const now = await run(editModel(small, { outputs: [normed] }), x, normed);
    const scale = graph.model.initializers.get("norm1.weight")!.read().data;
    const kept = Array.from({ length: 12 }, (_, i) => i).filter((i) => !gone.has(i));
    for (let row = 0; row < 18; row++) {
      const own = entering.data.subarray(12 * row, 12 * row + 12) as Float32Array;
      const meanKept = kept.reduce((sum, i) => sum + own[i]! ** 2, 0) / kept.length;
      kept.forEach((i, at) => {
        const expected = (scale[i]! * own[i]!) / Math.sqrt((meanKept * (kept.length / 12) * whole) / left + 0.05);
        expect(now.data[row * kept.length + at]!).toBeCloseTo(expected, 4);
      });
    }
    const square = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, v) => sum + v * v, 0);
    const denseKept = Array.from(dense.data).filter((_, k) => !gone.has(k % 12));
    expect(Math.abs(square(now.data) / square(denseKept) - 1)).toBeLessThan(0.1);
  });

  it("is pruned by its costs, closer to the dense model with the correction than without", async () => {
    const { bytes, arrays } = await open(name);
    const x = arrays.get("x")!;
    const data = await datasetFromArrays({ inputs: { x } }, { batchSize: 3 });
    const off = async (compensate: "none" | "bias" | "joint" | "least-squares"): Promise<number> => {
      const budget = { of: "parameters", share: 0.3 } as const;
      const { file, groups } = await pruneChannels(bytes, { data, budget, compensate, across: "uniform" });
      expect(groups.find(({ before }) => before === 12)!.after).toBeLessThan(12);
      const y = await run(file, x);
      return Array.from(y.data, (v: number, i) => (v - arrays.get("dense")!.data[i]!) ** 2).reduce((a, b) => a + b, 0);
    };
    expect(await off("least-squares")).toBeLessThan(await off("none"));
    expect(await off("joint")).toBeLessThan(await off("none"));
  });
});

describe("an RMSNorm's energy", () => {
  it("is made up for by every compensation, and left alone by none", async () => {
    const { bytes, arrays } = await open("rms");
    const data = await datasetFromArrays({ inputs: { x: arrays.get("x")! } }, { batchSize: 3 });
    const factors = async (compensate: "none" | "bias"): Promise<number[]> => {
      const budget = { of: "parameters", share: 0.3 } as const;
      const { file, groups } = await pruneChannels(bytes, { data, budget, compensate, across: "uniform" });
      const { initializers } = (await readModelFile(file)).model;
      const own = [...initializers].filter(([name]) => name.endsWith("_factor")).map(([, one]) => one.read().data[0]!);
      const share = groups.find(({ before }) => before === 12)!.after / 12;
      return own.map((factor) => factor / share);
    };
    const plain = await factors("none");
    expect(plain).toHaveLength(2);
    for (const factor of plain) expect(factor).toBeCloseTo(1, 6);
    for (const factor of await factors("bias")) expect(factor).toBeGreaterThan(1.001);
  });
});

describe("norms that are none", () => {
  it("lock what they are over: a mean of what is no square", async () => {
    const { bytes } = await open("rms");
    const pow = (await readModelFile(bytes)).model.nodes.find(({ opType }) => opType === "Pow")!;
    const cube = editModel(bytes, {
      initializers: new Map([["three", { dtype: "float32", shape: [], data: Float32Array.of(3) }]]),
      nodes: new Map([[pow.outputs[0]!, { inputs: [pow.inputs[0]!, "three"] }]]),
    });
    const { skipped } = channelGroups((await readModelFile(cube)).model, { x: [3, 6, 5] });
    expect(skipped.map(({ reason }) => reason).join()).toContain("is summed up by ReduceMean");
  });
});
