/** Heads that share keys and values, by both of PyTorch's exporters, against what PyTorch computes without some. */
import { fileURLToPath } from "node:url";
import { datasetFromArrays, openFileSession, readModelFile, readTensors, type Tensor } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { channelGroups } from "./groups/channelGroups.ts";
import { pruneChannels } from "./pruneChannels.ts";
import { maskModel } from "./shrink/mask.ts";
import { shrinkModel } from "./shrink/shrink.ts";

const folder = fileURLToPath(new URL("../../testdata/small/", import.meta.url));
const { tensors } = await readTensors(`${folder}attention.npz`);

async function run(file: Uint8Array, x: Tensor): Promise<Tensor> {
  await using session = await openFileSession(file);
  return (await session.run({ x }))["y"]!;
}

const distance = (a: Tensor, b: Tensor): number =>
  Math.max(...Array.from(a.data, (v: number, i) => Math.abs(v - b.data[i]!)));

describe.each([
  // [network, heads of its one group, those of the group that go]
  ["grouped-query", 2, [1]],
  ["multi-query", 4, [0, 2]],
] as const)("%s attention", (name, heads, gone) => {
  it.each(["ts", "dynamo"])("by the %s exporter without heads is PyTorch's with them zero", async (exporter) => {
    const [x, dense, masked] = await Promise.all(
      ["x", "dense", "masked"].map((key) => tensors.get(`${name}.${key}`)!.read()),
    );
    const { bytes, model } = await readModelFile(`${folder}${name}.${exporter}.onnx`);
    const graph = channelGroups(model, { x: x!.shape });
    const groups = graph.groups.filter(({ kind }) => kind === "heads");
    expect(groups.map(({ channels }) => channels.length)).toEqual([heads]);
    const removed = new Set(gone.map((head) => groups[0]!.channels[head]!));
    const small = shrinkModel(bytes, { graph, removed });
    expect(distance(await run(bytes, x!), dense!)).toBeLessThan(1e-5);
    expect(distance(await run(small, x!), masked!)).toBeLessThan(1e-5);
    expect(distance(await run(maskModel(bytes, graph, removed), x!), masked!)).toBeLessThan(1e-5);
    expect(distance(dense!, masked!)).toBeGreaterThan(0.02);
    const data = await datasetFromArrays({ inputs: { x: x! } }, { batchSize: 2 });
    const pruned = await pruneChannels(bytes, { data, only: "heads", budget: { of: "parameters", share: 0.2 } });
    expect(pruned.met).toBe(true);
    expect(pruned.groups[0]!.after).toBeLessThan(heads);
    expect((await run(pruned.file, x!)).shape).toEqual(dense!.shape);
  });
});
