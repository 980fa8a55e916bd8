/** Checks derivatives and products of a model. */
import { type Batch, checkModel, type Dataset, lossFor } from "@hessonite/core";
import type { CommandContext } from "../command.ts";
import { inputShapes } from "../inspect/inputShapes.ts";
import { openData } from "../options/data.ts";
import { openEngine } from "../options/engine.ts";
import { fileIdentity } from "../options/fileIdentity.ts";
import { openLoss } from "../options/loss.ts";
import { openModel } from "../options/model.ts";
import type { CheckOptions } from "./options.ts";
import type { CheckResult } from "./result.ts";

export async function runCheck(options: CheckOptions, { signal }: CommandContext): Promise<CheckResult> {
  const model = await openModel(options);
  const { data: path, batch: rows, dims = [], seed } = options;
  const data = path
    ? await openData({ ...options, data: path, batchSize: rows, checks: true }, model, signal)
    : undefined;
  const batch = data && (await firstBatch(data));
  const shapes = batch ? shapesOf(batch) : inputShapes(model, { batch: rows, dims });
  await using engine = await openEngine(options);
  const { parameters, output } = options;
  const found = await checkModel({
    model,
    shapes,
    engine,
    loss: lossFor(openLoss(options), data ?? {}),
    seed,
    referenceFlops: options.referenceFlops,
    signal,
    ...(batch && { batch }),
    ...(parameters && { parameters }),
    ...(output && { output }),
  });
  return {
    file: await fileIdentity(options.model),
    output: found.output,
    loss: found.loss,
    data: path ?? "random",
    seed,
    boundAt: shapes,
    parameters: found.parameters,
    comparisons: found.comparisons.map(({ error, step = null, worst = null, ...rest }) => ({
      ...rest,
      error: Number.isFinite(error) ? error : null,
      step,
      worst,
    })),
    passed: found.passed,
    decisions: found.decisions,
    kinks: found.kinks,
    masked: found.masked,
    reference: found.reference,
  };
}

async function firstBatch(data: Dataset): Promise<Batch | undefined> {
  for await (const batch of data.batches()) return batch;
  return undefined;
}

function shapesOf({ inputs }: Batch): Record<string, number[]> {
  return Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, [...shape]]));
}
