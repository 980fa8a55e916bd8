import { expect, test } from "vitest";
import {
  accuracyOf,
  brierScore,
  calibrationError,
  entropies,
  negativeLogLikelihoods,
  reliability,
} from "./classification.ts";
import { auroc, falsePositiveRate } from "./detection.ts";
import { bootstrapInterval, paired } from "./paired.ts";

const p = Float64Array.of(0.7, 0.2, 0.1, 0.4, 0.5, 0.1, 0.05, 0.05, 0.9, 0.72, 0.28, 0);
const labels = [0, 0, 2, 1];

test("probabilities against labels, by hand", () => {
  expect(Array.from(negativeLogLikelihoods(p, labels))).toEqual([0.7, 0.4, 0.9, 0.28].map((x) => -Math.log(x)));
  expect(accuracyOf(p, labels)).toBe(0.5);
  const brier = [0.09 + 0.04 + 0.01, 0.36 + 0.25 + 0.01, 0.0025 + 0.0025 + 0.01, 0.72 ** 2 + 0.72 ** 2];
  expect(brierScore(p, labels)).toBeCloseTo(brier.reduce((a, b) => a + b) / 4, 12);
  expect(entropies(Float64Array.of(0.5, 0.5, 1, 0), 2)).toEqual(Float64Array.of(Math.log(2), 0));
});

test("calibration error with five bins: (0.4, 0.6], (0.6, 0.8] and (0.8, 1]", () => {
  const bins = reliability(p, labels, 5);
  expect(bins.map(({ rows }) => rows)).toEqual([0, 0, 1, 2, 1]);
  expect(bins[3]!.confidence).toBeCloseTo(0.71, 12);
  expect(bins[3]!.accuracy).toBe(0.5);
  expect(calibrationError(p, labels, 5)).toBeCloseTo((0.5 + 2 * 0.21 + 0.1) / 4, 12);
});

test("detection: pairs in order, ties as half, and the threshold that finds 95 %", () => {
  const [usual, other] = [
    [1, 2, 3, 3],
    [3, 4, 0.5],
  ];
  // Pairs (usual below other): 3 beats 1, 2 and ties twice; 4 beats all; 0.5 beats none.
  expect(auroc(usual, other)).toBeCloseTo((2 + 1 + 4) / 12, 12);
  expect(falsePositiveRate(usual, other)).toBe(1);
  expect(falsePositiveRate(usual, [2.5, 5])).toBe(0.5);
});

test("paired differences and intervals", () => {
  const { difference, standardError } = paired([1, 2, 4], [1, 1, 1]);
  expect(difference).toBeCloseTo(4 / 3, 12);
  expect(standardError).toBeCloseTo(Math.sqrt(7 / 3 / 3), 12);
  const values = Array.from({ length: 400 }, (_, i) => Math.sin(i * 12.9898) * 2);
  const average = (rows: Int32Array): number => rows.reduce((sum, i) => sum + values[i]!, 0) / rows.length;
  const [low, high] = bootstrapInterval(400, average);
  // 1.96 standard errors of a mean of 400 values with standard deviation √2.
  expect((high - low) / 2).toBeCloseTo((1.96 * Math.SQRT2) / 20, 1);
  expect(bootstrapInterval(400, average)).toEqual([low, high]);
});
