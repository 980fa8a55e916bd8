import { fileURLToPath } from "node:url";
import { editModel, readModelFile, type Tensor } from "@hessonite/core";
import { expect, it } from "vitest";
import { compareLatency } from "./latency.ts";

const path = fileURLToPath(new URL("../../testdata/small/concat.onnx", import.meta.url));

it("tells that a model with more work takes longer, and by what factor", async () => {
  const { bytes } = await readModelFile(path);
  // The same model with a chain of further work on one of its inner values.
  const chain = Array.from({ length: 400 }, (_, i) => ({
    name: `tanh${i}`,
    opType: "Tanh",
    inputs: [i === 0 ? "y_before" : `t${i - 1}`],
    outputs: [i === 399 ? "y" : `t${i}`],
  }));
  const slower = editModel(bytes, { nodes: new Map([["y", { outputs: ["y_before"], after: chain }]]) });
  const data = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
  const feeds: Record<string, Tensor> = { x: { dtype: "float32", shape: [1, 1, 8, 8], data } };
  const { ratio, before, after, quartiles, rounds } = await compareLatency(slower, bytes, feeds, { rounds: 60 });
  expect(rounds).toBe(60);
  expect(ratio).toBeGreaterThan(1.5);
  expect(before).toBeGreaterThan(after);
  expect(quartiles[0]).toBeLessThanOrEqual(ratio);
  expect(quartiles[1]).toBeGreaterThanOrEqual(ratio);
  const turned = await compareLatency(bytes, slower, feeds, { rounds: 60 });
  expect(turned.ratio).toBeLessThan(1);
});

it("stops when told", async () => {
  const signal = AbortSignal.abort();
  const feeds: Record<string, Tensor> = { x: { dtype: "float32", shape: [1, 1, 8, 8], data: new Float32Array(64) } };
  await expect(compareLatency(path, path, feeds, { signal })).rejects.toThrow(/abort/i);
});
