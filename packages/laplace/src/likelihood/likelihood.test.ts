/** Each likelihood's numbers row by row against each other, and against what the fit makes of its loss on the same rows. */
import { datasetFromArrays, randomStream, referenceEngine } from "@hessonite/core";
import { describe, expect, test } from "vitest";
import { evidence } from "../evidence.ts";
import { fitLaplace } from "../fit.ts";
import { network } from "../fixtures/network.ts";
import type { FullCurvature } from "../posterior/full.ts";
import { product, transposed } from "../testing/dense.ts";
import { randomRows } from "../testing/randomRows.ts";
import { type LikelihoodName, likelihoodByName } from "./byName.ts";

const targets: Readonly<Record<LikelihoodName, readonly number[]>> = {
  categorical: [2],
  gaussian: [0.4, -1.1, 0.3, 2],
  heteroscedastic: [0.9, -0.6],
  bernoulli: [1, 0, 1, 1],
  poisson: [0, 3, 1, 7],
};
const f = Float64Array.of(0.4, -0.3, 1.1, 0.2);
const noise = 0.7;

describe.each(Object.keys(targets) as LikelihoodName[])("%s", (name) => {
  const likelihood = likelihoodByName(name);
  const rowwise = likelihood.rowwise!;
  const y = Float64Array.from(targets[name]);

  test("the residual is the slope of the density", () => {
    const h = 1e-6;
    const residual = rowwise.residual(f, y);
    f.forEach((_, c) => {
      const at = (step: number): number => rowwise.logDensity(f.with(c, f[c]! + step), y, 1);
      expect(residual[c]).toBeCloseTo((at(-h) - at(h)) / (2 * h), 7);
    });
  });

  test("over drawn targets residuals have mean 0 and the output Hessian for a covariance", () => {
    const stream = randomStream(3, "targets");
    const draws = 20_000;
    const s = rowwise.outputFactor(f);
    const rows = Array.from({ length: 4 }, (_, i) => Array.from(s.data.subarray(i * s.columns, (i + 1) * s.columns)));
    const hessian = product(rows, transposed(rows));
    const residuals = Array.from({ length: draws }, () => rowwise.residual(f, rowwise.sample(f, 1, stream)));
    const moment = (of: (r: Float64Array) => number, expected: number): void => {
      const values = residuals.map(of);
      const mean = values.reduce((a, b) => a + b) / draws;
      const spread = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / draws);
      expect(Math.abs(mean - expected)).toBeLessThan((4.5 * spread) / Math.sqrt(draws) + 1e-12);
    };
    for (let i = 0; i < 4; i++) {
      moment((r) => r[i]!, 0);
      for (let j = 0; j <= i; j++) moment((r) => r[i]! * r[j]!, hessian[i]![j]!);
    }
  });

  test("a fit's log-likelihood and curvature are sums of the rows'", async () => {
    const x = randomRows(12, 2, 1);
    const w = randomRows(4, 2, 2).map((row) => row.map((v) => 0.5 * v));
    const predictions = product(x, transposed(w)).map((row) => Float64Array.from(row));
    const stream = randomStream(4, "targets");
    const drawn = predictions.map((row) => Array.from(rowwise.sample(row, likelihood.noisy ? noise : 1, stream)));
    const target = name === "categorical" ? drawn.map(([label]) => label!) : drawn;
    await using engine = referenceEngine();
    await using fit = await fitLaplace({
      model: network({ "0.weight": w }, "identity", name),
      data: datasetFromArrays({ inputs: { x }, target }, { batchSize: 5 }),
      likelihood,
      structure: "full",
      engine,
      ...(likelihood.noisy ? { noise } : {}),
    });
    const density = predictions.reduce(
      (sum, row, n) => sum + rowwise.logDensity(row, Float64Array.from(drawn[n]!), likelihood.noisy ? noise : 1),
      0,
    );
    expect(evidence(fit).logLikelihood).toBeCloseTo(density, 9);
    // W [C, I] row-major: the Jacobian of output c has x at its row c.
    const h = new Float64Array(64);
    predictions.forEach((row, n) => {
      const s = rowwise.outputFactor(row);
      for (let k = 0; k < s.columns; k++) {
        const g = Array.from({ length: 8 }, (_, p) => s.data[Math.floor(p / 2) * s.columns + k]! * x[n]![p % 2]!);
        for (let p = 0; p < 8; p++) for (let q = 0; q < 8; q++) h[p * 8 + q]! += g[p]! * g[q]!;
      }
    });
    (fit.curvature as FullCurvature).matrix.data.forEach((v, i) => expect(v).toBeCloseTo(h[i]!, 9));
    await using diagonal = await fitLaplace({
      model: network({ "0.weight": w }, "identity", name),
      data: datasetFromArrays({ inputs: { x }, target }),
      likelihood,
      structure: "diagonal",
      engine,
      prior: 2,
    });
    diagonal.posterior.variances().forEach((v, i) => expect(v).toBeCloseTo(1 / (h[i * 9]! + 2), 9));
  });
});
