import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createHost, datasetFromArrays, ortNodeEngine, randomStream } from "@hessonite/core";
import { afterAll, describe, expect, it } from "vitest";
import { prune } from "../plugin.ts";
import { sparsityFor } from "./budget.ts";

const model = fileURLToPath(new URL("../../testdata/mnist/mlp.onnx", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "hessonite-budget-"));
const engine = ortNodeEngine({ threads: 1 });
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const noise = randomStream(1, "images");
const rows = datasetFromArrays(
  {
    inputs: {
      x: {
        dtype: "float32",
        shape: [20, 1, 28, 28],
        data: Float32Array.from({ length: 20 * 784 }, () => noise.uniform()),
      },
    },
    target: { dtype: "int32", shape: [20], data: Int32Array.from({ length: 20 }, (_, n) => n % 10) },
  },
  { batchSize: 10 },
);

async function runWith(options: object) {
  await using host = createHost({ engine });
  return host.run(prune, {
    inputs: { model, data: rows, heldOut: rows, loss: "cross-entropy" },
    options: { method: "magnitude", ...options },
  });
}

describe("a budget", () => {
  it("of parameters is a share of all of them", () => {
    const prunable = { layers: [], skipped: [], weights: 800 };
    expect(sparsityFor(prunable, { of: "parameters", share: 0.4, parameters: 1000, compact: "none" })).toBe(0.5);
    expect(() => sparsityFor(prunable, { of: "parameters", share: 0.8, parameters: 1000, compact: "none" })).toThrow(
      /not so many weights/,
    );
  });

  it.each([
    ["packed", 0.7],
    ["sparse", 0.5],
  ] as const)("of bytes is what the %s file has", async (compact, share) => {
    const { out } = await runWith({ budget: "bytes", sparsity: share, compact, out: join(folder, `${compact}.onnx`) });
    const before = (await stat(model)).size;
    expect(out!.bytes / before).toBeLessThan(1 - share + 0.01);
    expect(out!.bytes / before).toBeGreaterThan(1 - share - 0.04);
  });

  it("is refused where zeros save nothing", async () => {
    await expect(runWith({ budget: "flops", sparsity: 0.5 })).rejects.toThrow(/multiplied all the same/);
    await expect(runWith({ budget: "bytes", sparsity: 0.5 })).rejects.toThrow(/as many as other weights/);
    await expect(runWith({ budget: "parameters" })).rejects.toThrow(/no share of it/);
  });
});
