import { randomStream } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { bootstrap } from "./bootstrap.ts";
import { datamodelingScore } from "./datamodelingScore.ts";
import { leaveOneOut } from "./leaveOneOut.ts";
import { correlation, rankCorrelation, ranksOf } from "./rankCorrelation.ts";
import { rankingQuality } from "./rankingQuality.ts";
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
    await expect(topRemoval({ scores: effect, queries, rows, count: rows, retrain })).rejects.toThrow(
      "there are not more of them",
    );
  });
});
