import { mkdtemp, readdir, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { datasetFromArrays } from "../data/fromArrays.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { crossEntropy } from "../loss/crossEntropy.ts";
import { createHost, type Host } from "./host.ts";
import { loadPlugin } from "./loadPlugin.ts";
import { buildOperator, operatorSpec, registerOperator } from "./operatorSpec.ts";
import { definePlugin, type Plugin } from "./plugin.ts";
import { datasetRef, lossSpec, modelRef } from "./references.ts";
import { schemaOf } from "./schemaOf.ts";

const model = fileURLToPath(new URL("../../testdata/conformance/mlp_ce_mean/model.onnx", import.meta.url));
const rows = Array.from({ length: 6 }, (_, i) => Array.from({ length: 10 }, (__, j) => Math.sin(i * 7 + j)));
const data = datasetFromArrays({ inputs: { x: rows }, target: [0, 1, 2, 0, 1, 2] }, { batchSize: 4 });

let runs = 0;
const trace = definePlugin({
  name: "trace",
  summary: "The trace of a curvature matrix.",
  requires: { curvature: operatorSpec().default({ kind: "ekfac" }) },
  inputs: { model: modelRef, train: datasetRef },
  options: z.object({ loss: lossSpec, factor: z.number().positive().default(1) }),
  result: z.object({ trace: z.number().nonnegative() }),
  async run({ inputs, operators, options, problem, progress }) {
    runs++;
    progress({ stage: "trace", done: 0, total: 1 });
    const op = await operators.curvature(
      await problem({ model: inputs.model, data: inputs.train, loss: options.loss }),
    );
    return { trace: options.factor * (await op.exact!.trace!()) };
  },
});

let host: Host;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hessonite-plugin-"));
  host = createHost({ engine: referenceEngine(), cache: folder });
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const request = { inputs: { model, train: data }, options: { loss: "cross-entropy" } };

describe("the host", () => {
  it("runs a plugin with the operator that is asked for", async () => {
    const standard = await host.run(trace, request);
    const exact = await host.run(trace, { ...request, operators: { curvature: { kind: "ekfac", fisher: "type-2" } } });
    expect(standard.trace).toBeGreaterThan(0);
    expect(exact.trace).toBeCloseTo(standard.trace, 12);
    const empirical = await host.run(trace, {
      ...request,
      operators: { curvature: { kind: "ekfac", fisher: "empirical" } },
    });
    expect(empirical.trace).not.toBeCloseTo(standard.trace, 6);
  });

  it.each([
    [{ ...request, options: {} }, "Cannot run trace as its options do not fit its schema"],
    [{ ...request, options: { loss: "cross-entropy", factr: 2 } }, "factr"],
    [{ ...request, options: { loss: "cross-entropy", factor: -1 } }, "at        factor"],
    [{ ...request, inputs: { model } }, "at        train"],
    [
      { ...request, operators: { curvature: { kind: "kfax" } } },
      "Cannot run trace as its operators do not fit its schema",
    ],
    [{ ...request, extra: 1 } as never, "extra"],
  ])("refuses a request that does not fit: %#", async (wrong, message) => {
    const before = runs;
    await expect(host.run(trace, wrong)).rejects.toThrow(message);
    expect(runs).toBe(before);
  });

  it("refuses a result that does not fit", async () => {
    const broken = definePlugin({ ...trace, name: "broken", run: async () => ({ trace: Number.NaN }) });
    await expect(host.run(broken, request)).rejects.toThrow("Cannot run broken as its results do not fit its schema");
    await expect(host.run(broken, request)).rejects.toThrow("found     NaN");
  });

  it("shares problems, factors and operators between plugins", async () => {
    const seen: unknown[] = [];
    const spy = (name: string): typeof trace =>
      definePlugin({
        ...trace,
        name,
        async run({ inputs, options, operators, problem, factors }) {
          const one = await problem({ model: inputs.model, data: inputs.train, loss: options.loss });
          seen.push(one, await factors(one), await operators.curvature(one));
          return { trace: 0 };
        },
      });
    await host.run(spy("first"), request);
    await host.run(spy("second"), request);
    expect(seen.slice(3).map((thing, i) => thing === seen[i])).toEqual([true, true, true]);
    await host.run(spy("third"), { ...request, options: { loss: crossEntropy({ labelSmoothing: 0.1 }) } });
    expect(seen[6]).not.toBe(seen[0]);
  });

  it("stops when it is told to", async () => {
    const before = runs;
    await expect(host.run(trace, request, { signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow(
      "stopped",
    );
    expect(runs).toBe(before);
    const abort = new AbortController();
    const hooks = { signal: abort.signal, onProgress: () => abort.abort(new Error("stopped in between")) };
    const patient = definePlugin({
      ...trace,
      run: async ({ progress }) => {
        for (let done = 0; ; done++) progress({ stage: "waiting", done, total: Number.POSITIVE_INFINITY });
      },
    });
    await expect(host.run(patient, request, hooks)).rejects.toThrow("stopped in between");
  });

  it("keeps arrays on disk, and makes again what cannot be read", async () => {
    let made = 0;
    const keeper = definePlugin({
      ...trace,
      async run({ arrays }) {
        const { values } = await arrays({ what: "test", b: 1, a: 2 }, async () => {
          made++;
          return { values: { dtype: "float64" as const, shape: [2], data: Float64Array.of(1, 2.5) } };
        });
        return { trace: values!.data[1]! };
      },
    });
    const fresh = (): Host => createHost({ engine: referenceEngine(), cache: folder });
    for (const expected of [1, 1]) {
      expect(await fresh().run(keeper, request)).toEqual({ trace: 2.5 });
      expect(made).toBe(expected);
    }
    const [file] = await readdir(folder);
    await truncate(join(folder, file!), 20);
    expect(await fresh().run(keeper, request)).toEqual({ trace: 2.5 });
    expect(made).toBe(2);
  });
});

describe("operator specifications", () => {
  it("are open to kinds that are registered later", async () => {
    const spec = operatorSpec();
    expect(spec.safeParse({ kind: "twice-ekfac" }).success).toBe(false);
    registerOperator({
      kind: "twice-ekfac",
      summary: "for a test",
      options: z.object({ seed: z.int().default(0) }),
      build: (problem) => buildOperator({ kind: "ekfac" }, problem),
    });
    expect(spec.safeParse({ kind: "twice-ekfac" }).success).toBe(true);
    expect(() =>
      registerOperator({ kind: "ekfac", summary: "", options: z.object({}), build: () => null as never }),
    ).toThrow("known already");
    const { trace: found } = await host.run(trace, { ...request, operators: { curvature: { kind: "twice-ekfac" } } });
    expect(found).toBe((await host.run(trace, request)).trace);
  });

  it("have a JSON schema", () => {
    const { request: schema } = schemaOf(trace);
    expect(JSON.stringify(schema)).toContain('"const":"ekfac"');
    expect(JSON.stringify(schema)).toContain("labels: expected exactly, drawn, or as given");
  });
});

describe("plugins of other packages", () => {
  it("are refused where there are none", async () => {
    await expect(loadPlugin("hessonite-plugin-that-is-not-there")).rejects.toThrow(
      "Cannot load the plugin as its package cannot be imported",
    );
    await expect(loadPlugin("zod", { from: fileURLToPath(new URL("../..", import.meta.url)) })).rejects.toThrow(
      "does not export one",
    );
  });

  it("run as any other", async () => {
    expect(await host.runAny(trace as unknown as Plugin, request)).toEqual(await host.run(trace, request));
  });
});
