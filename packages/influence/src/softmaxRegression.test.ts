/** Softmax regression on MNIST against exact refits, with few queries; all of them in softmaxRegression.slow.test.ts. */
import { gradientAndLoss, ortNodeEngine } from "@hessonite/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fitCurvature } from "./curvature.ts";
import { datamodelingScore } from "./evaluation/datamodelingScore.ts";
import type { DampingChoice } from "./options.ts";
import { pairwiseScores } from "./pairwise.ts";
import { l2, type SoftmaxRegression, softmaxRegression } from "./testing/softmax.ts";

const engine = ortNodeEngine();
let mnist: SoftmaxRegression;
beforeAll(async () => {
  mnist = await softmaxRegression(engine, 20);
});
afterAll(async () => {
  await mnist[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});

const few = { resamples: 2 };

describe("softmax regression on MNIST", () => {
  it("is at its optimum", async () => {
    const { gradient } = await gradientAndLoss(mnist.train);
    const largest = gradient.reduce((most, g, i) => Math.max(most, Math.abs(g + l2 * mnist.optimum[i]!)), 0);
    expect(largest).toBeLessThan(1e-6); // the runtime's float32
  });

  it("is predicted by the exact Hessian, in size too", async () => {
    const curvature = await fitCurvature(mnist.train, { strategy: "ggn" }); // the Hessian: logits are linear in the weights
    const { scores, solve } = await pairwiseScores(curvature, mnist, { damping: l2, relativeTolerance: 1e-3 });
    expect(solve!.outcome).toBe("converged");
    const { correlation, slope } = mnist.leaveOneOut(scores[0]!);
    expect(correlation).toBeGreaterThan(0.97);
    expect(Math.abs(slope - 1)).toBeLessThan(0.1);
    expect(datamodelingScore(scores[0]!, mnist.halves, few).score).toBeGreaterThan(0.86);
  });

  it("is predicted by EK-FAC with the damping by evidence nearly as well as with its best", async () => {
    const curvature = await fitCurvature(mnist.train, { strategy: "ekfac" });
    const score = async (damping: DampingChoice): Promise<number> =>
      datamodelingScore((await pairwiseScores(curvature, mnist, { damping })).scores[0]!, mnist.halves, few).score;
    const auto = await score("auto");
    for (const damping of [3e-4, 1e-3, 3e-3]) expect(auto).toBeGreaterThan((await score(damping)) - 0.02);
  });
});
