import { fileURLToPath } from "node:url";
import {
  crossEntropy,
  datasetFromArrays,
  editModel,
  openFileSession,
  readModelFile,
  squaredError,
  type Tensor,
} from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { type ChannelGraph, channelGroups } from "../groups/channelGroups.ts";
import { pruneChannels } from "../pruneChannels.ts";
import { chooseChannels, measureChannels } from "../select/choose.ts";
import { maskModel } from "../shrink/mask.ts";
import { gateCosts } from "./gateCosts.ts";
import { gateDirections } from "./gateDirections.ts";
import { type GatedModel, gateChannels } from "./gates.ts";

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../../../testdata/small/${name}.onnx`, import.meta.url));

function rows(name: string, count: number): Tensor {
  const shape = name === "transformer" ? [count, 6, 5] : [count, 1, 8, 8];
  const length = shape.reduce((n, d) => n * d, 1);
  return {
    dtype: "float32",
    shape,
    data: Float32Array.from({ length }, (_, i) => Math.sin(1.7 * i) + Math.cos(0.013 * i * i)),
  };
}

async function open(name: string): Promise<{ bytes: Uint8Array; graph: ChannelGraph; gated: GatedModel }> {
  const { bytes, model } = await readModelFile(pathOf(name));
  const graph = channelGroups(model, { x: rows(name, 1).shape });
  return { bytes, graph, gated: gateChannels(bytes, graph) };
}

async function outputOf(file: Uint8Array, x: Tensor): Promise<Tensor> {
  await using session = await openFileSession(file);
  return (await session.run({ x }))["y"]!;
}

/** The gated model with these factors of channels, 1 elsewhere. */
function withFactors({ file, gates }: GatedModel, factors: ReadonlyMap<number, number>): Uint8Array {
  const initializers = gates.map(({ name, channels }) => {
    const data = Float32Array.from(channels, (channel) => factors.get(channel) ?? 1);
    return [name, data] as const;
  });
  return editModel(file, {
    initializers: new Map(
      initializers.map(([name, data]) => [name, { dtype: "float32", shape: shapes.get(name)!, data }]),
    ),
  });
}

const shapes = new Map<string, readonly number[]>();
async function remembered(gated: GatedModel): Promise<GatedModel> {
  const { model } = await readModelFile(gated.file);
  for (const { name } of gated.gates) shapes.set(name, model.initializers.get(name)!.shape);
  return gated;
}

const distance = (a: Tensor, b: Tensor): number =>
  Math.max(...Array.from(a.data, (v: number, i) => Math.abs(v - b.data[i]!)));

describe("a model with gates", () => {
  it.each(["residual", "concat", "depthwise", "squeeze", "shuffle", "unet", "transformer"])(
    "%s: is the model where all are open, and the masked one where some are shut",
    async (name) => {
      const { bytes, graph, gated } = await open(name);
      await remembered(gated);
      const x = rows(name, 2);
      expect(distance(await outputOf(gated.file, x), await outputOf(bytes, x))).toBeLessThan(1e-6);
      const gone = graph.groups.flatMap(({ channels }) => channels.slice(0, channels.length >> 1));
      const shut = withFactors(gated, new Map(gone.map((channel) => [channel, 0])));
      const masked = await outputOf(maskModel(bytes, graph, new Set(gone)), x);
      expect(distance(await outputOf(shut, x), masked)).toBeLessThan(1e-5);
      expect(distance(masked, await outputOf(bytes, x))).toBeGreaterThan(1e-3);
    },
  );
});

describe("costs by gates", () => {
  it.each(["residual", "transformer"])(
    "ggn of %s: half the loss's second differences, alone and shared",
    async (name) => {
      const { bytes, graph, gated } = await open(name);
      await remembered(gated);
      const x = rows(name, 4);
      const y = await outputOf(bytes, x);
      const data = await datasetFromArrays({ inputs: { x }, target: y }, { batchSize: 4 });
      const directions = await gateDirections(gated, "type-2", { data, loss: squaredError() });
      const costs = gateCosts(directions, true);
      const h = 0.01;
      const lossAt = async (steps: readonly (readonly [number, number])[]): Promise<number> => {
        const found = await outputOf(withFactors(gated, new Map(steps.map(([c, step]) => [c, 1 + step]))), x);
        return (
          Array.from(found.data, (v: number, i) => (v - y.data[i]!) ** 2).reduce((a, b) => a + b, 0) / y.data.length
        );
      };
      const some = graph.groups.flatMap(({ channels }) => [channels[0]!, channels.at(-1)!]);
      const largest = Math.max(...some.map(costs.cost));
      for (const c of some) {
        const expected = ((await lossAt([[c, h]])) + (await lossAt([[c, -h]]))) / (2 * h * h);
        expect(Math.abs(costs.cost(c) - expected)).toBeLessThan(0.03 * expected + 1e-3 * largest);
      }
      const [a, b] = [some[0]!, some.at(-1)!];
      const together = await lossAt([
        [a, h],
        [b, h],
      ]);
      const against = await lossAt([
        [a, h],
        [b, -h],
      ]);
      const shared = (together - against) / (2 * h * h);
      const before = costs.cost(b);
      costs.remove(a);
      expect(Math.abs(costs.cost(b) - before - shared)).toBeLessThan(0.03 * largest);
    },
  );

  it("fisher: half the mean square of every row's derivative, each alone", async () => {
    const { graph, gated } = await open("transformer");
    await remembered(gated);
    const x = rows("transformer", 5);
    const labels = [0, 3, 1, 2, 0];
    const target: Tensor = { dtype: "int64", shape: [5], data: Float64Array.from(labels) };
    const data = await datasetFromArrays({ inputs: { x }, target }, { batchSize: 5 });
    const costs = gateCosts(await gateDirections(gated, "empirical", { data, loss: crossEntropy() }), false);
    const h = 0.02;
    const lossesAt = async (c: number, step: number): Promise<number[]> => {
      const y = await outputOf(withFactors(gated, new Map([[c, 1 + step]])), x);
      return labels.map((label, r) => {
        const f = Array.from(y.data.subarray(r * 4, (r + 1) * 4) as Float32Array);
        return Math.log(f.reduce((sum, v) => sum + Math.exp(v), 0)) - f[label]!;
      });
    };
    for (const { channels } of graph.groups) {
      const [up, down] = [await lossesAt(channels[0]!, h), await lossesAt(channels[0]!, -h)];
      const expected = up.reduce((sum, l, r) => sum + ((l - down[r]!) / (2 * h)) ** 2, 0) / 5 / 2;
      expect(Math.abs(costs.cost(channels[0]!) / expected - 1)).toBeLessThan(0.03);
    }
    const [first, second] = graph.groups[1]!.channels as [number, number];
    const [one, two] = [costs.cost(first), costs.cost(second)];
    costs.remove(first);
    expect(costs.cost(second)).toBe(two);
    costs.remove(second);
    expect(costs.predicted).toBeCloseTo(one + two, 12);
    expect(costs.cost(-5)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("channels by gates", () => {
  it("foretell the loss that is measured without compensation, where little goes", async () => {
    const { bytes } = await open("residual-folded");
    const x = rows("residual-folded", 24);
    const y = await outputOf(bytes, x);
    const data = await datasetFromArrays({ inputs: { x }, target: y }, { batchSize: 12 });
    const budget = { of: "channels", share: 0.04 } as const;
    const loss = squaredError();
    const { predicted, file } = await pruneChannels(bytes, { data, loss, by: "ggn", compensate: "none", budget });
    const found = await outputOf(file, x);
    const measured = Array.from(found.data, (v: number, i) => (v - y.data[i]!) ** 2).reduce((a, b) => a + b, 0);
    expect(predicted).toBeGreaterThan(0);
    expect(measured / y.data.length / predicted!).toBeGreaterThan(0.5);
    expect(measured / y.data.length / predicted!).toBeLessThan(2);
  });

  it("add up each alone by fisher, and together by ggn", async () => {
    const { bytes, graph } = await open("transformer");
    const x = rows("transformer", 5);
    const target: Tensor = { dtype: "int64", shape: [5], data: Float64Array.of(0, 3, 1, 2, 0) };
    const data = await datasetFromArrays({ inputs: { x }, target }, { batchSize: 5 });
    for (const by of ["fisher", "ggn"] as const) {
      const options = { by, data, loss: crossEntropy(), budget: { of: "channels", share: 0.3 } } as const;
      const measured = await measureChannels(bytes, graph, options);
      const { removed, predicted } = chooseChannels(graph, measured, options).selected;
      const { rows: v, column } = measured.gates!;
      const own = removed.map((channel) => column.get(channel)!);
      const entries = (r: number): number[] => own.map((c) => v.data[r * v.columns + c]!);
      let expected = 0;
      for (let r = 0; r < v.rows; r++)
        expected +=
          by === "fisher"
            ? entries(r).reduce((s, e) => s + e * e, 0) / 2
            : entries(r).reduce((s, e) => s + e, 0) ** 2 / 2;
      expect(removed.length).toBeGreaterThan(3);
      expect(Math.abs(predicted.at(-1)! / expected - 1)).toBeLessThan(1e-9);
    }
  });

  it("heads alone, where they are asked for", async () => {
    const x = rows("transformer", 12);
    const data = await datasetFromArrays({ inputs: { x } }, { batchSize: 6 });
    for (const by of ["magnitude", "obs"] as const) {
      const small = await pruneChannels(pathOf("transformer"), {
        data,
        by,
        only: "heads",
        budget: { of: "parameters", share: 0.1 },
      });
      expect(small.groups).toEqual([{ name: "/qkv/MatMul", kind: "heads", before: 3, after: 2 }]);
      expect(small.after.parameters).toBeLessThanOrEqual(0.9 * small.before.parameters);
    }
    const none = pruneChannels(pathOf("residual"), {
      data: await datasetFromArrays({ inputs: { x: rows("residual", 4) } }, { batchSize: 4 }),
      only: "heads",
      budget: { of: "flops", share: 0.1 },
    });
    await expect(none).rejects.toThrow(/attention heads as the model has none/);
  });

  it("budgets of bytes are of the file", async () => {
    const { bytes } = await open("concat");
    const data = await datasetFromArrays({ inputs: { x: rows("concat", 8) } }, { batchSize: 4 });
    for (const share of [0.2, 0.4]) {
      const small = await pruneChannels(bytes, { data, budget: { of: "bytes", share }, compensate: "none" });
      expect(small.before.bytes).toBe(bytes.length);
      expect(small.after.bytes).toBe(small.file.length);
      expect(small.file.length).toBeLessThanOrEqual((1 - share) * bytes.length + 64);
      expect(small.file.length).toBeGreaterThan((1 - share) * bytes.length - 2500);
    }
  });
});
