/**
 * UCI Concrete: scores against losses after retraining on 30 half-size subsets, three models.
 *
 * The figures beside are those of the reference library on the same subsets.
 */
import { fileURLToPath } from "node:url";
import { createProblem, datasetFromFile, ortNodeEngine, type Problem, squaredError } from "@hessonite/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Curvature, fitCurvature } from "./curvature.ts";
import { bootstrap } from "./evaluation/bootstrap.ts";
import { averageScores } from "./evaluation/combine.ts";
import { datamodelingScore, type Retraining } from "./evaluation/datamodelingScore.ts";
import { readRetraining } from "./evaluation/readRetraining.ts";
import type { DampingChoice } from "./options.ts";
import { pairwiseScores } from "./pairwise.ts";

const testdata = (name: string): string => fileURLToPath(new URL(`../testdata/${name}`, import.meta.url));
const engine = ortNodeEngine();
const models: { readonly train: Problem; readonly query: Problem; readonly curvature: Curvature }[] = [];
let truth: Retraining;

beforeAll(async () => {
  for (const i of [0, 1, 2]) {
    const common = { model: testdata(`concrete-mlp-${i}.onnx`), loss: squaredError(), engine };
    const train = await createProblem({
      ...common,
      data: await datasetFromFile(testdata("concrete-train.npz"), { batchSize: 309, modelInputs: [{ name: "x" }] }),
    });
    const query = await createProblem({
      ...common,
      data: await datasetFromFile(testdata("concrete-query.npz"), { batchSize: 103, modelInputs: [{ name: "x" }] }),
    });
    models.push({ train, query, curvature: await fitCurvature(train, { strategy: "ekfac" }) });
  }
  truth = await readRetraining(testdata("concrete-retraining-dev.npz"));
});

afterAll(() => engine[Symbol.asyncDispose]());

const scoresAt = (damping: DampingChoice): Promise<Float64Array[]> =>
  Promise.all(
    models.map(
      async ({ train, query, curvature }) =>
        (await pairwiseScores(curvature, { train, query }, { damping })).scores[0]!,
    ),
  );

const scored = (scores: Float64Array): number => datamodelingScore(scores, truth, { resamples: 10 }).score;

describe("the linear datamodeling score on Concrete", () => {
  it("of EK-FAC at a tenth of the mean eigenvalue is the reference library's", async () => {
    const list = await scoresAt({ meanFraction: 0.1 });
    const expected = [0.205, 0.383, 0.414];
    for (const [i, scores] of list.entries()) expect(scored(scores)).toBeCloseTo(expected[i]!, 2);
    expect(scored(averageScores(list).mean)).toBeCloseTo(0.421, 2);
  });

  it("of EK-FAC with the damping that evidence chooses is within .01 of it", async () => {
    const auto = await scoresAt("auto");
    const usual = await scoresAt({ meanFraction: 0.1 });
    const mean = (list: readonly Float64Array[]): number =>
      list.reduce((sum, scores) => sum + scored(scores), 0) / list.length;
    expect(mean(auto)).toBeGreaterThan(mean(usual) - 0.01);
    expect(scored(averageScores(auto).mean)).toBeGreaterThan(scored(averageScores(usual).mean) - 0.01);
    // Paired: the same queries are drawn for both.
    const [a, b] = [auto, usual].map((list) => datamodelingScore(averageScores(list).mean, truth, { resamples: 10 }));
    const differences = a!.perQuery.map((x, q) => x - b!.perQuery[q]!);
    const { standardError } = bootstrap(
      differences.length,
      (list) => list.reduce((sum, q) => sum + differences[q]!, 0) / list.length,
    );
    expect(standardError).toBeLessThan(0.01);
  });

  it("is known to .03 over queries and .02 over subsets, and could be .75 at best", async () => {
    const { overQueries, overSubsets, ceiling } = datamodelingScore(averageScores(await scoresAt("auto")).mean, truth);
    expect(overQueries.standardError).toBeCloseTo(0.026, 2);
    expect(overSubsets.standardError).toBeCloseTo(0.02, 1);
    expect(ceiling!.score).toBeCloseTo(0.75, 1);
  });
});
