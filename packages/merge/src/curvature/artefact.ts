/**
 * A task's curvature in a file: its owner publishes that and keeps the data.
 *
 * safetensors with the diagonal or the Kronecker blocks and the gradient, for exact curvatures the matrices beside them, and a
 * manifest in the metadata: kind, rows, loss, and hashes of the model and the data that it was measured with. The model's own
 * weights are not in it.
 */
import { createHash } from "node:crypto";
import {
  type EkfacOperator,
  ekfacOf,
  type KroneckerFactors,
  kfacOf,
  type Matrix,
  MismatchError,
  matrix,
  type ParameterSpace,
  readTensors,
  type Tensor,
  UsageError,
  type Vector,
  writeSafetensors,
} from "@hessonite/core";
import { layerNumbers } from "./blockDiagonal.ts";
import { type DenseBlock, type DenseOptions, denseBlocks, denseMetric, groupsOf } from "./denseBlocks.ts";
import { diagonalMetric } from "./diagonalMetric.ts";
import { type Manifest, manifestOf, metadataKey, version } from "./manifest.ts";
import type { TaskCurvature } from "./task.ts";

/** What an artefact was measured with, beside its model. */
export interface Provenance {
  /** Hash of the data file. */
  readonly data: string;
  readonly lossName: string;
  /** Shapes of the model's inputs, without rows. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
}

/** A hash of parameters: names, shapes and values. */
export function parametersHash({ parameters }: ParameterSpace, values: Vector): string {
  const hash = createHash("sha256");
  for (const { name, shape } of parameters) hash.update(`${name} ${shape.join(",")}\n`);
  hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return hash.digest("hex");
}

/**
 * Writes a curvature, whole or not at all.
 *
 * @throws {UsageError} if the matrices of an exact curvature (ggn, block-diagonal) take more than the memory.
 *
 * Cost of exact ones: as many products as the largest block has entries, and half its square in numbers.
 */
export async function saveCurvature(
  path: string,
  task: TaskCurvature,
  provenance: Provenance,
  options: DenseOptions = {},
): Promise<void> {
  const { kind, space, values, rows, loss, gradient, approximation, prior } = task;
  const exact = await exactBlocks(task, options);
  const factors = "factors" in approximation ? approximation.factors : undefined;
  const tensors = new Map<string, Tensor>();
  if (gradient) tensors.set("gradient", flat(gradient));
  if ("diagonal" in approximation) tensors.set("diagonal", flat(approximation.diagonal));
  for (const [i, block] of (factors?.blocks ?? []).entries()) {
    tensors.set(`${i}.index`, { dtype: "int32", shape: [block.index.length], data: block.index });
    tensors.set(`${i}.g`, dense(block.g));
    if (block.a) tensors.set(`${i}.a`, block.a instanceof Float64Array ? flat(block.a) : dense(block.a));
  }
  for (const [i, { basis, values: lambda }] of (task.eigenBlocks ?? []).entries()) {
    tensors.set(`${i}.qg`, dense(basis.qg));
    if (basis.qa) tensors.set(`${i}.qa`, dense(basis.qa));
    tensors.set(`${i}.values`, dense(lambda));
  }
  for (const [i, { index, lower }] of exact.entries()) {
    tensors.set(`matrix.${i}.index`, { dtype: "int32", shape: [index.length], data: index });
    tensors.set(`matrix.${i}.lower`, flat(lower));
  }
  const manifest: Manifest = {
    version,
    kind,
    model: parametersHash(space, values),
    data: provenance.data,
    lossName: provenance.lossName,
    rows,
    ...(loss === undefined ? {} : { loss }),
    ...(prior ? { prior } : {}),
    ...(exact.length === 0 ? {} : { matrices: exact.length }),
    inputs: Object.fromEntries(Object.entries(provenance.inputs).map(([name, shape]) => [name, [...shape]])),
    count: factors?.count ?? 0,
    request: factors?.request ?? null,
    blocks: (factors?.blocks ?? []).map(({ name, layer, kind: shape, group, out, in: width, joint }) => ({
      name,
      layer,
      kind: shape,
      group,
      out,
      in: width,
      joint,
    })),
  };
  await writeSafetensors(path, tensors, { metadata: { [metadataKey]: JSON.stringify(manifest) } });
}

/** The matrices of a curvature that is known by its products with the data. */
async function exactBlocks(
  { kind, metric, space, approximation }: TaskCurvature,
  options: DenseOptions,
): Promise<DenseBlock[]> {
  if (kind === "ggn") return denseBlocks(metric, [Int32Array.from({ length: space.size }, (_, at) => at)], options);
  if (kind !== "block-diagonal" || !("factors" in approximation)) return [];
  return denseBlocks(metric, groupsOf(layerNumbers(approximation.factors, space.size)), options);
}

/** What a curvature must be of. */
export interface Expected {
  readonly name: string;
  readonly space: ParameterSpace;
  readonly values: Vector;
  readonly lossName: string;
  readonly inputs: Readonly<Record<string, readonly (number | null)[]>>;
}

/**
 * Reads a task's curvature.
 *
 * @throws {UsageError} if the file is no curvature artefact.
 * @throws {MismatchError} if it was made with another model, loss or shape of data.
 */
export async function loadCurvature(
  path: string,
  { name, space, values, lossName, inputs }: Expected,
): Promise<TaskCurvature> {
  const file = await readTensors(path);
  const manifest = manifestOf(file.metadata?.[metadataKey], path);
  requireSame(
    path,
    "model",
    parametersHash(space, values),
    manifest.model,
    "measure it again with this model's weights",
  );
  requireSame(path, "loss", lossName, manifest.lossName, "measure it again with this loss");
  for (const [input, shape] of Object.entries(inputs)) {
    const own = manifest.inputs[input];
    const fits = own && own.length === shape.length && shape.every((d, i) => d === null || d === own[i]);
    if (!fits)
      requireSame(
        path,
        `shape of input "${input}"`,
        `[${shape.map((d) => d ?? "?").join(", ")}]`,
        own ? `[${own.join(", ")}]` : "none",
      );
  }
  const read = async (key: string): Promise<Tensor | undefined> => file.tensors.get(key)?.read();
  const needed = async (key: string): Promise<Tensor> => {
    const found = await read(key);
    if (found) return found;
    throw new UsageError("Cannot read the curvature as a part of it is missing", {
      at: path,
      expected: `array "${key}"`,
    });
  };
  const gradient = await read("gradient");
  const common = {
    name,
    kind: manifest.kind,
    space,
    values,
    rows: manifest.rows,
    ...(gradient ? { gradient: Float64Array.from(gradient.data) } : {}),
    ...(manifest.loss === undefined ? {} : { loss: manifest.loss }),
    ...(manifest.prior === undefined ? {} : { prior: manifest.prior }),
  };
  if (manifest.kind === "diagonal") {
    const diagonal = Float64Array.from((await needed("diagonal")).data);
    return { ...common, metric: diagonalMetric(diagonal), approximation: { diagonal } };
  }
  const blocks: KroneckerFactors["blocks"][number][] = [];
  const eigenBlocks: EkfacOperator["blocks"][number][] = [];
  for (const [i, shape] of manifest.blocks.entries()) {
    const a = await read(`${i}.a`);
    const index = Int32Array.from((await needed(`${i}.index`)).data);
    const block = { ...shape, index, g: square(await needed(`${i}.g`)), ...(a ? { a: factor(a) } : {}) };
    blocks.push(block);
    if (manifest.kind !== "ekfac") continue;
    const qa = await read(`${i}.qa`);
    const basis = { qg: square(await needed(`${i}.qg`)), ...(qa ? { qa: square(qa) } : {}) };
    eigenBlocks.push({ ...shape, index, basis, values: square(await needed(`${i}.values`)) });
  }
  const { rows, count } = manifest;
  const factors: KroneckerFactors = {
    blocks,
    rows,
    count,
    reduction: "mean",
    request: manifest.request as KroneckerFactors["request"],
  };
  if (manifest.kind === "ekfac")
    return { ...common, metric: ekfacOf(eigenBlocks, space.size), approximation: { factors }, eigenBlocks };
  if (manifest.matrices === undefined)
    return { ...common, metric: kfacOf(factors, space.size), approximation: { factors } };
  const exact: DenseBlock[] = [];
  for (let i = 0; i < manifest.matrices; i++) {
    const index = Int32Array.from((await needed(`matrix.${i}.index`)).data);
    exact.push({ index, lower: Float64Array.from((await needed(`matrix.${i}.lower`)).data) });
  }
  return { ...common, metric: denseMetric(exact, space.size), approximation: { factors } };
}

function requireSame(path: string, what: string, expected: string, found: string, advice?: string): void {
  if (expected === found) return;
  const short = (text: string): string => (text.length === 64 ? `${text.slice(0, 12)}…` : text);
  throw new MismatchError(`Cannot use the curvature as it was made with another ${what}`, {
    at: path,
    expected: short(expected),
    found: short(found),
    ...(advice ? { try: advice } : {}),
  });
}

function flat(data: Vector): Tensor {
  return { dtype: "float64", shape: [data.length], data };
}

function dense({ rows, columns, data }: Matrix): Tensor {
  return { dtype: "float64", shape: [rows, columns], data };
}

function square({ shape: [rows = 0, columns = 0], data }: Tensor): Matrix {
  return matrix(rows, columns, Float64Array.from(data));
}

function factor(tensor: Tensor): Matrix | Float64Array {
  return tensor.shape.length === 1 ? Float64Array.from(tensor.data) : square(tensor);
}
