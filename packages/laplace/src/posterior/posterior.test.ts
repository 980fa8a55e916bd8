/** Every structure against its own dense matrix; draws against their moments; fits against each other. */
import { datasetFromArrays, matrix, referenceEngine } from "@hessonite/core";
import { describe, expect, test } from "vitest";
import { evidence } from "../evidence.ts";
import { type FitOptions, fitLaplace, type Laplace, withHyperparameters } from "../fit.ts";
import { network } from "../fixtures/network.ts";
import { functionalVariance } from "../functionalVariance.ts";
import { categorical } from "../likelihood/categorical.ts";
import { precisions } from "../prior.ts";
import { sampleWeights } from "../sample.ts";
import { inverse, logDeterminant, product, transposed } from "../testing/dense.ts";
import { randomRows } from "../testing/randomRows.ts";
import { structures } from "./posterior.ts";

const rows = 20;
const x = randomRows(rows, 3, 1);
const y = Array.from({ length: rows }, (_, i) => i % 3);
const model = network(
  {
    "0.weight": randomRows(4, 3, 2),
    "0.bias": randomRows(1, 4, 3)[0]!,
    "2.weight": randomRows(3, 4, 4),
    "2.bias": [0.1, 0, -0.2],
  },
  "tanh",
  "classifier",
);
const data = datasetFromArrays({ inputs: { x }, target: y }, { batchSize: 6 });

const fitted = (options: Partial<FitOptions> = {}): Promise<Laplace> =>
  fitLaplace({
    model,
    data,
    likelihood: categorical(),
    structure: "full",
    engine: referenceEngine(),
    prior: 0.8,
    rank: 10,
    ...options,
  });

const size = 4 * 3 + 4 + 3 * 4 + 3;
const identity = (n: number): number[][] =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j)));
const rowsOf = ({ data: flat, columns }: { data: Float64Array; columns: number }): number[][] =>
  Array.from({ length: flat.length / columns }, (_, i) => Array.from(flat.subarray(i * columns, (i + 1) * columns)));
const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (v, i) => Math.abs(v - b[i]!)));

const rooted = structures.filter((one) => one !== "matrix-free"); // that one has no root

describe.each(rooted)("%s", (structure) => {
  test("root, variances and log-determinant belong to one covariance, and the prior is in it", async () => {
    await using fit = await fitted({ structure });
    const kinds =
      structure === "full" || structure === "diagonal"
        ? (["scalar", "layerwise", "diagonal"] as const)
        : (["scalar", "layerwise"] as const);
    const precisionAt = async (delta: number, kind: (typeof kinds)[number]): Promise<number[][]> => {
      const { sizes } = fit.curvature.groups(kind);
      const { posterior, prior } = await withHyperparameters(fit, {
        kind,
        prior: Array.from(sizes, (_, g) => delta * (1 + g / sizes.length)),
        temperature: 1.3,
      });
      const root = rowsOf(posterior.timesRoot(matrix(size, size, Float64Array.from(identity(size).flat()))));
      const covariance = product(root, transposed(root));
      expect(
        largestDifference(
          posterior.variances(),
          covariance.map((row, i) => row[i]!),
        ),
      ).toBeLessThan(1e-11);
      expect(posterior.logDeterminant).toBeCloseTo(-logDeterminant(covariance), 8);
      const groups = posterior.groupVariances();
      const sums = Array.from(groups, (_, g) =>
        covariance.reduce((sum, row, i) => sum + (prior.groups.group[i] === g ? row[i]! : 0), 0),
      );
      expect(largestDifference(groups, sums)).toBeLessThan(1e-10);
      const across = rowsOf(
        posterior.timesRootTransposed(matrix(size, size, Float64Array.from(identity(size).flat()))),
      );
      expect(largestDifference(across.flat(), transposed(root).flat())).toBeLessThan(1e-11);
      const d = precisions(prior);
      return inverse(covariance).map((row, i) => row.map((v, j) => v - (i === j ? d[i]! : 0)));
    };
    // s H is what is left of the precision without the prior: the same for every prior.
    const first = await precisionAt(0.8, "scalar");
    for (const kind of kinds) {
      const other = await precisionAt(2.5, kind);
      expect(largestDifference(first.flat(), other.flat())).toBeLessThan(1e-8);
    }
  });

  test("batches, their order and their size change nothing", async () => {
    const order = Array.from({ length: rows }, (_, i) => (i * 7) % rows);
    const shuffled = datasetFromArrays(
      { inputs: { x: order.map((i) => x[i]!) }, target: order.map((i) => y[i]!) },
      { batchSize: 9 },
    );
    await using one = await fitted({ structure });
    await using other = await fitted({ structure, data: shuffled });
    const query = datasetFromArrays({ inputs: { x: randomRows(3, 3, 9) } });
    const tolerance = structure === "low-rank" ? 1e-6 : 1e-10; // eigenpairs are found to a tolerance of their own
    expect(Math.abs(evidence(one).total - evidence(other).total)).toBeLessThan(tolerance);
    const [a, b] = [await functionalVariance(one, query), await functionalVariance(other, query)];
    expect(largestDifference(a.covariance, b.covariance)).toBeLessThan(tolerance);
  });

  test("draws have the posterior's moments, and a seed's draws are the same", async () => {
    await using fit = await fitted({ structure });
    const samples = 4000;
    const drawn = sampleWeights(fit, { samples, seed: 3 });
    expect(sampleWeights(fit, { samples: 2, seed: 3 })).toEqual(sampleWeights(fit, { samples: 2, seed: 3 }));
    const variances = fit.posterior.variances();
    const columns = rowsOf(matrix(samples, size, drawn));
    let [worstMean, worstVariance] = [0, 0];
    for (let i = 0; i < size; i++) {
      const values = columns.map((row) => row[i]! - fit.mean[i]!);
      const mean = values.reduce((sum, v) => sum + v, 0) / samples;
      const square = values.reduce((sum, v) => sum + v * v, 0) / samples;
      worstMean = Math.max(worstMean, Math.abs(mean) / Math.sqrt(variances[i]! / samples));
      worstVariance = Math.max(worstVariance, Math.abs(square / variances[i]! - 1) / Math.sqrt(2 / samples));
    }
    // The largest of 31 standard normals is above 4 once in 500 seeds.
    expect(worstMean).toBeLessThan(4);
    expect(worstVariance).toBeLessThan(4);
  });
});
