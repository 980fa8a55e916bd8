import { randomStream, type Tensor, tensor } from "@hessonite/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { average, linear } from "./average.ts";
import { defaultParameters, type TensorMerge, type WeightMethodName, weightMethods } from "./methods.ts";
import { modelStock } from "./modelStock.ts";
import { karcher, nuslerp, slerp } from "./slerp.ts";
import {
  rankProbabilities,
  sparsifyAtRandom,
  sparsifyByMagnitude,
  sparsifyByRank,
  sparsifyOutliers,
} from "./sparsify.ts";
import { breadcrumbs, dare, della, taskArithmetic, ties } from "./taskVectors.ts";

const row = (...data: number[]): Tensor => tensor("float32", [data.length], data);
const grid = (rows: number, columns: number, ...data: number[]): Tensor => tensor("float32", [rows, columns], data);
const meanOf = ({ data }: Tensor): number => Array.from(data).reduce((sum, x) => sum + x, 0) / data.length;
const near = (found: Tensor, ...expected: number[]): void => {
  expect(found.data.length).toBe(expected.length);
  for (const [k, x] of expected.entries()) expect(found.data[k]).toBeCloseTo(x, 12);
};

describe("averages", () => {
  it("average and linear, normalised and not", () => {
    near(average([row(0, 2), row(4, 4)]), 2, 3);
    near(linear([row(0, 2), row(4, 4)], { weights: [1, 3] }), 3, 3.5);
    near(linear([row(0, 2), row(4, 4)], { weights: [1, 3], normalize: false }), 12, 14);
  });

  it("weights that cancel do not normalise", () => {
    expect(() => linear([row(0), row(1)], { weights: [1, -1] })).toThrow(
      "Cannot normalise weights as they add up to 0",
    );
    expect(() => linear([row(0), row(1, 2)])).toThrow("shapes differ");
  });
});

describe("sparsification", () => {
  const x = row(1, -8, 3, -2, 5, 0.5, -4, 7);

  it("by magnitude keeps the largest", () => {
    near(sparsifyByMagnitude(x, { density: 0.5 }), 0, -8, 0, 0, 5, 0, -4, 7);
    // Σ|x| 30.5, kept 24
    const f = 30.5 / 24;
    near(sparsifyByMagnitude(x, { density: 0.5, rescale: "l1" }), 0, -8 * f, 0, 0, 5 * f, 0, -4 * f, 7 * f);
    // √Σx² of all is √168.25, of the kept √154; the largest entry is kept
    const root = Math.sqrt(168.25 / 154);
    const kept = [0, -8, 0, 0, 5, 0, -4, 7];
    near(sparsifyByMagnitude(x, { density: 0.5, rescale: "l2" }), ...kept.map((entry) => root * entry));
    near(sparsifyByMagnitude(x, { density: 0.5, rescale: "linf" }), ...kept);
    // without the outliers -8 and 7 the largest that stays is 5
    const outliers = sparsifyOutliers(x, { density: 0.5, gamma: 0.25, rescale: "linf" });
    near(outliers, ...[0, 0, 3, -2, 5, 0, -4, 0].map((entry) => (8 / 5) * entry));
    expect(() => sparsifyByMagnitude(x, { density: 0.1 })).toThrow("no entry would be kept");
  });

  it("outliers go first, then the smallest until the density is met", () => {
    near(sparsifyOutliers(x, { density: 0.5, gamma: 0.25 }), 0, 0, 3, -2, 5, 0, -4, 0);
    // fewer outliers are dropped where the density would not be met
    near(sparsifyOutliers(x, { density: 0.875, gamma: 0.25 }), 1, 0, 3, -2, 5, 0.5, -4, 7);
    // no outliers to drop: the same as by magnitude
    near(sparsifyOutliers(x, { density: 0.5, gamma: 0 }), 0, -8, 0, 0, 5, 0, -4, 7);
  });

  it("at random keeps the mean and the share, by seed", () => {
    const ones = tensor("float32", [20000], new Float64Array(20000).fill(1));
    const kept = sparsifyAtRandom(ones, { density: 0.3 }, randomStream(1, "mask"));
    const mean = meanOf(kept);
    expect(Math.abs(mean - 1)).toBeLessThan(5 * Math.sqrt(0.7 / 0.3 / 20000));
    expect(new Set(kept.data)).toEqual(new Set([0, 1 / 0.3]));
    expect(sparsifyAtRandom(ones, { density: 0.3 }, randomStream(1, "mask")).data).toEqual(kept.data);
  });

  it("by rank gives each row probabilities from density − ε to density + ε", () => {
    const probabilities = rankProbabilities(grid(2, 3, 5, -1, 2, -1, 9, 2), 0.5, 0.1);
    for (const [k, p] of [0.6, 0.4, 0.5, 0.4, 0.6, 0.5].entries()) expect(probabilities[k]).toBeCloseTo(p, 12);
    const wide = tensor(
      "float32",
      [2, 5000],
      Float64Array.from({ length: 10000 }, (_, k) => 1 + (k % 5000)),
    );
    const kept = sparsifyByRank(wide, { density: 0.4, epsilon: 0.2 }, randomStream(2, "mask"));
    const share = (from: number, to: number): number =>
      Array.from(kept.data.slice(from, to)).filter((v) => v !== 0).length / (to - from);
    expect(share(0, 1000)).toBeLessThan(share(4000, 5000) - 0.2);
    expect(meanOf(kept) / meanOf(wide)).toBeCloseTo(1, 1);
    expect(() => sparsifyByRank(wide, { density: 0.1, epsilon: 0.2 }, randomStream(0))).toThrow("leaves the range");
  });
});

describe("task vectors", () => {
  const base = row(1, 1, 1, 1);
  const a = row(2, 3, 1, 0); // τ = 1, 2, 0, −1
  const b = row(0, 2, 5, -2); // τ = −1, 1, 4, −3

  it("task arithmetic adds them", () => {
    near(
      taskArithmetic(base, [a, b], { weights: [1, 0.5], scale: 2 }),
      1 + 2 * 0.5,
      1 + 2 * 2.5,
      1 + 2 * 2,
      1 + 2 * -2.5,
    );
    near(taskArithmetic(base, [a, b], { weights: [1, 3], normalize: true }), 0.5, 2.25, 4, -1.5);
  });

  it("TIES takes the mean of those that agree with the sum's sign", () => {
    // Σ = 0 counts as positive: a alone. second: both. third: b alone, as 0 has no sign. fourth: both.
    near(ties(base, [a, b]), 1 + 1, 1 + 1.5, 1 + 4, 1 - 2);
    // trimmed to two entries each: a 2, −1 ; b 4, −3 — a's 1 at entry 0 ties with −1 and comes first: kept are entries 1 and 0
    near(ties(base, [row(2, 3, 1, 0.5), b], { density: 0.5 }), 1 + 1, 1 + 2, 1 + 4, 1 - 3);
    near(ties(base, [a, b], { weights: [1, 3] }), 1 - 1, 1 + 5 / 4, 1 + 4, 1 - 10 / 4);
    near(ties(base, [a, b], { normalize: false }), 1 + 1, 1 + 3, 1 + 4, 1 - 4);
  });

  it("DARE and DELLA are task arithmetic where nothing is dropped, and in the mean", () => {
    near(dare(base, [a, b], { seed: 0 }), ...taskArithmetic(base, [a, b]).data);
    near(della(base, [a, b], { seed: 0 }), ...ties(base, [a, b]).data);
    const draws = 4000;
    const sum = [0, 0, 0, 0];
    for (let seed = 0; seed < draws; seed++) {
      dare(base, [a, b], { seed, density: 0.5 }).data.forEach((x, k) => {
        sum[k] = (sum[k] ?? 0) + x / draws;
      });
    }
    const expected = taskArithmetic(base, [a, b]).data;
    for (const [k, x] of expected.entries()) expect(Math.abs((sum[k] ?? 0) - x)).toBeLessThan(0.3);
  });

  it("breadcrumbs drop the largest and the smallest", () => {
    near(breadcrumbs(base, [b], { density: 0.5, gamma: 0.25 }), 1 - 1, 1, 1, 1 - 3);
  });
});

describe("spherical means", () => {
  it("SLERP of orthogonal vectors", () => {
    const h = Math.SQRT1_2;
    near(slerp(row(1, 0), row(0, 1), 0.5), h, h);
    near(slerp(row(2, 0), row(0, 4), 0.5), 2 * h, 4 * h);
    near(slerp(row(1, 0), row(0, 1), 1 / 3), Math.cos(Math.PI / 6), 0.5);
    near(slerp(row(1, 2), row(2, 4), 0.25), 1.25, 2.5); // parallel: straight
  });

  it("NuSLERP turns the tensor, its rows or its columns", () => {
    const [a, b] = [grid(2, 2, 1, 0, 3, 3), grid(2, 2, 0, 1, 6, 6)];
    const h = Math.SQRT1_2;
    near(nuslerp(a, b, { weights: [1, 1], per: "row" }), h, h, 4.5, 4.5);
    near(nuslerp(grid(2, 2, 1, 3, 0, 3), grid(2, 2, 0, 6, 1, 6), { weights: [2, 2], per: "column" }), h, 4.5, h, 4.5);
    near(nuslerp(a, b, { weights: [1, 3] }), ...slerp(a, b, 0.75).data);
    near(nuslerp(row(2, 1), row(1, 2), { weights: [1, 1], base: row(1, 1) }), 1 + h, 1 + h);
    near(nuslerp(row(1, 0), row(0, 1), { weights: [1, -1] }), h, h); // weights that cancel: halves
    const unit = (first: number): Tensor => ({
      dtype: "float32",
      shape: [200_000, 2],
      data: Float32Array.from({ length: 400_000 }, (_, k) => (k + first) % 2),
    });
    const large = nuslerp(unit(1), unit(0), { weights: [1, 1], per: "row" }); // orthogonal in every row
    expect(large.data.every((entry) => Math.abs(entry - h) < 1e-12)).toBe(true);
  });

  it("the Karcher mean of two directions is half way, and of three its tangents cancel", () => {
    const h = Math.SQRT1_2;
    near(karcher([row(1, 0), row(0, 3)]), 2 * h, 2 * h);
    near(karcher([row(1, 0), row(0, 0)]), 0.5, 0); // a tensor without direction counts in the norm
    const symmetric = karcher([row(1, 0, 0), row(0, 1, 0), row(0, 0, 1)], { maxIterations: 50, tolerance: 1e-14 });
    near(symmetric, ...Array(3).fill(Math.sqrt(1 / 3)));
    near(
      karcher([row(1, 0), row(0, 1)], { weights: [2, 1], maxIterations: 50, tolerance: 1e-14 }),
      Math.cos(Math.PI / 6),
      0.5,
    );
  });
});

describe("model stock", () => {
  it("goes to the average as far as the angle says", () => {
    // ω = 60°: t = 2·½/(1 + ½) = 2/3
    const [a, b] = [row(2, 0), row(1, Math.sqrt(3))];
    near(modelStock(row(0, 0), [a, b]), 1, Math.sqrt(3) / 3);
    // row 1: 90°, t = 0, the base; row 2: the same vectors, t = 1, the average
    near(
      modelStock(grid(2, 2, 1, 1, 0, 0), [grid(2, 2, 2, 1, 1, 2), grid(2, 2, 1, 2, 1, 2)], { per: "row" }),
      1,
      1,
      1,
      2,
    );
    expect(() => modelStock(row(0), [row(1)])).toThrow("fewer than two models");
  });
});

describe("invariances", () => {
  const tensorsFrom = (min: number): fc.Arbitrary<number[][]> =>
    fc.array(fc.array(fc.double({ min, max: 10, noNaN: true }), { minLength: 6, maxLength: 6 }), {
      minLength: 2,
      maxLength: 4,
    });
  const tensors = tensorsFrom(-10);
  const parametersOf = (count: number): TensorMerge["parameters"] => ({
    ...defaultParameters,
    weight: Array.from({ length: count }, () => 1),
    density: Array.from({ length: count }, () => 1),
  });
  const merged = (method: WeightMethodName, list: readonly Tensor[], base: Tensor): Tensor =>
    weightMethods[method].merge({ name: "w", tensors: list, base, parameters: parametersOf(list.length) });
  const nearly = (a: Tensor, b: Tensor): void => {
    for (const [k, x] of a.data.entries()) expect(Math.abs(x - (b.data[k] ?? 0))).toBeLessThan(1e-9);
  };
  const symmetric = ["average", "linear", "task_arithmetic", "ties", "dare_linear", "karcher", "model_stock"] as const;

  it.each(symmetric)("%s does not depend on the models' order", (method) => {
    // the Karcher mean is one point only where no two directions are opposite
    fc.assert(
      fc.property(tensorsFrom(method === "karcher" ? 0 : -10), (data) => {
        const [base = grid(2, 3), ...list] = [Array.from({ length: 6 }, (_, k) => k / 3), ...data].map((own) =>
          grid(2, 3, ...own),
        );
        nearly(merged(method, list, base), merged(method, [...list].reverse(), base));
      }),
      { numRuns: 30 },
    );
  });

  it.each(["average", "linear", "slerp", "nuslerp", "karcher"] as const)(
    "%s of identical models is that model",
    (method) => {
      fc.assert(
        fc.property(tensors, ([own = []]) => {
          fc.pre(Math.hypot(...own) > 1e-3); // shorter ones have no direction to the spherical means
          const x = grid(2, 3, ...own);
          const base = grid(2, 3, 1, 2, 3, 4, 5, 6);
          nearly(merged(method, [x, x], method === "nuslerp" ? grid(2, 3, 0, 0, 0, 0, 0, 0) : base), x);
        }),
        { numRuns: 30 },
      );
    },
  );
});
