/** Datasets from files of named arrays. */
import { UsageError } from "../errors.ts";
import { bytesPerElement, type NumericDtype } from "../ir/elements.ts";
import { sizeOf } from "../ir/shape.ts";
import { asInput, asTarget, type Column, columnFrom, columnOf } from "./column.ts";
import { columnDataset } from "./columnDataset.ts";
import type { Dataset } from "./dataset.ts";
import { type FileOptions, targetKey } from "./fileOptions.ts";
import { hasPairs, pairsIn } from "./fromPairs.ts";
import { defaultIgnoreIndex, ignoreIndexIn, maskedLabels } from "./ignored.ts";
import { keyOf, missingInput } from "./inputKeys.ts";
import { readTensors } from "./readTensors.ts";
import { scaleOf } from "./scale.ts";
import { listTensors, type StoredTensor, type TensorFile } from "./tensorFile.ts";

const defaultResidentBytes = 512 * 2 ** 20;

/**
 * A dataset from an npz, npy, safetensors or CSV file.
 *
 * Arrays named like the model's inputs are its inputs; a single input also answers to `x`. Only arrays that are used
 * are read. An integer `ignore_index` is the label that does not count. A file of pairs `x0, y0, x1, y1, …` is taken as batches of those sizes (see {@link datasetFromPairs}).
 *
 * @throws {UsageError} if the file is missing or damaged, lacks an input or the target named, has no rows, or holds NaN or
 * an infinity.
 * @throws {MismatchError} if arrays differ in rows or do not fit the model's inputs.
 */
export async function datasetFromFile(path: string, options: FileOptions): Promise<Dataset> {
  const { modelInputs: specs, target, weights, signal } = options;
  const file = await readTensors(path, { signal, target: target ?? undefined, weights });
  const has = (key: string): boolean => file.tensors.has(key);
  const lacksAll = specs.every((spec) => keyOf(spec, specs, has) === undefined);
  if (lacksAll && hasPairs(file, specs)) return pairsIn(file, options);

  const inputs = new Map<string, Column>();
  for (const spec of specs) {
    const stored = file.tensors.get(keyOf(spec, specs, has) ?? "");
    if (!stored) throw missingInput(spec, specs, file.name, await listTensors(file));
    inputs.set(spec.name, asInput(await load(file, stored, options), spec, scaleOf(spec, options.scale)));
  }
  const { target: column, ignoreIndex } = await targetIn(file, options);
  const dataset = columnDataset(
    { inputs, target: column, weights: await optional(file, weights, options) },
    path,
    options,
  );
  return ignoreIndex === undefined ? dataset : { ...dataset, ignoreIndex };
}

interface Labels {
  readonly target: Column | undefined;
  readonly ignoreIndex: number | undefined;
}

async function targetIn(file: TensorFile, options: FileOptions): Promise<Labels> {
  const column = await optional(file, targetKey(options.target, file), options);
  const mask = await optional(file, options.mask, options);
  const stated = await ignoreIndexIn(file, options.signal);
  const ignoreIndex = mask ? (stated ?? defaultIgnoreIndex) : stated;
  const target = column && asTarget(column);
  return { target: target && mask ? maskedLabels(target, mask, ignoreIndex!) : target, ignoreIndex };
}

/** @throws {UsageError} if a name is given and the file has no such array. */
async function optional(file: TensorFile, name: string | undefined, options: FileOptions): Promise<Column | undefined> {
  if (name === undefined) return undefined;
  const stored = file.tensors.get(name);
  if (stored) return load(file, stored, options);
  throw new UsageError("Cannot use data as the file has no array of that name", {
    at: file.name,
    expected: `array "${name}"`,
    found: await listTensors(file),
  });
}

async function load(file: TensorFile, stored: StoredTensor, options: FileOptions): Promise<Column> {
  const { nonFinite, signal, residentBytes = defaultResidentBytes } = options;
  const at = `${file.name}, array "${stored.name}"`;
  const header = await stored.header();
  const bytes = sizeOf(header.shape) * bytesPerElement(header.dtype as NumericDtype);
  const rows = stored.rows?.bind(stored);
  if (rows === undefined || bytes <= residentBytes) return columnOf(await stored.read({ signal }), at, nonFinite);
  return columnFrom((start, end) => rows(start, end, { signal }), header, at, nonFinite);
}
