/** One Gaussian output, where the expectation is an integral that can be done numerically; and the closed forms against it. */
import { expect, test } from "vitest";
import type { Outputs } from "../functionalVariance.ts";
import { bridge } from "./bridge.ts";
import { classProbabilities } from "./link.ts";
import { monteCarlo, outputDraws } from "./monteCarlo.ts";
import { probit } from "./probit.ts";
import { fitTemperature, scaled } from "./temperature.ts";

/** Two classes with logits (f, 0), f ~ N(m, v): p is the mean of a sigmoid. */
const binary = (m: number, v: number): Outputs => ({
  rows: 1,
  outputs: 2,
  mean: Float64Array.of(m, 0),
  covariance: Float64Array.of(v, 0, 0, 0),
});

function integrated(m: number, v: number): number {
  const [steps, reach] = [4000, 12];
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const z = -reach + (2 * reach * i) / steps;
    sum += Math.exp(-0.5 * z * z) / (1 + Math.exp(-(m + Math.sqrt(v) * z)));
  }
  return (sum * 2 * reach) / steps / Math.sqrt(2 * Math.PI);
}

test.each([
  [1.3, 0.5],
  [-2, 4],
  [0.4, 20],
])("the mean of a sigmoid at mean %d, variance %d", (m, v) => {
  const exact = integrated(m, v);
  const samples = 20_000;
  expect(Math.abs(monteCarlo(binary(m, v), { samples })[0]! - exact)).toBeLessThan((4 * 0.5) / Math.sqrt(samples));
  // The probit approximation is for one logit of a sigmoid: with both of a softmax shrunk alike it is the same.
  const both: Outputs = {
    ...binary(m, v),
    mean: Float64Array.of(m / 2, -m / 2),
    covariance: Float64Array.of(v, 0, 0, v),
  };
  expect(Math.abs(probit(both)[0]! - exact)).toBeLessThan(0.02);
});

test("draws have the mean and covariance that they are drawn with", () => {
  const covariance = [2, 0.6, -0.5, 0.6, 1, 0.2, -0.5, 0.2, 0.7];
  const at: Outputs = {
    rows: 1,
    outputs: 3,
    mean: Float64Array.of(1, -2, 0.5),
    covariance: Float64Array.from(covariance),
  };
  const samples = 40_000;
  const draws = outputDraws(at, { samples, seed: 5 })(0);
  const column = (i: number): number[] => Array.from({ length: samples }, (_, s) => draws[s * 3 + i]! - at.mean[i]!);
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      const other = column(j);
      const found = column(i).reduce((sum, x, s) => sum + x * other[s]!, 0) / samples;
      const error = Math.sqrt((covariance[i * 4]! * covariance[j * 4]! + covariance[i * 3 + j]! ** 2) / (samples / 2));
      expect(Math.abs(found - covariance[i * 3 + j]!)).toBeLessThan(4 * error);
    }
  }
});

test("without uncertainty every link is the softmax; with ever more, probabilities become even", () => {
  const mean = Float64Array.of(2, 0, -1);
  const spread = (v: number): Outputs => ({
    rows: 1,
    outputs: 3,
    mean: mean.slice(),
    covariance: Float64Array.of(v, 0, 0, 0, v, 0, 0, 0, v),
  });
  const map = classProbabilities(spread(1), "map");
  // The bridge has neither limit: with equal variances they cancel.
  for (const link of ["probit", "monte-carlo"] as const) {
    classProbabilities(spread(1e-10), link).forEach((x, i) => expect(x).toBeCloseTo(map[i]!, 4));
    expect(classProbabilities(spread(1e4), link)[0]).toBeLessThan(map[0]! - 0.2);
  }
  expect(bridge(spread(3), { normalised: true }).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
});

test("temperature scaling finds the temperature that logits were multiplied by", () => {
  const rows = 3000;
  const logits = Float64Array.from({ length: rows * 2 }, (_, i) => (i % 2 === 0 ? Math.sin(i) * 2 : 0));
  const p = scaled(logits, rows, 1);
  // Labels as frequent as p says: a low-discrepancy sequence instead of chance.
  const labels = Array.from({ length: rows }, (_, row) => Number((row * 0.618033988749895) % 1 > p[row * 2]!));
  const own = fitTemperature(logits, labels);
  expect(own).toBeGreaterThan(0.9);
  expect(own).toBeLessThan(1.1);
  expect(
    fitTemperature(
      logits.map((x) => 3 * x),
      labels,
    ),
  ).toBeCloseTo(3 * own, 4);
});
