/** Sets hold the truth as often as stated, for a model that is wrong; ranks by hand; promises that cannot be kept are refused. */
import { randomStream } from "@hessonite/core";
import { expect, test } from "vitest";
import { classScores, classSets, conformalThreshold, intervalScores, spreads } from "./conformal.ts";
import type { Outputs } from "./functionalVariance.ts";

test("the threshold's rank, by hand", () => {
  const scores = [0.5, 0.1, 0.9, 0.3];
  // ⌈5 · 0.6⌉ = 3rd of 4, ⌈5 · 0.8⌉ = 4th.
  expect(conformalThreshold(scores, 0.6)).toBe(0.5);
  expect(conformalThreshold(scores, 0.8)).toBe(0.9);
  expect(() => conformalThreshold(scores, 0.9)).toThrow("too few rows");
  expect(() => conformalThreshold(scores, 1)).toThrow("the coverage is no share");
  expect(Array.from(classSets(Float64Array.of(0.7, 0.2, 0.1), 0.8))).toEqual([1, 1, 0]);
  expect(classScores(Float64Array.of(0.7, 0.2, 0.1), [1])[0]).toBeCloseTo(0.8, 12);
});

test("classes: over many calibrations coverage is what was stated, though probabilities are wrong", () => {
  const stream = randomStream(1, "classes");
  const draw = (n: number) => {
    const p: number[] = [];
    const labels = Array.from({ length: n }, () => {
      const shift = stream.normal();
      const powers = [Math.exp(shift), 1, Math.exp(-shift)];
      const total = powers.reduce((a, b) => a + b);
      // The model says p squared, far too sure.
      const squares = powers.map((v) => v ** 2);
      p.push(...squares.map((v) => v / squares.reduce((a, b) => a + b)));
      const u = stream.uniform() * total;
      return u < powers[0]! ? 0 : u < powers[0]! + powers[1]! ? 1 : 2;
    });
    return { p: Float64Array.from(p), labels };
  };
  let [held, all] = [0, 0];
  for (let round = 0; round < 200; round++) {
    const [calibration, fresh] = [draw(50), draw(100)];
    const threshold = conformalThreshold(classScores(calibration.p, calibration.labels), 0.8);
    held += classScores(fresh.p, fresh.labels).filter((score) => score <= threshold).length;
    all += 100;
  }
  // E coverage = ⌈51 · 0.8⌉/51 = 0.804; a calibration's own has a standard deviation of √(0.8 · 0.2/52) = 0.055, over 200: 0.004.
  expect(Math.abs(held / all - 41 / 51)).toBeLessThan(4 * 0.0048);
});

test("regression: intervals are as wide as rows are uncertain", () => {
  const outputs: Outputs = { rows: 2, outputs: 1, mean: Float64Array.of(1, 2), covariance: Float64Array.of(0.36, 0) };
  expect(Array.from(spreads(outputs, 0.8))).toEqual([1, 0.8]);
  expect(Array.from(intervalScores(outputs, [3, 2.4], 0.8), (x) => Number(x.toFixed(12)))).toEqual([2, 0.5]);
  expect(() => spreads({ ...outputs, outputs: 2 }, 1)).toThrow("not one number a row");
});
