/** Softmax regression on MNIST, all 500 queries: the figures of docs/maths/influence.md. */
import { ortNodeEngine } from "@hessonite/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fitCurvature } from "./curvature.ts";
import { datamodelingScore } from "./evaluation/datamodelingScore.ts";
import type { DampingChoice } from "./options.ts";
import { pairwiseScores } from "./pairwise.ts";
import { l2, type SoftmaxRegression, softmaxRegression } from "./testing/softmax.ts";

const engine = ortNodeEngine();
let mnist: SoftmaxRegression;
beforeAll(async () => {
  mnist = await softmaxRegression(engine, 500);
});
afterAll(async () => {
  await mnist[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});

describe("softmax regression on MNIST, 500 queries", () => {
  it("is predicted by the exact Hessian", { timeout: 1_200_000 }, async () => {
    const curvature = await fitCurvature(mnist.train, { strategy: "ggn" });
    const { scores, solve } = await pairwiseScores(curvature, mnist, { damping: l2, relativeTolerance: 1e-3 });
    expect(solve!.outcome).toBe("converged");
    const { correlation, slope } = mnist.leaveOneOut(scores[0]!);
    const lds = datamodelingScore(scores[0]!, mnist.halves, { resamples: 20 });
    console.log("exact Hessian: leave-one-out", correlation, "slope", slope, "LDS", lds.score, lds.overQueries);
    expect(correlation).toBeGreaterThanOrEqual(0.97);
    expect(lds.score).toBeGreaterThanOrEqual(0.86);
  });

  it("is predicted by EK-FAC with the damping by evidence within .02 of its best", { timeout: 600_000 }, async () => {
    const curvature = await fitCurvature(mnist.train, { strategy: "ekfac" });
    const score = async (damping: DampingChoice): Promise<number> => {
      const { scores } = await pairwiseScores(curvature, mnist, { damping });
      return datamodelingScore(scores[0]!, mnist.halves, { resamples: 2 }).score;
    };
    const grid = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, { meanFraction: 0.1 }];
    const found: number[] = [];
    for (const damping of grid) found.push(await score(damping));
    const auto = await score("auto");
    console.log("EK-FAC: auto", auto, "grid", found.map((x) => x.toFixed(3)).join(" "));
    expect(auto).toBeGreaterThanOrEqual(Math.max(...found) - 0.02);
  });
});
