/** A run that was killed goes on where it was: nothing but the batch it was in is computed again. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createHost, ortNodeEngine, randomStream, readTensors, type StageProgress } from "@hessonite/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { influence } from "./plugin.ts";
import type { InfluenceResult } from "./pluginSchemas.ts";

const testdata = (name: string): string => fileURLToPath(new URL(`../testdata/${name}`, import.meta.url));
const rows = (end: number): { readonly start: number; readonly end: number } => ({ start: 0, end });
const inputs = {
  model: testdata("concrete-mlp-0.onnx"),
  train: { file: testdata("concrete-train.npz"), rows: rows(70), batchSize: 20 },
  query: { file: testdata("concrete-query.npz"), rows: rows(5), batchSize: 2 },
};
const usual = { loss: "mse", self: true };
/** Few rows and much damping: its systems are solved in a few products. */
const small = { ...inputs, train: { ...inputs.train, rows: rows(8), batchSize: 4 } };
const exact = { operators: { curvature: { kind: "ggn" } }, inputs: small };

const everyPart = [
  "residual",
  "factors",
  "eigendecomposition",
  "eigenvalues",
  "self-influence",
  "queries",
  "scores",
] as const;

/** Requests that go through every long part, with the parts' names. */
const runs = {
  "EK-FAC": [{ inputs, options: usual }, everyPart],
  "two checkpoints, queries of low rank": [
    { inputs: { ...inputs, checkpoints: [testdata("concrete-mlp-1.onnx")] }, options: { ...usual, queryRank: 2 } },
    everyPart,
  ],
  "a diagonal, by module": [
    { inputs, options: { ...usual, detail: "module" }, operators: { curvature: { kind: "diagonal" } } },
    ["residual", "diagonal", "self-influence", "queries", "scores"],
  ],
  "systems of the exact matrix": [{ ...exact, options: { ...usual, damping: 1000 } }, everyPart],
  "queries as one": [{ ...exact, options: { ...usual, aggregate: "mean", damping: 1000 } }, everyPart],
} as const;

const engine = ortNodeEngine({ threads: 1 });
const folder = mkdtempSync(join(tmpdir(), "hessonite-resume-"));
beforeAll(() => mkdirSync(folder, { recursive: true }));
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

let caches = 0;
const freshCache = (): string => join(folder, String(caches++));

interface Attempt {
  readonly result?: InfluenceResult;
  /** Of every batch that was computed. */
  readonly stages: readonly string[];
}

/** Runs with a cache; at each batch `at` is told how many there were. */
async function attempt(request: object, cache: string, at: (batches: number) => void = () => {}): Promise<Attempt> {
  const stages: string[] = [];
  const onProgress = ({ stage }: StageProgress): void => {
    stages.push(stage);
    at(stages.length);
  };
  await using host = createHost({ engine, cache });
  try {
    return { result: await host.run(influence, request as never, { onProgress }), stages };
  } catch (error) {
    expect((error as Error).message).toBe("stopped");
    return { stages };
  }
}

const numbers = ({ scores, standardErrors, self }: InfluenceResult): number[] => [
  ...scores.flatMap((one) => [...one]),
  ...standardErrors.flatMap((one) => [...one]),
  ...(self ?? []),
];

function expectSame(found: InfluenceResult | undefined, expected: InfluenceResult): void {
  const [a, b] = [numbers(found!), numbers(expected)];
  expect(a.length).toBe(b.length);
  const scale = Math.max(...b.map(Math.abs));
  a.forEach((x, i) => expect(Math.abs(x - b[i]!)).toBeLessThanOrEqual(1e-12 * scale));
}

describe.each(Object.entries(runs))("%s", (_, [request, parts]) => {
  it("killed at any batch loses that batch alone", { timeout: 120_000 }, async () => {
    const whole = await attempt(request, freshCache());
    expect([...new Set(whole.stages)]).toEqual(expect.arrayContaining([...parts]));
    const total = whole.stages.length;
    const stream = randomStream(Number(process.env["HESSONITE_SEED"] ?? 0), "kills");
    const kills = parts.map((part) => {
      const places = [...whole.stages.keys()].filter((i) => whole.stages[i] === part);
      return places[stream.integer(places.length)]! + 1;
    });
    const copies = new Map(kills.map((batches) => [batches, freshCache()]));
    const running = freshCache();
    await attempt(request, running, (batches) => {
      const copy = copies.get(batches); // what a killed program leaves behind: all that is on the disk now
      if (copy) cpSync(running, copy, { recursive: true });
    });
    for (const [batches, copy] of copies) {
      const again = await attempt(request, copy);
      const lost = batches + again.stages.length - total;
      expect(lost, `killed in ${whole.stages[batches - 1]}, at batch ${batches} of ${total}`).toBeLessThanOrEqual(1);
      expect(lost).toBeGreaterThanOrEqual(-1); // factors go side by side: another may be kept and not told yet
      expectSame(again.result, whole.result!);
    }
  });
});

describe("a cache", () => {
  it("serves a run that was stopped again and again", { timeout: 120_000 }, async () => {
    const cache = freshCache();
    const [request] = runs["a diagonal, by module"];
    const whole = await attempt(request, freshCache());
    let result: InfluenceResult | undefined;
    let attempts = 0;
    for (; !result && attempts < 100; attempts++) {
      ({ result } = await attempt(request, cache, (batches) => {
        if (batches > 1) throw new Error("stopped");
      }));
    }
    expect(attempts).toBeLessThanOrEqual(whole.stages.length);
    expectSame(result, whole.result!);
  });

  it("holds whole files alone, and what is damaged in it is computed again", async () => {
    const cache = freshCache();
    const [request] = runs["EK-FAC"];
    const whole = await attempt(request, cache);
    expect(readdirSync(cache).filter((name) => !name.endsWith(".safetensors"))).toEqual([]);
    const { truncateSync, statSync } = await import("node:fs");
    for (const name of readdirSync(cache)) {
      const path = join(cache, name);
      await readTensors(path);
      truncateSync(path, statSync(path).size - 5);
    }
    const again = await attempt(request, cache);
    expect(again.stages).toEqual(whole.stages);
    expectSame(again.result, whole.result!);
  });
});
