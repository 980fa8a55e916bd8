/** A conformance case: a folder with a model, data, and what is expected of its curvature. */
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Batch, Dataset } from "../data/dataset.ts";
import { readTensors } from "../data/readTensors.ts";
import type { TensorFile } from "../data/tensorFile.ts";
import { UsageError } from "../errors.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Loss } from "../loss/loss.ts";
import { lossByName } from "../loss/lossByName.ts";
import { readModel } from "../onnx/decode.ts";
import { type OnnxModel, withValues } from "../onnx/model.ts";

export interface ConformanceCase {
  readonly name: string;
  readonly model: OnnxModel;
  readonly data: Dataset;
  readonly loss: Loss;
  readonly parameters: readonly string[];
  readonly expected: TensorFile;
  /** Probe directions as rows: V transposed. */
  readonly probes: Tensor;
  readonly description: CaseDescription;
}

/** The part of case.json that we use. */
export interface CaseDescription {
  readonly loss: string;
  readonly reduction: "mean" | "sum";
  readonly batches: number;
  readonly input: { readonly name: string };
  readonly parameters: readonly { readonly name: string }[];
  readonly float32Sensitive: Readonly<Record<string, number>>;
  readonly kfacBlocks?: Readonly<Record<string, readonly (readonly string[])[]>>;
}

/**
 * Reads a case.
 *
 * @param exact Use the float64 values and data behind the expected ones, for engines that compute in float64.
 */
export async function readCase(folder: string, { exact }: { readonly exact: boolean }): Promise<ConformanceCase> {
  const name = basename(folder);
  const text = await readFile(join(folder, "case.json"), "utf8").catch((cause: unknown) => {
    throw new UsageError("Cannot read a conformance case as its folder has no case.json", { at: folder }, { cause });
  });
  const description = JSON.parse(text) as CaseDescription;
  const data = await readTensors(join(folder, exact ? "exact.npz" : "data.npz"));
  const probes = await (await readTensors(join(folder, "data.npz"))).tensors.get("V")!.read();
  const model = await readModel(join(folder, "model.onnx"));
  return {
    name,
    model: exact ? withValues(model, await exactValues(data)) : model,
    data: inMemory(name, await pairs(data, description)),
    loss: lossByName(description.loss, { reduction: description.reduction }),
    parameters: description.parameters.map((p) => p.name),
    expected: await readTensors(join(folder, "expected.npz")),
    probes: transposed(probes),
    description,
  };
}

async function exactValues(file: TensorFile): Promise<Map<string, Tensor>> {
  const values = new Map<string, Tensor>();
  for (const [key, stored] of file.tensors) {
    const [, name] = key.match(/^(?:parameter|buffer)\/(.*)$/) ?? [];
    if (name) values.set(name, await stored.read());
  }
  return values;
}

async function pairs(file: TensorFile, { batches, input }: CaseDescription): Promise<Batch[]> {
  const list: Batch[] = [];
  for (let i = 0; i < batches; i++) {
    const x = await file.tensors.get(`x${i}`)!.read();
    const target = await file.tensors.get(`y${i}`)!.read();
    list.push({ inputs: { [input.name]: x }, target, rows: x.shape[0]! });
  }
  return list;
}

function inMemory(name: string, batches: readonly Batch[]): Dataset {
  return {
    name,
    rows: batches.reduce((sum, batch) => sum + batch.rows, 0),
    batchSize: Math.max(...batches.map((batch) => batch.rows)),
    async *batches() {
      yield* batches;
    },
  };
}

function transposed({ dtype, shape, data }: Tensor): Tensor {
  const [rows, columns] = shape as [number, number];
  return {
    dtype,
    shape: [columns, rows],
    data: Float64Array.from({ length: data.length }, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!),
  };
}
