import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomStream, type Tensor, tensor, writeNpz } from "@hessonite/core";
import { afterAll, describe, expect, it } from "vitest";
import { bootstrap } from "./bootstrap.ts";
import { extremeRows, scoresBySource } from "./combine.ts";
import { datamodelingScore } from "./datamodelingScore.ts";
import { leaveOneOut } from "./leaveOneOut.ts";
import { correlation, rankCorrelation, ranksOf } from "./rankCorrelation.ts";
import { rankingQuality } from "./rankingQuality.ts";
import { readRemovals } from "./readRemovals.ts";
import { readRetraining } from "./readRetraining.ts";
import { topRemoval } from "./topRemoval.ts";

const stream = randomStream(1, "evaluation");
const [queries, rows, subsets] = [4, 30, 40];
/** How much a row helps a query: what a linear world is made of. */
const effect = Float64Array.from({ length: queries * rows }, () => stream.normal());
/** Loss of each query after training on these rows. */
const lossesOn = (chosen: (row: number) => boolean): Float64Array =>
  Float64Array.from({ length: queries }, (_, q) => {
    let loss = 0;
    for (let i = 0; i < rows; i++) if (chosen(i)) loss -= effect[q * rows + i]!;
    return loss;
  });
const masks = Uint8Array.from({ length: subsets * rows }, () => Number(stream.uniform() < 0.5));
const truth = Array.from({ length: subsets }, (_, s) => [...lossesOn((row) => masks[s * rows + row] === 1)]).flat();

describe("correlations", () => {
  it("are those of textbooks", () => {
    expect(ranksOf([3, 1, 3, 2])).toEqual(Float64Array.of(3.5, 1, 3.5, 2));
    expect(correlation([1, 2, 3], [2, 4, 7])).toBeCloseTo(0.9934, 5); // 5 / √(2 · 12.667)
    expect(rankCorrelation([1, 2, 3, 4], [10, 30, 20, 40])).toBeCloseTo(0.8, 12); // 1 − 6·2/(4·15)
    expect(correlation([1, 1], [1, 2])).toBe(0);
  });

  it("of ranks as the area under a curve: the share of ordered pairs", () => {
    expect(rankingQuality([0.9, 0.8, 0.3, 0.2], [1, 0, 1, 0])).toBe(0.75);
    expect(rankingQuality([1, 1], [true, false])).toBe(0.5);
    expect(() => rankingQuality([1, 2], [1, 1])).toThrow("all are of one kind");
  });
});

describe("the linear datamodeling score", () => {
  const world = { subsets, rows, masks, seeds: 1, queries, losses: truth };

  it("is 1 for what the world is made of, and −1 with the sign turned", () => {
    expect(datamodelingScore(effect, world).score).toBeCloseTo(1, 12);
    expect(
      datamodelingScore(
        effect.map((x) => -x),
        world,
      ).score,
    ).toBeCloseTo(-1, 12);
  });

  it("has a ceiling by the noise of its truth, and a perfect predictor reaches it", () => {
    const [seeds, many] = [5, 400];
    const more = Uint8Array.from({ length: many * rows }, () => Number(stream.uniform() < 0.5));
    const signal = Array.from({ length: many }, (_, s) => lossesOn((row) => more[s * rows + row] === 1));
    const noise = 6;
    const losses = Array.from({ length: seeds }, () =>
      signal.flatMap((list) => Array.from(list, (x) => x + noise * stream.normal())),
    ).flat();
    const noisy = { subsets: many, rows, masks: more, seeds, queries, losses };
    const { score, ceiling, overSubsets } = datamodelingScore(effect, noisy, { resamples: 40 });
    expect(ceiling!.score).toBeLessThan(0.95);
    expect(Math.abs(score - ceiling!.score)).toBeLessThan(0.04);
    expect(overSubsets.standardError).toBeGreaterThan(0.002);
    const alone = {
      ...noisy,
      queries: 1,
      seeds: 2,
      losses: losses.filter((_, at) => at % queries === 0).slice(0, 2 * many),
    };
    const one = datamodelingScore(effect.subarray(0, rows), alone, { resamples: 40 });
    expect(one.overQueries.standardError).toBeCloseTo(0, 12); // there is but one
    expect(one.overSubsets.standardError).toBeGreaterThan(0.002);
    const between = rankCorrelation(alone.losses.slice(0, many), alone.losses.slice(many));
    expect(one.ceiling!.betweenSeeds).toBeCloseTo(between, 12);
    expect(one.ceiling!.reliability).toBeCloseTo((2 * between) / (1 + between), 12); // Spearman and Brown, of two
  });

  it("refuses scores of another size", () => {
    expect(() => datamodelingScore(effect.slice(1), world)).toThrow("do not fit the retrained losses");
  });
});

describe("the bootstrap", () => {
  it("has the standard error of a mean", () => {
    const values = Float64Array.from({ length: 200 }, () => stream.normal());
    const mean = (parts: Int32Array): number => parts.reduce((sum, i) => sum + values[i]!, 0) / parts.length;
    const { standardError, interval } = bootstrap(values.length, mean, { resamples: 2000 });
    const sample = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
    expect(standardError / (sample / Math.sqrt(values.length))).toBeCloseTo(1, 1);
    expect((interval[1] - interval[0]) / standardError).toBeCloseTo(3.92, 0);
  });

  it("is what its own draws say", () => {
    const drawn: number[] = [];
    const values: number[] = [];
    const statistic = (parts: Int32Array): number => {
      drawn.push(...parts);
      values.push(parts.reduce((sum, i) => sum + i * i, 0));
      return values.at(-1)!;
    };
    const { standardError, interval } = bootstrap(3, statistic, { resamples: 40, level: 0.8 });
    expect([...new Set(drawn)].sort()).toEqual([0, 1, 2]);
    const mean = values.reduce((a, b) => a + b, 0) / 40;
    expect(standardError ** 2).toBeCloseTo(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 39, 10);
    const sorted = [...values].sort((a, b) => a - b);
    const below = (x: number): number => sorted.filter((v) => v < x).length / 40;
    const upTo = (x: number): number => sorted.filter((v) => v <= x).length / 40;
    expect(below(interval[0])).toBeLessThanOrEqual(0.1);
    expect(upTo(interval[0])).toBeGreaterThanOrEqual(0.1);
    expect(below(interval[1])).toBeLessThanOrEqual(0.9);
    expect(upTo(interval[1])).toBeGreaterThanOrEqual(0.9);
  });
});

describe("scores", () => {
  it("sum over the rows of a source", () => {
    const { sources, scores } = scoresBySource([1, 2, 4, 8, 16, 32], 2, ["a", "b", "a"]);
    expect([sources, [...scores]]).toEqual([
      ["a", "b"],
      [5, 2, 40, 16],
    ]);
    expect(() => scoresBySource([1, 2, 3], 1, ["a"])).toThrow("there is not one source a training row");
  });

  it("have extremes, strongest first", () => {
    const row = (number: number, score: number): object => ({ row: number, score });
    expect(extremeRows([3, -5, 9, 0, -1], 2)).toEqual({
      helpful: [row(2, 9), row(0, 3)],
      harmful: [row(1, -5), row(4, -1)],
    });
  });
});

describe("what retraining has shown", () => {
  const folder = mkdtempSync(join(tmpdir(), "hessonite-evaluation-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "truth.npz");
  const array = (...shape: number[]): Tensor =>
    tensor(
      "float64",
      shape,
      Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
    );

  it("is read from files, and refused where it does not fit together", async () => {
    await writeNpz(path, { removed: array(3), changes: array(3, 2) });
    expect(await readRemovals(path)).toEqual({ rows: array(3).data, queries: 2, changes: array(3, 2).data });
    await writeNpz(path, { removed: array(3), changes: array(2, 2) });
    await expect(readRemovals(path)).rejects.toThrow("not one line of changes for each");
    await writeNpz(path, { removed: array(3), changes: array(6) });
    await expect(readRemovals(path)).rejects.toThrow("missing or of another rank");
    await writeNpz(path, { masks: array(4, 5), losses: array(1, 4, 2) });
    expect(await readRetraining(path)).toMatchObject({ subsets: 4, rows: 5, seeds: 1, queries: 2 });
    await writeNpz(path, { masks: array(4, 5), losses: array(4, 2) });
    await expect(readRetraining(path)).rejects.toThrow("missing or of another rank");
    await writeNpz(path, { masks: array(3, 5), losses: array(1, 4, 2) });
    await expect(readRetraining(path)).rejects.toThrow();
  });
});

describe("removal", () => {
  const retrain = async (kept: Int32Array): Promise<Float64Array> => {
    const set = new Set(kept);
    return lossesOn((row) => set.has(row));
  };

  it("of single rows correlates with the scores that caused it", async () => {
    const removed = [3, 17, 20];
    const whole = lossesOn(() => true);
    const changes = removed.flatMap((gone) =>
      Array.from(
        lossesOn((row) => row !== gone),
        (x, q) => x - whole[q]!,
      ),
    );
    const removals = { rows: removed, queries, changes };
    expect(leaveOneOut(effect, rows, removals)).toEqual({
      correlation: expect.closeTo(1, 12),
      rankCorrelation: expect.closeTo(1, 12),
    });
    expect(() => leaveOneOut(effect, rows + 1, removals)).toThrow("do not fit the removals");
  });

  it("of the most helpful rows raises the loss by their effects, random ones by less", async () => {
    const found = await topRemoval({ scores: effect, queries, rows, count: 5, retrain, chosen: [0, 2] });
    for (const { query, top, random } of found) {
      const own = [...effect.slice(query * rows, (query + 1) * rows)].sort((a, b) => b - a);
      expect(top).toBeCloseTo(
        own.slice(0, 5).reduce((a, b) => a + b, 0),
        10,
      );
      expect(random).toBeLessThan(top);
    }
    const runs: Float64Array[] = [];
    const recorded = async (kept: Int32Array): Promise<Float64Array> => {
      runs.push(await retrain(kept));
      return runs.at(-1)!;
    };
    const [first] = await topRemoval({
      scores: effect,
      queries,
      rows,
      count: 5,
      draws: 4,
      retrain: recorded,
      chosen: [1],
    });
    const [whole, ...others] = runs.map((losses) => losses[1]!); // all rows, four draws, without the query's own
    expect(first!.random).toBeCloseTo(others.slice(0, 4).reduce((sum, loss) => sum + loss - whole!, 0) / 4, 10);
    expect(first!.top).toBeCloseTo(others[4]! - whole!, 10);
    await expect(topRemoval({ scores: effect, queries, rows, count: rows, retrain })).rejects.toThrow(
      "there are not more of them",
    );
  });
});
