/** Ways through several levels: whose λ stands, and what later shots make up for. */
import { fileURLToPath } from "node:url";
import { type Dataset, readModel, referenceEngine, squaredError } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import type { MethodName } from "./method.ts";
import { lambdaGrid } from "./path.ts";
import { pruneModel } from "./pruneModel.ts";
import { type Job, openJob } from "./setting.ts";
import { taughtRows } from "./taughtRows.ts";

const engine = referenceEngine();
const model = await readModel(
  fileURLToPath(new URL("../../../core/testdata/conformance/mlp_mse_mean/model.onnx", import.meta.url)),
);

const taught = (seed: number): Promise<Dataset> => taughtRows(model, engine, seed);

async function jobOf(heldOutSeed: number): Promise<Job> {
  return openJob({ model, data: await taught(1), heldOut: await taught(heldOutSeed), loss: squaredError(), engine });
}

describe("a path", () => {
  it("takes at every level the damping of least loss on held-out rows", async () => {
    await using job = await jobOf(2);
    const options = { method: "ggn", levels: [0.3, 0.6], rounds: 4 } as const;
    const { points } = await pruneModel(job, options);
    const losses: number[][] = [];
    for (const lambda of lambdaGrid)
      losses.push((await pruneModel(job, { ...options, lambda })).points.map(({ measured }) => measured.loss));
    points.forEach(({ measured, candidates }, level) => {
      const own = losses.map((list) => list[level]!);
      expect(measured.loss).toBe(Math.min(...own));
      expect(Math.max(...own)).toBeGreaterThan(1.01 * Math.min(...own)); // there is something to choose
      expect(candidates).toBe(lambdaGrid.length);
    });
  });

  it.each(["ggn", "kfac", "dense"] satisfies MethodName[])(
    "by %s makes up in a later shot for what was lost before, though nothing more goes",
    async (method) => {
      await using job = await jobOf(1);
      const { points } = await pruneModel(job, { method, levels: [0.5, 0.5], shots: 2, rounds: 4 });
      const [first, second] = points as [(typeof points)[number], (typeof points)[number]];
      expect(second.kept).toEqual(first.kept);
      expect(second.measured.loss).toBeLessThan(0.98 * first.measured.loss);
      second.kept.forEach((kept, at) => kept || expect(second.theta[at]).toBe(0));
    },
  );

  it("stays where it is where a curvature would send it too far", async () => {
    await using job = await jobOf(1); // gradients of rows are next to 0 here, and so is the empirical Fisher
    const { points } = await pruneModel(job, { method: "fisher", levels: [0.5, 0.5], shots: 2, rounds: 4 });
    expect(points[1]!.measured.loss).toBeLessThanOrEqual(points[0]!.measured.loss * (1 + 1e-6));
  });

  it.each(["obc", "sparsegpt", "wanda", "obd"] satisfies MethodName[])(
    "by %s on one linear layer and squared error: what is foretold is what happens",
    async (method) => {
      const data = await taught(1);
      const own = { model, data, heldOut: data, loss: squaredError(), engine, parameters: ["2.weight"] };
      await using job = await openJob(own);
      const before = await job.judge.loss(job.origin);
      for (const point of (await pruneModel(job, { method, levels: [0.4, 0.8] })).points) {
        const [foretold, happened] = [point.predicted! - before, point.measured.loss - before];
        expect(happened).toBeGreaterThan(0);
        expect(Math.abs(foretold / happened - 1)).toBeLessThan(1e-4); // inputs are float32
      }
    },
  );
});
