/** Scores do not depend on how the work is cut: batches, shards, order, workers, interruptions. */
import { type Engine, ortNodeEngine, referenceEngine } from "@hessonite/core";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { curvatureOf, fitCurvature } from "./curvature.ts";
import { fitParts, fitShard } from "./fitParts.ts";
import type { Arrays, FitKeeper } from "./fitShards.ts";
import type { BatchKeeper } from "./keptBatches.ts";
import { type PairwiseOptions, type PairwiseScores, pairwiseRun, pairwiseScores } from "./pairwise.ts";
import { collectScores } from "./sinks/collectScores.ts";
import type { ScoreSlice } from "./sinks/sink.ts";
import { queryRows, tokenProblem, trainRows } from "./testing/tokens.ts";

const engines = { reference: referenceEngine(), "ort-node": ortNodeEngine({ threads: 1 }) };
const lanes = ortNodeEngine({ threads: 1, lanes: 2 });
afterAll(async () => {
  for (const engine of [...Object.values(engines), lanes]) await engine[Symbol.asyncDispose]();
});

async function scoresOf(
  engine: Engine,
  {
    order = trainRows,
    batchSize = 5,
    ...options
  }: PairwiseOptions & { order?: readonly number[]; batchSize?: number } = {},
): Promise<PairwiseScores> {
  await using train = await tokenProblem(engine, order, batchSize);
  await using query = await tokenProblem(engine, queryRows, 2);
  return pairwiseScores(await fitCurvature(train), { train, query }, options);
}

function expectSame(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(found.length).toBe(expected.length);
  const scale = Math.max(...Array.from(expected, Math.abs));
  for (let i = 0; i < found.length; i++) expect(Math.abs(found[i]! - expected[i]!)).toBeLessThan(1e-6 * scale);
}

const batchSizes = fc.integer({ min: 1, max: trainRows.length + 2 });

describe.each(Object.entries(engines))("scores on %s are the same", (_, engine) => {
  it("for any size of the batches and order of the rows", async () => {
    const { scores, queries } = await scoresOf(engine);
    const orders = fc.shuffledSubarray([...trainRows], { minLength: trainRows.length });
    await fc.assert(
      fc.asyncProperty(orders, batchSizes, async (order, batchSize) => {
        const found = await scoresOf(engine, { order, batchSize });
        const back = new Float64Array(found.scores[0]!.length);
        for (let q = 0; q < queries; q++) {
          order.forEach((row, i) => {
            back[q * order.length + row] = found.scores[0]![q * order.length + i]!;
          });
        }
        expectSame(back, scores[0]!);
      }),
      { numRuns: 8, seed: 1 },
    );
  });

  it("from any number of shards, of the fit and of the scores", async () => {
    const { scores } = await scoresOf(engine);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), batchSizes, async (of, batchSize) => {
        expectSame(await fromShards(engine, of, batchSize), scores[0]!);
      }),
      { numRuns: 5, seed: 2 },
    );
  });

  it("after an interruption at any batch of any stage", async () => {
    const { scores } = await scoresOf(engine, { batchSize: 3 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 12 }), async (batches) => {
        expectSame(await interrupted(engine, batches), scores[0]!);
      }),
      { numRuns: 5, seed: 3 },
    );
  });
});

describe("scores on ort-node are the same", () => {
  it("for one worker and for two", async () => {
    const one = await scoresOf(engines["ort-node"], { batchSize: 2 });
    expectSame((await scoresOf(lanes, { batchSize: 2 })).scores[0]!, one.scores[0]!);
  });
});

/** A store of arrays as a host's cache is one. */
function memoryStore(): Pick<FitKeeper, "load" | "save"> {
  const kept = new Map<string, Arrays>();
  return {
    load: async (key) => kept.get(JSON.stringify(key)),
    save: async (key, arrays) => {
      kept.set(JSON.stringify(key), structuredClone(arrays));
    },
  };
}

async function fromShards(engine: Engine, of: number, batchSize: number): Promise<Float64Array> {
  const store = memoryStore();
  await using train = await tokenProblem(engine, trainRows, batchSize);
  await using query = await tokenProblem(engine, queryRows, 2);
  const indices = Array.from({ length: of }, (_, i) => i + 1);
  for (const stage of ["factors", "eigenvalues"] as const) {
    if (stage === "eigenvalues" && of > 1) {
      const early = fitShard(train, {}, { ...memoryStore(), shard: { index: 1, of, stage } });
      await expect(early).rejects.toThrow("some are not there yet");
    }
    for (const index of indices) await fitShard(train, {}, { ...store, shard: { index, of, stage } });
  }
  const parts = await fitParts(train, {}, store);
  const sums: Float64Array[] = [];
  for (const index of indices) {
    const batches = (batch: { readonly index: number }): boolean => batch.index % of === index - 1;
    sums.push((await pairwiseScores(curvatureOf(train, {}, parts), { train, query }, { batches })).scores[0]!);
  }
  return sums[0]!.map((_, i) => sums.reduce((sum, one) => sum + one[i]!, 0));
}

/** Stopped once after so many batches, counted over all stages, then run to the end. */
async function interrupted(engine: Engine, batches: number): Promise<Float64Array> {
  const store = memoryStore();
  const slices = new Map<number, ScoreSlice>();
  const keeper: BatchKeeper<ScoreSlice> = {
    load: async (firstRow) => slices.get(firstRow),
    save: async (slice) => {
      slices.set(slice.firstRow, slice);
    },
  };
  await using train = await tokenProblem(engine, trainRows, 3);
  await using query = await tokenProblem(engine, queryRows, 2);
  const attempt = async (signal?: AbortSignal, onProgress: () => void = () => {}): Promise<Float64Array> => {
    const parts = await fitParts(train, { onProgress, ...(signal && { signal }) }, store);
    const run = await pairwiseRun(
      curvatureOf(train, {}, parts),
      { train, query },
      { onProgress, ...(signal && { signal }) },
      { slices: keeper },
    );
    const all = collectScores(run.queries, trainRows.length);
    for await (const slice of run.slices()) all.add(slice);
    return all.result().scores[0]!;
  };
  const stop = new AbortController();
  let done = 0;
  const stopped = attempt(stop.signal, () => {
    if (++done >= batches) stop.abort(new Error("killed"));
  });
  await stopped.catch((error: Error) => expect(error.message).toBe("killed"));
  return attempt();
}

describe("what a score is made of", () => {
  const engine = engines.reference;

  it("sums over modules and over tokens, padding being nothing", async () => {
    const { scores } = await scoresOf(engine);
    const modules = await scoresOf(engine, { detail: "module" });
    expect(modules.modules).toHaveLength(2);
    expectSame(
      modules.scores[0]!.map((x, i) => x + modules.scores[1]![i]!),
      scores[0]!,
    );
    const tokens = await scoresOf(engine, { detail: "token" });
    expect(tokens.positions).toBe(4);
    expectSame(
      scores[0]!.map((_, i) => tokens.scores[0]!.slice(4 * i, 4 * i + 4).reduce((a, b) => a + b, 0)),
      scores[0]!,
    );
    const last = 4 * (trainRows.length - 1);
    expect([...tokens.scores[0]!.slice(last, last + 4)].map((x) => x !== 0)).toEqual([true, true, false, false]);
  });

  it("is linear in the queries", async () => {
    const { scores, queries } = await scoresOf(engine);
    const sum = await scoresOf(engine, { aggregate: "sum" });
    const mean = await scoresOf(engine, { aggregate: "mean" });
    const expected = trainRows.map((row) =>
      queryRows.reduce((total, _, q) => total + scores[0]![q * trainRows.length + row]!, 0),
    );
    expect([sum.queries, mean.queries, queries]).toEqual([1, 1, queryRows.length]);
    expectSame(sum.scores[0]!, expected);
    expectSame(
      mean.scores[0]!,
      expected.map((x) => x / queries),
    );
  });

  it("is kept by queries of full rank, and nearly by those of a lower one", async () => {
    const { scores } = await scoresOf(engine);
    const distance = async (queryRank: number): Promise<number> => {
      const low = await scoresOf(engine, { queryRank });
      return Math.hypot(...low.scores[0]!.map((x, i) => x - scores[0]![i]!)) / Math.hypot(...scores[0]!);
    };
    const [one, two, three] = [await distance(1), await distance(2), await distance(3)];
    expect(one).toBeLessThan(0.8);
    expect(one).toBeGreaterThan(1e-3);
    expect(two).toBeLessThan(one);
    expect(three).toBeLessThan(1e-9);
    await expect(distance(0.5)).rejects.toThrow("not a positive integer");
  });

  it("goes on where batches were kept, and only there", async () => {
    await using train = await tokenProblem(engine, trainRows, 4);
    await using query = await tokenProblem(engine, queryRows, 2);
    const curvature = await fitCurvature(train);
    const firstRows: number[] = [];
    const run = await pairwiseRun(curvature, { train, query }, { batches: ({ index }) => index === 1 });
    for await (const { firstRow } of run.slices()) firstRows.push(firstRow);
    expect(firstRows).toEqual([4]);
  });
});
