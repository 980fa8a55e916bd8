import { fileURLToPath } from "node:url";
import { readModelFile, referenceEngine, squaredError } from "@hessonite/core";
import { expect, test } from "vitest";
import { openJob } from "../network/setting.ts";
import { taughtRows } from "../network/taughtRows.ts";
import { roundedPoint } from "./roundedPoint.ts";

const path = fileURLToPath(new URL("../../../core/testdata/conformance/mlp_mse_mean/model.onnx", import.meta.url));

test.each([8, 4] as const)("in %i bits the dense model's loss rises by what its GGN foretells", async (bits) => {
  const { bytes, model } = await readModelFile(path);
  const engine = referenceEngine();
  const data = await taughtRows(model, engine, 1); // the dense model is the minimum: no slope
  await using job = await openJob({ model, data, heldOut: data, loss: squaredError(), engine });
  const dense = await job.judge.measure(job.origin);
  const point = {
    sparsity: 0,
    zeros: 0,
    theta: job.origin,
    kept: new Uint8Array(job.origin.length).fill(1),
    predicted: null,
    measured: dense,
    candidates: 1,
    curvature: "",
    costs: new Float64Array(0),
  };
  const found = await roundedPoint(job, point, bytes, { bits, standard: false, dense });
  const rise = found.measured.loss - dense.loss;
  expect(rise).toBeGreaterThan(1e-8);
  expect((found.predicted! - dense.loss) / rise).toBeGreaterThan(0.8);
  expect((found.predicted! - dense.loss) / rise).toBeLessThan(1.25);
  expect(found.layers.map((layer) => layer.bits)).toEqual([bits, bits]);
  expect(found.drop).toBe(found.measured.loss / dense.loss - 1);
});
