/**
 * Every architecture that testdata/architectures exports, with 30 % of its channels and heads gone, or a third of the branches
 * of its sums: what remains loads, runs and agrees with the masked dense model. Give the folder of exported models as
 * HESSONITE_ARCHITECTURES.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type OnnxModel, openFileSession, randomStream, readModelFile, type Tensor } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { residualBranches } from "./branches/residualBranches.ts";
import { gateBranches, withoutBranches } from "./branches/withoutBranches.ts";
import { channelGroups } from "./groups/channelGroups.ts";
import { maskModel } from "./shrink/mask.ts";
import { shrinkModel } from "./shrink/shrink.ts";

const folder = process.env["HESSONITE_ARCHITECTURES"];
const files = folder ? readdirSync(folder).filter((name) => name.endsWith(".onnx")) : [];

function feedsFor({ inputs }: OnnxModel, random: () => number): Record<string, Tensor> {
  return Object.fromEntries(
    inputs.map(({ name, dtype, shape }) => {
      const lengths = (shape ?? []).map((d) => (typeof d === "number" ? d : 2));
      const count = lengths.reduce((n, d) => n * d, 1);
      const draw = dtype === "float32" ? () => 2 * random() - 1 : () => Number(random() < 0.8);
      return [name, { dtype, shape: lengths, data: Float64Array.from({ length: count }, draw) }];
    }),
  );
}

async function expectSame(small: Uint8Array, masked: Uint8Array, feeds: Record<string, Tensor>): Promise<void> {
  await using ours = await openFileSession(small);
  await using theirs = await openFileSession(masked);
  const [found, expected] = [await ours.run(feeds), await theirs.run(feeds)];
  for (const output of ours.outputs) {
    const [a, b] = [found[output]!, expected[output]!];
    expect(a.shape).toEqual(b.shape);
    const pairs = Array.from(a.data, (v: number, i) => [v, b.data[i]!] as const);
    const finite = pairs.filter(([, w]) => Number.isFinite(w)); // a random graph may leave a node without neighbours
    for (const [v, w] of pairs) if (!Number.isFinite(w)) expect(v).toBe(w);
    expect(finite.length).toBeGreaterThan(0);
    const largest = Math.max(1, ...finite.map(([, w]) => Math.abs(w)));
    expect(Math.max(...finite.map(([v, w]) => Math.abs(v - w)))).toBeLessThanOrEqual(1e-4 * largest);
  }
}

describe.skipIf(files.length === 0)("without some of itself", () => {
  it.each(files)("%s, 30 %% of its channels", { timeout: 120_000 }, async (name) => {
    const random = randomStream(1).uniform;
    const { bytes, model } = await readModelFile(join(folder!, name));
    const feeds = feedsFor(model, random);
    const graph = channelGroups(model, shapesOf(feeds));
    const removed = new Set(
      graph.groups.flatMap(({ channels }) => {
        const shuffled = channels.map((channel) => ({ channel, at: random() })).sort((a, b) => a.at - b.at);
        return shuffled.slice(0, Math.floor(0.3 * channels.length)).map(({ channel }) => channel);
      }),
    );
    await expectSame(shrinkModel(bytes, { graph, removed }), maskModel(bytes, graph, removed), feeds);
    if (graph.groups.some(({ channels }) => channels.length > 3)) expect(removed.size).toBeGreaterThan(0);
  });

  it.each(files)("%s, a third of its branches", { timeout: 120_000 }, async (name) => {
    const random = randomStream(2).uniform;
    const { bytes, model } = await readModelFile(join(folder!, name));
    const feeds = feedsFor(model, random);
    const graph = channelGroups(model, shapesOf(feeds));
    const branches = residualBranches(graph);
    const sums = new Set<unknown>();
    const gone = branches.filter(({ sum }) => {
      if (sums.has(sum) || random() > 1 / 3) return false;
      sums.add(sum);
      return true;
    });
    if (gone.length === 0) return;
    const masked = gateBranches(bytes, graph, gone, () => 0).file;
    await expectSame(withoutBranches(bytes, graph, gone), masked, feeds);
  });
});

function shapesOf(feeds: Readonly<Record<string, Tensor>>): Record<string, readonly number[]> {
  return Object.fromEntries(Object.entries(feeds).map(([key, { shape }]) => [key, shape]));
}
