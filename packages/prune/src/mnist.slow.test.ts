/** The digits study's gates: 95 % of the weights of an MLP for MNIST go, and little of its accuracy with them. */
import { ortNodeEngine } from "@hessonite/core";
import { afterAll, describe, expect, it } from "vitest";
import {
  type DigitsStudy,
  digitsStudy,
  jobOf,
  type Outcome,
  outcomeOf,
  tenShots,
  testAccuracy,
} from "../bench/mnistStudy.ts";
import { functionRefit } from "./network/improve.ts";
import type { Job } from "./network/setting.ts";

const engine = ortNodeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());
const sparsity = 0.95;

async function dropOf(
  rows: number,
  options: Parameters<typeof outcomeOf>[2]["options"],
): Promise<{ readonly dense: number; readonly outcome: Outcome }> {
  const study = await digitsStudy(engine);
  await using job = await jobOf(study, { rows });
  const dense = await testAccuracy(study, job, job.origin);
  return { dense, outcome: await outcomeOf(study, job, { options }, sparsity) };
}

/** Ten shots within 3.5 points, and a refit of what they leave within 2.5. */
async function expectWithin(study: DigitsStudy, job: Job): Promise<void> {
  const dense = await testAccuracy(study, job, job.origin);
  const { accuracy, weightsLeft, point } = await outcomeOf(study, job, { options: tenShots }, sparsity);
  expect(weightsLeft).toBe(1618);
  expect(dense - accuracy).toBeLessThanOrEqual(3.5);
  const { theta } = await functionRefit(job, { steps: 3 })(point);
  expect(theta.filter((w) => w !== 0).length).toBeLessThanOrEqual(1618);
  expect(dense - (await testAccuracy(study, job, theta))).toBeLessThanOrEqual(2.5);
}

describe("95 % of the weights of an MLP for MNIST", () => {
  it("in one shot from 100 rows cost at most 8 points, by the exact joint update", async () => {
    const { dense, outcome } = await dropOf(100, { method: "ggn", rounds: 4, lambda: 1e-2, curvatureRows: 100 });
    expect(dense).toBeGreaterThan(93);
    expect(outcome.weightsLeft).toBe(1618);
    expect(dense - outcome.accuracy).toBeLessThanOrEqual(8);
    const { outcome: magnitude } = await dropOf(100, { method: "magnitude" });
    expect(outcome.accuracy - magnitude.accuracy).toBeGreaterThan(5);
  }, 600_000);

  it("in ten shots from 100 rows made up to 2,000 cost at most 3.5, and refitted in function space 2.5, without labels", async () => {
    const study = await digitsStudy(engine);
    await using job = await jobOf(study, { rows: 100, augment: "shift-mix" });
    expect(job.labelled).toBe(false);
    await expectWithin(study, job);
  }, 2_400_000);

  it("in ten shots from 1,000 rows cost at most 3.5, and refitted in function space 2.5, without labels", async () => {
    const study = await digitsStudy(engine);
    await using job = await jobOf(study, { rows: 1000 });
    await expectWithin(study, job);
  }, 1_800_000);
});
