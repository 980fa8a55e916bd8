/** Channels that go, against networks that PyTorch ran with those channels zero after norm and activation. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { editModel, openFileSession, readModelFile, readTensors, type Tensor } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import cases from "../../testdata/small/cases.json" with { type: "json" };
import { type ChannelGraph, channelGroups } from "./groups/channelGroups.ts";
import { channelsOf } from "./groups/channelsOf.ts";
import { maskModel } from "./shrink/mask.ts";
import { shrinkModel } from "./shrink/shrink.ts";

const folder = fileURLToPath(new URL("../../testdata/small/", import.meta.url));

/** Where a network's masks lie in the graph, and how many channels of the layer a masked one stands for. */
const layerOf: Readonly<Record<string, { readonly layer: string; readonly channels?: (i: number) => number[] }>> = {
  heads: { layer: "/qkv/MatMul", channels: (head) => [4 * head] },
  fc1: { layer: "/fc1/MatMul" },
  up: { layer: "/up/ConvTranspose" },
};

async function open(name: string): Promise<{
  readonly bytes: Uint8Array;
  readonly graph: ChannelGraph;
  readonly arrays: ReadonlyMap<string, Tensor>;
}> {
  const { bytes, model } = await readModelFile(`${folder}${name}.onnx`);
  const file = await readTensors(`${folder}${name}.npz`);
  const arrays = new Map<string, Tensor>();
  for (const [key, stored] of file.tensors) arrays.set(key, await stored.read());
  const x = arrays.get("x")!;
  return { bytes, graph: channelGroups(model, { x: x.shape }), arrays };
}

function removedBy(graph: ChannelGraph, masks: Readonly<Record<string, readonly number[]>>): Set<number> {
  return new Set(
    Object.entries(masks).flatMap(([name, indices]) => {
      const { layer, channels = (i: number) => [i] } = layerOf[name] ?? { layer: `/${name}/Conv` };
      return channelsOf(graph, layer, indices.flatMap(channels));
    }),
  );
}

async function outputOf(bytes: Uint8Array, x: Tensor): Promise<Tensor> {
  await using session = await openFileSession(bytes);
  return (await session.run({ x }))["y"]!;
}

function expectClose(found: Tensor, expected: Tensor, tolerance = 1e-5): void {
  expect(found.shape).toEqual(expected.shape);
  found.data.forEach((value: number, i: number) => {
    expect(Math.abs(value - expected.data[i]!)).toBeLessThan(tolerance);
  });
}

const all = Object.entries(cases as Readonly<Record<string, readonly Record<string, number[]>[]>>).flatMap(
  ([name, list]) => list.map((masks, i) => ({ name, i, masks })),
);

describe("a weight that is standardised over all but one of its axes", () => {
  it("keeps the channels along those axes: fewer would change its mean and variance", async () => {
    const { bytes, arrays } = await open("residual-folded");
    const x = arrays.get("x")!;
    const own = ["onnx::Conv_71", ...Array<string>(4).fill("onnx::Conv_69")]; // of [8, 6, 3, 3], and 6 for each vector
    const outputs = ["standardised", "mean", "variance"];
    const attrs = { training_mode: { kind: "int", value: 1 } } as const;
    const before = [{ name: "standardise", opType: "BatchNormalization", inputs: own, outputs, attrs }];
    const edit = { inputs: ["/Relu_2_output_0", "standardised", "onnx::Conv_72"], before };
    const file = editModel(bytes, { nodes: new Map([["/c/Conv_output_0", edit]]) });
    const { model } = await readModelFile(file);
    const graph = channelGroups(model, { x: x.shape });
    expect(graph.skipped.some(({ layer, count }) => layer === "/c/Conv" && count === 8)).toBe(true);
    const removed = new Set(graph.groups.flatMap(({ channels }) => channels.slice(0, 3)));
    expect(removed.size).toBeGreaterThan(8);
    const masked = await outputOf(maskModel(file, graph, removed), x);
    expectClose(await outputOf(shrinkModel(file, { graph, removed }), x), masked);
  });
});

describe("a model without some of its channels", () => {
  it.each(all)("$name, $masks: is what PyTorch computes with them zero", async ({ name, i, masks }) => {
    const { bytes, graph, arrays } = await open(name);
    const x = arrays.get("x")!;
    expectClose(await outputOf(bytes, x), arrays.get("dense")!);
    const removed = removedBy(graph, masks);
    const small = shrinkModel(bytes, { graph, removed });
    const expected = arrays.get(`masked${i}`)!;
    expectClose(await outputOf(small, x), expected);
    expectClose(await outputOf(maskModel(bytes, graph, removed), x), expected);
    const weights = async (file: Uint8Array): Promise<number> =>
      [...(await readModelFile(file)).model.initializers.values()]
        .filter(({ dtype }) => dtype === "float32")
        .reduce((sum, { shape }) => sum + shape.reduce((n, d) => n * d, 1), 0);
    expect(await weights(small)).toBeLessThan(await weights(bytes));
  });

  it("takes any number of rows where the dense one does", async () => {
    for (const name of ["residual", "shuffle", "transformer"]) {
      const { bytes, graph } = await open(name);
      const removed = new Set(graph.groups.flatMap(({ channels }) => channels.slice(0, channels.length >> 1)));
      const [small, masked] = [shrinkModel(bytes, { graph, removed }), maskModel(bytes, graph, removed)];
      const shape = name === "transformer" ? [3, 6, 5] : [3, 1, 8, 8];
      const count = shape.reduce((n, d) => n * d, 1);
      const x: Tensor = { dtype: "float32", shape, data: Float32Array.from({ length: count }, (_, k) => Math.sin(k)) };
      expectClose(await outputOf(small, x), await outputOf(masked, x));
    }
  });

  it("is the same file where nothing goes", async () => {
    const { bytes, graph } = await open("residual-folded");
    const same = shrinkModel(bytes, { graph, removed: new Set() });
    expect(Buffer.from(same).equals(Buffer.from(bytes))).toBe(true);
  });

  it("keeps names, metadata, opset and what nothing changes", async () => {
    const { bytes, graph } = await open("residual");
    const removed = removedBy(graph, { a: [0] });
    const after = (await readModelFile(shrinkModel(bytes, { graph, removed, metadata: { note: "½" } }))).model;
    expect(after.opsets).toEqual(graph.model.opsets);
    expect(after.nodes.map(({ name }) => name)).toEqual(graph.model.nodes.map(({ name }) => name));
    expect([...after.initializers.keys()]).toEqual([...graph.model.initializers.keys()]);
    expect(after.initializers.get("a.weight")!.shape).toEqual([7, 6, 3, 3]);
    expect(after.initializers.get("b.weight")!.shape).toEqual([6, 7, 3, 3]);
    expect(after.initializers.get("norm1.running_var")!.shape).toEqual([7]);
    expect(after.initializers.get("c.weight")!.shape).toEqual([8, 6, 3, 3]);
  });
});

describe("the channels of a model", () => {
  it("are coupled through residual sums, concatenations, groups and heads", async () => {
    const named = async (name: string): Promise<Record<string, number>> =>
      Object.fromEntries((await open(name)).graph.groups.map((group) => [group.name, group.channels.length]));
    expect(await named("residual")).toEqual({
      "/stem/Conv + /b/Conv": 6,
      "/a/Conv": 8,
      "/c/Conv": 8,
      "/d/Conv + /short/Conv": 10,
    });
    expect(await named("concat")).toEqual({ "/a/Conv": 6, "/b/Conv": 5, "/c/Conv": 7 });
    expect(await named("depthwise")).toEqual({ "/expand/Conv + /depth/Conv": 8, "/project/Conv": 6 });
    expect(await named("grouped")).toEqual({ "/a/Conv + /b/Conv": 4, "/c/Conv": 4, "/d/Conv": 5 });
    expect(await named("video")).toEqual({ "/a/Conv": 3, "/b/Conv": 4 });
    expect(await named("squeeze")).toEqual({ "/conv/Conv + /up/Conv": 8, "/down/Conv": 4 });
    expect(await named("transformer")).toEqual({ "/qkv/MatMul": 3, "/fc1/MatMul": 20 });
    expect((await open("transformer")).graph.groups.map(({ kind }) => kind)).toEqual(["heads", "channels"]);
  });

  it("that have to stay are named, with the reason", async () => {
    const reasons = async (name: string): Promise<string[]> =>
      (await open(name)).graph.skipped.map(({ layer, count, reason }) => `${layer} (${count}) ${reason}`);
    expect(await reasons("unet")).toEqual([
      '/low/Conv (8) is part of a group normalised by InstanceNormalization "/groups/InstanceNormalization"',
      '/head/Conv (2) is in the output "y"',
    ]);
    expect(await reasons("transformer")).toEqual([
      '/embed/MatMul (12) is normalised by LayerNormalization "/norm1/LayerNormalization"',
      '/out/MatMul (12) is normalised by LayerNormalization "/norm1/LayerNormalization"',
      '/fc2/MatMul (12) is normalised by LayerNormalization "/norm1/LayerNormalization"',
      '/head/Gemm (4) is in the output "y"',
    ]);
    const { graph } = await open("unet");
    expect(() => channelsOf(graph, "/low/Conv", [1])).toThrow(/Cannot remove a channel as it has to stay/);
    expect(() => channelsOf(graph, "/none", [1])).toThrow(/no layer has that name/);
  });

  it("stay beside what a Loop gives, whose shape is not known beforehand", async () => {
    const { bytes, model } = await readModelFile(`${folder}bags.onnx`);
    const graph = channelGroups(model, { x: [3, 4], ids: [3, 5] });
    expect(graph.groups).toEqual([]);
    expect(graph.skipped.map(({ layer, count }) => `${layer} ${count}`)).toContain("/mix/Gemm 12");
    expect(graph.skipped.find(({ layer }) => layer === "/dense/Gemm")!.reason).toBe('enters Concat "/Concat"');
    expect(Buffer.from(shrinkModel(bytes, { graph, removed: new Set() })).equals(Buffer.from(bytes))).toBe(true);
  });

  it("are read from a file that stays as it was", async () => {
    const before = await readFile(`${folder}concat.onnx`);
    const { bytes, graph } = await open("concat");
    shrinkModel(bytes, { graph, removed: removedBy(graph, { a: [1] }) });
    expect(Buffer.from(bytes).equals(before)).toBe(true);
  });
});
