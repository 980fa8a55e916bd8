import { createProblem, datasetFromArrays, type Problem, referenceEngine, squaredError, tensor } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { fitCurvature } from "./curvature.ts";
import { requireFiniteScores } from "./finiteScores.ts";
import { factorArrays, factorsOf, matricesOf } from "./fitArrays.ts";
import { fixtureSchema } from "./fixtures/fixture.ts";
import { sequentialModel } from "./fixtures/sequentialModel.ts";
import { pairwiseScores } from "./pairwise.ts";
import { keptCurvature } from "./storedCurvature.ts";

const engine = referenceEngine();

/** A linear model of so many inputs on four rows. */
function problemOf(width: number, { labelled = true, scale = 1 } = {}): Promise<Problem> {
  const row = (seed: number): number[] => Array.from({ length: width }, (_, i) => Math.sin(seed + 3 * i));
  const model = sequentialModel(
    fixtureSchema.parse({
      application: "influence",
      loss: "mse",
      params: { "0.weight": [row(1)], "0.bias": [0.5] },
      train_x: [row(0)],
      train_y: [[0]],
      query_x: [],
      query_y: [],
      strategies: {},
    }),
  );
  const x = Float64Array.from([1, 2, 3, 4].flatMap(row), (v) => scale * v);
  return createProblem({
    model,
    data: datasetFromArrays({
      inputs: { x: tensor("float32", [4, width], x) },
      ...(labelled && { target: tensor("float32", [4, 1], Float64Array.of(1, -1, 2, 0)) }),
    }),
    loss: squaredError(),
    engine,
  });
}

describe("influence is refused", () => {
  it("for training data and queries of different widths", async () => {
    await using train = await problemOf(3);
    await using query = await problemOf(4);
    await expect(pairwiseScores(await fitCurvature(train), { train, query })).rejects.toThrow(
      "Cannot score queries as they are asked of other parameters than the training data",
    );
  });

  it("where labels are missing, of the training rows or of the queries", async () => {
    await using train = await problemOf(3);
    await using bare = await problemOf(3, { labelled: false });
    await expect(fitCurvature(bare)).rejects.toThrow("Cannot score as the data have no target");
    await expect(pairwiseScores(await fitCurvature(train), { train, query: bare })).rejects.toThrow("have no target");
  });

  it("with the curvature or the factors of another model", async () => {
    await using train = await problemOf(3);
    const empty = {
      temperature: tensor("float64", [1], Float64Array.of(1)),
      "1.weight Q_G": tensor("float64", [1, 1], Float64Array.of(1)),
    };
    await expect(keptCurvature(train, {}, async () => empty).then(() => "taken")).rejects.toThrow(
      "Cannot use the kept curvature as it is of another model",
    );
    expect(() => matricesOf({ a: empty.temperature })).toThrow(
      "Cannot use the kept factors as they are of another model",
    );
    const layers = { blocks: [{ name: "0.weight", out: 2 }], positions: [1], request: {} } as never;
    const factors = factorArrays({ blocks: [{ g: { rows: 1, columns: 1, data: Float64Array.of(1) } }] } as never);
    expect(() => factorsOf(train, layers, factors)).toThrow("of another model");
  });

  it("where a score is not finite, and says which", async () => {
    const scores = Float64Array.of(1, 2, 3, 4, Number.NaN, 6);
    expect(() => requireFiniteScores(scores, { queries: 2, rows: 3, positions: 1, firstRow: 10 })).toThrow(
      "query 1, training row 11",
    );
    const tokens = [...Array.from({ length: 9 }, () => 0), Number.NaN, 0, 0]; // [2, 3, 2]
    expect(() =>
      requireFiniteScores(Float64Array.from(tokens), { queries: 2, rows: 3, positions: 2, firstRow: 0 }),
    ).toThrow("query 1, training row 1");
    await using train = await problemOf(3);
    await using query = await problemOf(3, { scale: 1e160 });
    const options = { damping: 1e-300 };
    await expect(pairwiseScores(await fitCurvature(train), { train, query }, options)).rejects.toThrow("finite");
  });
});
