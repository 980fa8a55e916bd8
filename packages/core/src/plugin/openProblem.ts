/** Problems from references. */

import type { Dataset } from "../data/dataset.ts";
import { datasetFromFile } from "../data/fromFile.ts";
import type { Engine } from "../engine/engine.ts";
import type { Loss } from "../loss/loss.ts";
import { lossByName } from "../loss/lossByName.ts";
import { readModel } from "../onnx/decode.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { createProblem, type Problem } from "../operators/problem.ts";
import type { ProblemRequest } from "./plugin.ts";
import { type DatasetRef, isDataset, isLoss, type LossSpec } from "./references.ts";

const defaultBatch = 64;

export interface OpenOptions {
  readonly engine: Engine;
  readonly memory: number | undefined;
  readonly signal: AbortSignal;
}

export async function openProblem(request: ProblemRequest, { engine, memory, signal }: OpenOptions): Promise<Problem> {
  const model = typeof request.model === "string" ? await readModel(request.model) : request.model;
  return createProblem({
    model,
    data: await openDataset(request.data, model, signal),
    loss: openLoss(request.loss),
    engine,
    signal,
    ...(memory !== undefined && { memory }),
    ...(request.parameters && { parameters: request.parameters }),
    ...(request.output !== undefined && { output: request.output }),
  });
}

/** The data of a reference, as this model takes them. */
export async function openDataset(reference: DatasetRef, model: OnnxModel, signal?: AbortSignal): Promise<Dataset> {
  if (typeof reference === "object" && isDataset(reference)) return reference;
  const {
    file,
    batchSize = defaultBatch,
    rows,
    ...how
  } = typeof reference === "string" ? { file: reference } : reference;
  const fixed = model.inputs.map((port) => port.shape?.[0]).find((d) => typeof d === "number");
  const modelInputs = model.inputs.map(({ name, dtype, shape }) => ({
    name,
    dtype,
    ...(shape && { shape: shape.map((d) => (typeof d === "number" ? d : null)) }),
  }));
  return datasetFromFile(file, {
    modelInputs,
    batchSize: fixed === undefined ? batchSize : Math.min(batchSize, fixed),
    signal,
    ...how,
    ...(rows && { rows: Object.fromEntries(Object.entries(rows).filter(([, at]) => at !== undefined)) }),
  });
}

/** The loss of a specification. */
export function openLoss(spec: LossSpec): Loss {
  if (typeof spec === "string") return lossByName(spec);
  if (isLoss(spec)) return spec;
  const { name, ...options } = spec;
  return lossByName(name, Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)));
}
