import { fileURLToPath } from "node:url";
import { type Dataset, datasetFromArrays, readModelFile, type Tensor } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { channelGroups } from "../groups/channelGroups.ts";
import { channelsOf } from "../groups/channelsOf.ts";
import { activations } from "../layers/activations.ts";
import { pruneChannels } from "../pruneChannels.ts";
import { keptAfter } from "../shrink/kept.ts";
import { shrinkModel } from "../shrink/shrink.ts";
import { restoreMeans } from "./means.ts";

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../../../testdata/small/${name}.onnx`, import.meta.url));

async function rows(shape: readonly number[]): Promise<Dataset> {
  const length = shape.reduce((n, d) => n * d, 1);
  const data = Float32Array.from({ length }, (_, i) => Math.sin(1.7 * i) + Math.cos(0.013 * i * i));
  return datasetFromArrays({ inputs: { x: { dtype: "float32", shape, data } } }, { batchSize: 5 });
}

/** Values of every row, one after the other. */
async function all(file: Uint8Array, name: string, data: Dataset): Promise<Tensor[]> {
  const found: Tensor[] = [];
  for await (const { values } of activations(file, [name], data)) found.push(values[name]!);
  return found;
}

/** Mean and variance of a channel, along `axis`, over all else. */
function momentsOf(tensors: readonly Tensor[], axis: number, channel: number): readonly [number, number] {
  const own = tensors.flatMap(({ shape, data }) => {
    const inner = shape.slice(axis + 1).reduce((n, d) => n * d, 1);
    return Array.from(data as Float32Array).filter((_, k) => Math.floor(k / inner) % shape[axis]! === channel);
  });
  const mean = own.reduce((sum, v) => sum + v, 0) / own.length;
  return [mean, own.reduce((sum, v) => sum + (v - mean) ** 2, 0) / own.length];
}

describe("restoreMeans", () => {
  it("adds to a bias what the channels that went gave on average: W_P μ_P", async () => {
    const data = await rows([15, 6, 5]);
    const { bytes, model } = await readModelFile(pathOf("transformer"));
    const graph = channelGroups(model, { x: [1, 6, 5] });
    const gone = [3, 4, 11];
    const removed = new Set(channelsOf(graph, "/fc1/MatMul", gone));
    const small = shrinkModel(bytes, { graph, removed });
    const kept = keptAfter(graph.propagation.atoms.find, removed);
    const restored = await restoreMeans(bytes, small, data, (value, axis) =>
      kept.indices(graph.propagation.axes.get(value)?.[axis] ?? null),
    );
    const node = model.nodes.find(({ name }) => name === "/fc2/MatMul")!;
    const hidden = await all(bytes, node.inputs[0]!, data);
    const means = gone.map((channel) => momentsOf(hidden, 2, channel)[0]);
    const weight = model.initializers.get("fc2.weight")!.read(); // [12, 20]
    const before = model.initializers.get("fc2.bias")!.read().data;
    const after = (await readModelFile(restored)).model.initializers.get("fc2.bias")!.read().data;
    for (let o = 0; o < 12; o++) {
      const expected = gone.reduce((sum, c, i) => sum + weight.data[o * 20 + c]! * means[i]!, before[o]!);
      expect(Math.abs(after[o]! - expected)).toBeLessThan(1e-5);
    }
    expect(Math.max(...before.map((b: number, o: number) => Math.abs(b - after[o]!)))).toBeGreaterThan(0.01);
  });

  it("gives every output of a convolution the dense model's mean, whatever went before it", async () => {
    const data = await rows([20, 1, 8, 8]);
    const { bytes, model } = await readModelFile(pathOf("residual-folded"));
    const budget = { of: "channels", share: 0.3 } as const;
    const { file, groups } = await pruneChannels(bytes, { data, budget, compensate: "bias", by: "magnitude" });
    const left = (await readModelFile(file)).model;
    // outputs of layers that keep all of their channels
    const whole = left.nodes.filter(({ opType, inputs }) => {
      const [was, now] = [model.initializers.get(inputs[1] ?? ""), left.initializers.get(inputs[1] ?? "")];
      return opType === "Gemm" || (opType === "Conv" && was?.shape[0] === now?.shape[0]);
    });
    expect(whole.length).toBeGreaterThan(0);
    expect(groups.some(({ before, after }) => after < before)).toBe(true);
    for (const { outputs } of whole) {
      const sum = left.nodes.find(({ opType, inputs }) => opType === "Add" && inputs.includes(outputs[0]!));
      const value = sum?.outputs[0] ?? outputs[0]!; // of a sum it is the sum's mean
      const [theirs, ours] = [await all(bytes, value, data), await all(file, value, data)];
      for (let c = 0; c < theirs[0]!.shape[1]!; c++)
        expect(Math.abs(momentsOf(ours, 1, c)[0] - momentsOf(theirs, 1, c)[0])).toBeLessThan(1e-4);
    }
  });

  it("gives a BatchNormalization the mean and variance of what enters it", async () => {
    const data = await rows([20, 1, 8, 8]);
    const { bytes, model } = await readModelFile(pathOf("residual"));
    const budget = { of: "channels", share: 0.3 } as const;
    const { file } = await pruneChannels(bytes, { data, budget, compensate: "bias", by: "magnitude" });
    const left = (await readModelFile(file)).model;
    const norms = left.nodes.filter(({ opType }) => opType === "BatchNormalization");
    expect(norms.length).toBe(model.nodes.filter(({ opType }) => opType === "BatchNormalization").length);
    for (const { inputs } of norms) {
      const entering = await all(file, inputs[0]!, data);
      const [mean, variance] = [3, 4].map((i) => left.initializers.get(inputs[i]!)!.read());
      for (let c = 0; c < mean!.shape[0]!; c++) {
        const [m, v] = momentsOf(entering, 1, c);
        expect(Math.abs(mean!.data[c]! - m)).toBeLessThan(1e-4);
        expect(Math.abs(variance!.data[c]! - v)).toBeLessThan(1e-3 * Math.max(1, v));
      }
    }
  });
});
