import { fileURLToPath } from "node:url";
import {
  bindModel,
  costOf,
  type Dataset,
  datasetFromArrays,
  editModel,
  matmul,
  openFileSession,
  randomStream,
  readModelFile,
  readTensors,
  squaredError,
  type Tensor,
} from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { jointCompensation } from "./compensate/joint.ts";
import { channelGroups } from "./groups/channelGroups.ts";
import { channelsOf } from "./groups/channelsOf.ts";
import { activations } from "./layers/activations.ts";
import { layerMatrix, layerTensors } from "./layers/matrices.ts";
import { inputRows, outputRows, ownOutputs, positionsOf } from "./layers/rows.ts";
import { groupLayers, nodeLayers, type WeightLayer, weightLayers } from "./layers/weightLayer.ts";
import { pruneChannels } from "./pruneChannels.ts";
import { chooseChannels, measureChannels } from "./select/choose.ts";
import { costModel } from "./select/cost.ts";
import { magnitudeChannelCosts } from "./select/magnitude.ts";
import { selectChannels } from "./select/select.ts";
import { shrinkModel } from "./shrink/shrink.ts";
import { pruneChannelsToDrop } from "./toDrop.ts";

const pathOf = (name: string): string => fileURLToPath(new URL(`../../testdata/small/${name}.onnx`, import.meta.url));
const shapes = { x: [1, 1, 8, 8] };

/** Smooth and different in every row. */
function images(rows: number, shift = 0): Tensor {
  const data = Float32Array.from({ length: rows * 64 }, (_, i) => Math.sin(1.7 * i + shift) + Math.cos(0.013 * i * i));
  return { dtype: "float32", shape: [rows, 1, 8, 8], data };
}

const calibration: Dataset = await datasetFromArrays({ inputs: { x: images(24) } }, { batchSize: 12 });

async function outputOf(file: Uint8Array, x: Tensor): Promise<Tensor> {
  await using session = await openFileSession(file);
  return (await session.run({ x }))["y"]!;
}

/** Rows of random images, or of the videos that one network takes. */
async function calibrationFor(name: string): Promise<Dataset> {
  if (name !== "video") return calibration;
  const shape = [12, 1, 3, 6, 7];
  const stream = randomStream(3, "videos");
  const data = Float32Array.from({ length: 12 * 126 }, () => stream.normal());
  return datasetFromArrays({ inputs: { x: { dtype: "float32", shape, data } } }, { batchSize: 6 });
}

async function firstInput(data: Dataset): Promise<Tensor> {
  for await (const { inputs } of data.batches()) return inputs["x"]!;
  throw new Error("no rows");
}

/** Σ over channels of (a − b)², a value of two models, on average over rows and positions. */
async function squaresApart(a: Uint8Array, b: Uint8Array, value: string, axis: number, data: Dataset): Promise<number> {
  let [sum, positions] = [0, 0];
  const others = activations(b, [value], data);
  for await (const { values } of activations(a, [value], data)) {
    const [z, other] = [values[value]!, (await others.next()).value!.values[value]!];
    z.data.forEach((v: number, i: number) => {
      sum += (v - other.data[i]!) ** 2;
    });
    positions += z.data.length / z.shape.at(axis)!;
  }
  return sum / positions;
}

const distance = (a: Tensor, b: Tensor): number =>
  Math.max(...Array.from(a.data, (v: number, i) => Math.abs(v - b.data[i]!)));

describe("costs of channels", () => {
  // Each layer with its new weights on the dense model's inputs, as the runtime computes it.
  it.each(["residual-folded", "grouped", "video"])(
    "are the squared error that the reading layers are left with, all removals together: %s",
    async (name) => {
      const { bytes, model } = await readModelFile(pathOf(name));
      const data = await calibrationFor(name);
      const graph = channelGroups(model, { x: (await firstInput(data)).shape });
      const options = { data, budget: { of: "channels", share: 0.4 }, damping: 0, positions: 1e9 } as const;
      const { selected, obs } = chooseChannels(graph, await measureChannels(bytes, graph, options), options);
      const values = jointCompensation(graph, selected.removed, obs!);
      let measured = 0;
      for (const [layer] of nodeLayers(groupLayers(model))) {
        if (!values.has(layer.weight)) continue;
        const own = [layer.weight, layer.bias!].map((one) => [one, values.get(one)!] as const);
        const edited = editModel(bytes, { initializers: new Map(own) });
        measured += await squaresApart(bytes, edited, layer.output, layer.kind === "conv" ? 1 : -1, data);
      }
      expect(selected.removed.length).toBeGreaterThan(2);
      expect(selected.predicted.at(-1)).toBeGreaterThan(1e-3);
      expect(Math.abs(measured / selected.predicted.at(-1)! - 1)).toBeLessThan(1e-3);
    },
  );

  it("are nothing for one of two equal channels, and the model is the same without it", async () => {
    const { bytes, model } = await readModelFile(pathOf("residual-folded"));
    const [layer] = weightLayers(model).filter(({ node }) => node.name === "/a/Conv");
    const initializers = new Map(
      [layer!.weight, layer!.bias!].map((name) => {
        const tensor = model.initializers.get(name)!.read();
        const data = tensor.data.slice() as Float32Array;
        const size = data.length / layer!.out;
        data.copyWithin(3 * size, 5 * size, 6 * size); // channel 3 is channel 5
        return [name, { ...tensor, data }] as const;
      }),
    );
    const twin = editModel(bytes, { initializers });
    const graph = channelGroups((await readModelFile(twin)).model, shapes);
    const small = await pruneChannels(twin, {
      data: calibration,
      budget: { of: "channels", share: 0.03 },
      damping: 1e-9,
      compensate: "joint",
    });
    const pair = channelsOf(graph, "/a/Conv", [3, 5]);
    const options = { data: calibration, budget: { of: "channels", share: 0.03 }, damping: 1e-9 } as const;
    const { selected } = chooseChannels(graph, await measureChannels(twin, graph, options), options);
    expect(pair).toContain(selected.removed[0]);
    expect(small.groups.find(({ name }) => name === "/a/Conv")).toMatchObject({ before: 8, after: 7 });
    const x = images(5, 0.3);
    expect(distance(await outputOf(small.file, x), await outputOf(twin, x))).toBeLessThan(1e-4);
  });
});

describe("pruneChannels", () => {
  it("keeps closer to the dense model the more it compensates", async () => {
    const x = images(16, 0.7);
    const { bytes } = await readModelFile(pathOf("residual-folded"));
    const dense = await outputOf(bytes, x);
    const off = async (compensate: "none" | "joint" | "least-squares", shots = 1): Promise<number> => {
      const budget = { of: "flops", share: 0.4 } as const;
      const { file, before, after, met } = await pruneChannels(bytes, { data: calibration, budget, compensate, shots });
      expect(met).toBe(true);
      expect(after.flops).toBeLessThanOrEqual(0.6 * before.flops);
      const y = await outputOf(file, x);
      return Array.from(dense.data).reduce((sum, v, i) => sum + (v - y.data[i]!) ** 2, 0);
    };
    const [none, joint, fitted] = [await off("none"), await off("joint"), await off("least-squares")];
    expect(joint).toBeLessThan(0.5 * none);
    expect(fitted).toBeLessThan(joint);
    expect(await off("least-squares", 3)).toBeLessThan(0.5 * none);
  });

  it("fits a layer over whose outputs a value of fewer positions is spread", async () => {
    const { bytes, model } = await readModelFile(pathOf("residual-folded"));
    const sum = model.nodes.find(({ opType }) => opType === "Add")!;
    const [own, other] = sum.inputs as [string, string];
    const pooled = { name: "pooled", opType: "GlobalAveragePool", inputs: [other], outputs: ["pooled"] };
    const edit = { inputs: [own, "pooled"], before: [pooled] };
    const spread = editModel(bytes, { nodes: new Map([[sum.outputs[0]!, edit]]) });
    const x = images(16, 0.7);
    const dense = await outputOf(spread, x);
    const off = async (compensate: "none" | "bias" | "least-squares"): Promise<number> => {
      const budget = { of: "flops", share: 0.4 } as const;
      const { file } = await pruneChannels(spread, { data: calibration, budget, compensate });
      const y = await outputOf(file, x);
      return Array.from(dense.data).reduce((total, v, i) => total + (v - y.data[i]!) ** 2, 0);
    };
    const none = await off("none");
    expect(await off("bias")).toBeLessThan(none);
    expect(await off("least-squares")).toBeLessThan(0.5 * none);
  });

  it("moves all weights towards what the dense model predicts, where asked", async () => {
    const budget = { of: "flops", share: 0.4 } as const;
    const loss = squaredError();
    const small = await pruneChannels(pathOf("residual-folded"), {
      data: calibration,
      budget,
      loss,
      compensate: "function-space",
    });
    const { before, after } = small.refit!;
    expect(after).toBeLessThan(0.9 * before);
    const y = await outputOf(small.file, images(5));
    expect(y.data.every((v: number) => Number.isFinite(v))).toBe(true);
  });

  it("says what cannot be done", async () => {
    const budget = { of: "flops", share: 0.5 } as const;
    const empty: Dataset = { name: "nothing", async *batches() {} };
    await expect(pruneChannels(pathOf("concat"), { data: empty, budget })).rejects.toThrow(/no calibration rows/);
    const wrong = await datasetFromArrays({ inputs: { z: images(4) } }, { batchSize: 2 });
    await expect(pruneChannels(pathOf("concat"), { data: wrong, budget })).rejects.toThrow(
      /no values for one of its inputs/,
    );
    await expect(
      pruneChannels(pathOf("concat"), { data: calibration, budget: { of: "flops", share: 1.5 } }),
    ).rejects.toThrow(/not between 0 and 1/);
    await expect(pruneChannels(pathOf("concat"), { data: calibration, budget, by: "kfac" })).rejects.toThrow(
      /no loss says/,
    );
    const poisoned = { ...images(4), data: new Float32Array(256).fill(Number.NaN) };
    const bad: Dataset = {
      name: "poisoned",
      async *batches() {
        yield { inputs: { x: poisoned }, rows: 4 };
      },
    };
    await expect(pruneChannels(pathOf("concat"), { data: bad, budget })).rejects.toThrow(/not finite/);
  });
});

describe("pruneChannelsToDrop", () => {
  it("finds the largest share that keeps to the drop, and says when none does", async () => {
    const path = pathOf("residual-folded");
    const y = await outputOf((await readModelFile(path)).bytes, images(40, 0.9));
    // Targets a little off what the dense model says, so that its own loss is not 0.
    const target: Tensor = { ...y, data: Float32Array.from(y.data, (v, i) => v + 0.2 * Math.sin(i)) };
    const heldOut = await datasetFromArrays({ inputs: { x: images(40, 0.9) }, target }, { batchSize: 20 });
    const setting = { data: calibration, heldOut, loss: squaredError(), tries: 3 };
    const found = await pruneChannelsToDrop(path, { ...setting, maxDrop: 1 });
    expect(found.met).toBe(true);
    expect(found.quality.loss / found.dense.loss - 1).toBeLessThanOrEqual(1);
    const accepted = found.tried.filter((one) => one.accepted).map(({ share }) => share);
    const refused = found.tried.filter((one) => !one.accepted).map(({ share }) => share);
    expect(Math.max(...accepted)).toBeLessThan(Math.min(...refused));
    expect(1 - found.pruned!.after.flops / found.pruned!.before.flops).toBeGreaterThanOrEqual(Math.max(...accepted));
    const none = await pruneChannelsToDrop(path, { ...setting, maxDrop: 0, compensate: "none", tries: 1 });
    expect(none).toMatchObject({ met: false, pruned: undefined });
    await expect(pruneChannelsToDrop(path, { ...setting, maxDrop: -1 })).rejects.toThrow(/negative/);
  });
});

describe("what a model costs", () => {
  it.each(["residual", "concat", "depthwise", "grouped", "unet", "squeeze"])("%s", async (name) => {
    const { bytes, model } = await readModelFile(pathOf(name));
    const graph = channelGroups(model, shapes);
    const removed = new Set(graph.groups.flatMap(({ channels }) => channels.slice(0, channels.length >> 1)));
    const { model: small } = await readModelFile(shrinkModel(bytes, { graph, removed }));
    const parameters = [...small.initializers.values()]
      .filter(({ dtype, shape }) => dtype === "float32" && shape.some((d) => d > 1))
      .reduce((sum, { shape }) => sum + shape.reduce((n, d) => n * d, 1), 0);
    const after = costModel(graph).after(removed);
    expect(Math.abs(after.parameters - parameters)).toBeLessThanOrEqual(8); // scalars of the graph
    const weights = [...small.initializers.values()].filter(
      ({ dtype, shape: s }) => dtype === "float32" && s.length > 0,
    );
    const bound = bindModel(small, { shapes, parameters: weights.map((one) => one.name) });
    const graphInputs = [...bound.inputs.values(), ...bound.parameters];
    const products = costOf(bound.g.build(graphInputs, bound.outputs)).productFlops;
    expect(after.flops).toBeGreaterThanOrEqual(products);
    expect(after.flops).toBeLessThan(1.6 * products);
  });

  it("stays whole where nothing is known of a group's costs, and names it", async () => {
    const { model } = await readModelFile(pathOf("residual"));
    const graph = channelGroups(model, shapes);
    const magnitude = magnitudeChannelCosts(graph);
    const [silent] = graph.groups;
    const hidden = new Set(silent!.channels);
    const costs = { ...magnitude, cost: (c: number) => (hidden.has(c) ? Number.POSITIVE_INFINITY : magnitude.cost(c)) };
    const { removed, unknown } = selectChannels(graph, costs, { budget: { of: "channels", share: 0.5 } });
    expect(unknown).toEqual([silent]);
    expect(removed.length).toBeGreaterThan(5);
    expect(removed.some((channel) => hidden.has(channel))).toBe(false);
  });

  it("selects whole multiples, the same share of each group, and never a whole group", async () => {
    const { model } = await readModelFile(pathOf("residual"));
    const graph = channelGroups(model, shapes);
    const left = (options: object): number[] => {
      const { removed } = selectChannels(graph, magnitudeChannelCosts(graph), {
        budget: { of: "channels", share: 0.5 },
        ...options,
      });
      return graph.groups.map(({ channels }) => channels.filter((c) => !removed.includes(c)).length);
    };
    expect(left({ across: "uniform" })).toEqual([3, 4, 4, 5]);
    for (const count of left({ multiple: 4, across: "uniform" })) expect(count % 4).toBe(0);
    const most = selectChannels(graph, magnitudeChannelCosts(graph), {
      budget: { of: "flops", share: 0.999 },
      least: 0,
    });
    expect(most.met).toBe(false);
    expect(graph.groups.map(({ channels }) => channels.filter((c) => !most.removed.includes(c)).length)).toEqual([
      1, 1, 1, 1,
    ]);
  });
});

describe("calibration rows", () => {
  it("that are fewer than a layer's inputs are said, with the damping used", async () => {
    const budget = { of: "flops", share: 0.3 } as const;
    const one = await datasetFromArrays({ inputs: { x: images(1) } }, { batchSize: 1 });
    const few = await pruneChannels(pathOf("residual-folded"), { data: one, budget, positions: 20, damping: 0.01 });
    expect(few.notes?.join()).toMatch(
      /layers saw fewer positions than they have inputs \(\S+ \d+ of \d+\).*damped by 0.01 of/,
    );
    const enough = await pruneChannels(pathOf("residual-folded"), { data: calibration, budget, positions: 1e9 });
    expect(enough.notes).toEqual([]);
  });
});

describe("layers whose weights are costed", () => {
  it.each([
    ["transformer", ["/embed/MatMul", "/qkv/MatMul", "/out/MatMul", "/fc1/MatMul", "/fc2/MatMul", "/head/Gemm"]],
    ["depthwise", ["/expand/Conv", ...Array(8).fill("/depth/Conv"), "/project/Conv", "/fc/Gemm"]],
    ["grouped", ["/a/Conv", ...Array(4).fill("/b/Conv"), "/c/Conv", ...Array(2).fill("/d/Conv"), "/fc/Gemm"]],
    ["video", ["/a/Conv", "/b/Conv", "/b/Conv", "/fc/Gemm"]],
  ])("compute what the runtime does: %s", async (name, nodes) => {
    const { bytes, model } = await readModelFile(pathOf(name));
    const layers = groupLayers(model);
    expect(layers.map(({ node }) => node.name)).toEqual(nodes);
    expect(weightLayers(model).map(({ node }) => node.name)).toEqual(
      nodes.filter((one) => nodes.filter((other) => other === one).length === 1),
    );
    const x = await (await readTensors(pathOf(name).replace(".onnx", ".npz"))).tensors.get("x")!.read();
    const data = await datasetFromArrays({ inputs: { x } }, { batchSize: 2 });
    const stored = (one: string): Tensor => model.initializers.get(one)!.read();
    for await (const { values } of activations(
      bytes,
      layers.flatMap(({ input, output }) => [input, output]),
      data,
    )) {
      for (const layer of layers) {
        const z = values[layer.output]!;
        const at = positionsOf(layer, z, 1e9);
        const rows = inputRows(layer, values[layer.input]!, z.shape, at, layer.bias !== undefined);
        const y = matmul(rows, layerMatrix({ stored }, layer), { b: true });
        const expected = ownOutputs(layer, outputRows(layer, z, at));
        expect(y.data.length).toBe(expected.data.length);
        y.data.forEach((v, k) => expect(Math.abs(v - expected.data[k]!)).toBeLessThan(1e-4));
        const tensors = layerTensors({ stored }, layer, layerMatrix({ stored }, layer));
        for (const [one, tensor] of tensors) expect([...tensor.data]).toEqual([...stored(one).data]);
      }
    }
  });

  it("see a sequence's patches with strides, dilations and padding", () => {
    const ints = (value: readonly number[]) => ({ kind: "ints", value }) as const;
    const attrs = { kernel_shape: ints([3]), strides: ints([2]), dilations: ints([2]), pads: ints([1, 3]) };
    const node = { name: "c", opType: "Conv", domain: "", inputs: [], outputs: [], attrs };
    const x: Tensor = { dtype: "float32", shape: [1, 2, 6], data: Float32Array.from({ length: 12 }, (_, i) => i + 1) };
    const group = { at: 0, of: 1 };
    const layer = { node, kind: "conv", perChannel: 3, kernel: [3], group } as unknown as WeightLayer;
    const rows = inputRows(layer, x, [1, 4, 3], Int32Array.of(0, 1, 2), true);
    expect([...rows.data.subarray(0, 7)]).toEqual([0, 2, 4, 0, 8, 10, 1]); // at −1, 1, 3
    expect([...rows.data.subarray(14, 21)]).toEqual([4, 6, 0, 10, 12, 0, 1]); // at 3, 5, 7
  });
});
