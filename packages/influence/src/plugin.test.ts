import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createHost, type Host, ortNodeEngine, readTensors, writeNpz } from "@hessonite/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { influence } from "./plugin.ts";

const testdata = (name: string): string => fileURLToPath(new URL(`../testdata/${name}`, import.meta.url));
const rows = (end: number): { readonly start: number; readonly end: number } => ({ start: 0, end });
const inputs = {
  model: testdata("concrete-mlp-0.onnx"),
  train: { file: testdata("concrete-train.npz"), rows: rows(120), batchSize: 50 },
  query: { file: testdata("concrete-query.npz"), rows: rows(7) },
};
const options = { loss: "mse" };
const engine = ortNodeEngine();

let host: Host;
let cache: string;
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), "hessonite-influence-"));
  host = createHost({ engine, cache });
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
  await rm(cache, { recursive: true });
});

const close = (a: Float64Array, b: Float64Array): void => {
  const scale = Math.max(...b.map(Math.abs));
  a.forEach((x, i) => {
    expect(Math.abs(x - b[i]!)).toBeLessThan(1e-5 * scale);
  });
};

describe("influence as a plugin", () => {
  it("gives scores by row, by module and of rows on themselves that belong together", async () => {
    const sum = await host.run(influence, { inputs, options: { ...options, self: true } });
    expect([sum.queries, sum.rows, sum.scores[0]!.length, sum.self!.length]).toEqual([7, 120, 840, 120]);
    expect(sum.damping.every(({ evidence }) => evidence?.outcome === "converged")).toBe(true);
    const modules = await host.run(influence, { inputs, options: { ...options, detail: "module" } });
    expect(modules.modules).toHaveLength(4);
    close(
      sum.scores[0]!.map((_, i) => modules.scores.reduce((total, one) => total + one[i]!, 0)),
      sum.scores[0]!,
    );
    const same = await host.run(influence, { inputs: { ...inputs, query: inputs.train }, options });
    close(
      Float64Array.from({ length: 120 }, (_, i) => same.scores[0]![i * 120 + i]!),
      sum.self!,
    );
  });

  it("gives the same scores whatever the size of the batches, and from the kept curvature", async () => {
    const standard = await host.run(influence, { inputs, options });
    const batches = await host.run(influence, {
      inputs: { ...inputs, train: { ...inputs.train, batchSize: 17 } },
      options,
    });
    close(batches.scores[0]!, standard.scores[0]!);
    expect(await readdir(cache)).not.toEqual([]);
    await using again = createHost({ engine, cache });
    const kept = await again.run(influence, { inputs, options });
    expect(kept.seconds["factors"]).toBeUndefined();
    expect(kept.scores[0]).toEqual(standard.scores[0]);
  });

  it("goes on where it was stopped, and adds up from shards", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hessonite-influence-"));
    const whole = await host.run(influence, { inputs, options });
    const abort = new AbortController();
    const stopAfterOne = {
      signal: abort.signal,
      onProgress: (at: { readonly stage: string }) => at.stage === "scores" && abort.abort(new Error("killed")),
    };
    await using first = createHost({ engine, cache: folder });
    await expect(first.run(influence, { inputs, options }, stopAfterOne as never)).rejects.toThrow("killed");
    await using second = createHost({ engine, cache: folder });
    const stages: number[] = [];
    const onProgress = ({ stage, done }: { readonly stage: string; readonly done: number }): void => {
      if (stage === "scores") stages.push(done);
    };
    const resumed = await second.run(influence, { inputs, options }, { onProgress });
    expect(resumed.scores[0]).toEqual(whole.scores[0]);
    expect(stages.length).toBeLessThan(3);
    const shards: Float64Array[] = [];
    for (const index of [1, 2]) {
      const train = { ...inputs.train, batchSize: 20 };
      const { scores } = await second.run(influence, {
        inputs: { ...inputs, train },
        options: { ...options, shard: { index, of: 2 } },
      });
      shards.push(scores[0]!);
    }
    close(
      shards[0]!.map((x, i) => x + shards[1]![i]!),
      whole.scores[0]!,
    );
    await rm(folder, { recursive: true });
  });

  it("averages checkpoints and tells how they differ", async () => {
    const checkpoints = [testdata("concrete-mlp-1.onnx")];
    const both = await host.run(influence, { inputs: { ...inputs, checkpoints }, options });
    const first = await host.run(influence, { inputs, options });
    const second = await host.run(influence, { inputs: { ...inputs, model: checkpoints[0] }, options });
    close(
      both.scores[0]!,
      first.scores[0]!.map((x, i) => (x + second.scores[0]![i]!) / 2),
    );
    close(
      both.standardErrors[0]!,
      first.scores[0]!.map((x, i) => Math.abs(x - second.scores[0]![i]!) / 2),
    );
  });

  it("solves systems for the exact matrix, for each layer's, and for any operator", async () => {
    const operators = (kind: string): object => ({ curvature: { kind } });
    const damping = 0.5;
    const query = { ...inputs.query, rows: rows(2) };
    const solve = (kind: string) =>
      host.run(influence, {
        inputs: { ...inputs, query },
        options: { ...options, damping },
        operators: operators(kind) as never,
      });
    const ggn = await solve("ggn");
    expect(ggn.solve!.outcome).toBe("converged");
    expect(ggn.notes.join()).toContain("not the attribution");
    const hessian = await solve("empirical-fisher");
    expect(hessian.solve!.residual).toBeLessThan(1e-4);
    const block = await solve("block-ggn");
    const ekfac = await solve("ekfac");
    const distance = (a: Float64Array, b: Float64Array): number => Math.hypot(...a.map((x, i) => x - b[i]!));
    const to = block.scores[0]!;
    expect(distance(ekfac.scores[0]!, to)).toBeLessThan(distance(ggn.scores[0]!, to) * 3);
    expect(ekfac.solve).toBeUndefined();
  });

  it.each(["ekfac", "kfac", "diagonal"])(
    "averages over the groups of a convolution if told so, with %s",
    async (kind) => {
      const folder = fileURLToPath(
        new URL("../../core/testdata/conformance/conv_grouped_strided_dilated_mse_mean", import.meta.url),
      );
      const { tensors } = await readTensors(`${folder}/data.npz`);
      const file = join(cache, "grouped.npz");
      await writeNpz(file, { x: await tensors.get("x1")!.read(), y: await tensors.get("y1")!.read() });
      const data = { file, batchSize: 2 };
      const grouped = { model: `${folder}/model.onnx`, train: data, query: data };
      const found = async (groups: "exact" | "average") => {
        await using fresh = createHost({ engine, cache });
        const request = {
          inputs: grouped,
          options: { ...options, damping: 0.1 },
          operators: { curvature: { kind, groups } },
        };
        return fresh.run(influence, request);
      };
      const [exact, average] = [await found("exact"), await found("average")];
      expect(exact.damping.map(({ name }) => name)).toHaveLength(3);
      expect(average.damping.map(({ name }) => name)).toEqual(["0.weight+0.bias", "3.weight+3.bias"]);
      expect(average.notes.join()).toContain("mean over the groups");
      expect(exact.notes.join()).not.toContain("groups");
      expect(average.scores[0]).not.toEqual(exact.scores[0]);
      expect((await found("average")).scores[0]).toEqual(average.scores[0]); // kept
    },
  );

  it("says what is missing", async () => {
    await expect(host.run(influence, { inputs: { ...inputs, query: undefined }, options })).rejects.toThrow(
      "there are no queries",
    );
    await expect(host.run(influence, { inputs, options: { ...options, damping: -1 } })).rejects.toThrow(
      "do not fit its schema",
    );
    const operators = { curvature: { kind: "hessian" } };
    await expect(host.run(influence, { inputs, options, operators })).rejects.toThrow("give a number as damping");
  });
});
