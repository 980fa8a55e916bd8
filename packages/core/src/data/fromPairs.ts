/** Datasets from files that hold their batches one by one: `x0, y0, x1, y1, …`, as the conformance cases do. */
import { UsageError } from "../errors.ts";
import { asInput, asTarget, type Column, columnOf } from "./column.ts";
import { columnDataset } from "./columnDataset.ts";
import type { Dataset } from "./dataset.ts";
import { type FileOptions, targetKey } from "./fileOptions.ts";
import { defaultIgnoreIndex, ignoreIndexIn, maskedLabels } from "./ignored.ts";
import { keyOf, missingInput } from "./inputKeys.ts";
import type { InputSpec } from "./inputSpec.ts";
import { readTensors } from "./readTensors.ts";
import { scaleOf } from "./scale.ts";
import { slice } from "./slice.ts";
import { listTensors, readTensor, type TensorFile } from "./tensorFile.ts";

/**
 * A dataset whose batches are the pairs of a file, in the order of their numbers, in their own sizes.
 *
 * Inputs and target are named as for {@link datasetFromFile}, each name followed by the batch's number from 0.
 *
 * @throws {UsageError} if a number is missing between others, or a batch lacks an array that batch 0 has.
 * @throws {MismatchError} if arrays of a batch differ in rows or do not fit the model's inputs.
 */
export async function datasetFromPairs(
  path: string,
  options: Omit<FileOptions, "batchSize" | "residentBytes">,
): Promise<Dataset> {
  return pairsIn(await readTensors(path, { signal: options.signal }), options);
}

/** True if every input has an array for batch 0. */
export function hasPairs(file: TensorFile, specs: readonly InputSpec[]): boolean {
  return specs.every((spec) => prefixOf(file, spec, specs) !== undefined);
}

export async function pairsIn(file: TensorFile, options: FileOptions): Promise<Dataset> {
  const { modelInputs: specs, rows } = options;
  for (const spec of specs)
    if (prefixOf(file, spec, specs) === undefined) throw missingPairs(spec, file, await listTensors(file));
  const stated = await ignoreIndexIn(file, options.signal);
  const ignoreIndex = options.mask === undefined ? stated : (stated ?? defaultIgnoreIndex);
  const pairs = await Promise.all(
    Array.from({ length: countPairs(file, specs) }, (_, k) =>
      pair(file, k, ignoreIndex ?? defaultIgnoreIndex, options),
    ),
  );
  const sizes = pairs.map(({ rows = 0 }) => rows); // one batch each
  const whole: Dataset = {
    name: file.name,
    rows: sizes.reduce((sum, size) => sum + size, 0),
    batchSize: Math.max(...sizes),
    ...(ignoreIndex !== undefined && { ignoreIndex }),
    async *batches() {
      for (const batch of pairs) yield* batch.batches();
    },
  };
  return rows === undefined ? whole : slice(whole, rows.start ?? 0, rows.end);
}

/** Batch k as a dataset of one batch; masked labels become `index`. */
async function pair(file: TensorFile, k: number, index: number, options: FileOptions): Promise<Dataset> {
  const { modelInputs: specs, signal, nonFinite, scale, weights, mask } = options;
  const column = async (prefix: string): Promise<Column> =>
    columnOf(await readTensor(file, prefix + k, { signal }), `${file.name}, array "${prefix}${k}"`, nonFinite);
  const inputs = new Map<string, Column>();
  for (const spec of specs) {
    const prefix = prefixOf(file, spec, specs) ?? spec.name;
    inputs.set(spec.name, asInput(await column(prefix), spec, scaleOf(spec, scale)));
  }
  const name = targetKey(options.target, file, "0");
  const target = name === undefined ? undefined : asTarget(await column(name));
  return columnDataset(
    {
      inputs,
      target: target && mask !== undefined ? maskedLabels(target, await column(mask), index) : target,
      weights: weights === undefined ? undefined : await column(weights),
    },
    file.name,
    { batchSize: Number.MAX_SAFE_INTEGER, signal },
  );
}

function prefixOf(file: TensorFile, spec: InputSpec, specs: readonly InputSpec[]): string | undefined {
  return keyOf(spec, specs, (key) => file.tensors.has(`${key}0`));
}

/** @throws {UsageError} if numbers are left out. */
function countPairs(file: TensorFile, specs: readonly InputSpec[]): number {
  const prefixes = new Set(specs.map((spec) => prefixOf(file, spec, specs)));
  const numbers = [...file.tensors.keys()].flatMap((key) => {
    const [, prefix, number] = /^(.*?)(0|[1-9]\d*)$/s.exec(key) ?? [];
    return number !== undefined && prefixes.has(prefix) ? [Number(number)] : [];
  });
  const distinct = new Set(numbers);
  const missing = [...distinct].findIndex((_, k) => !distinct.has(k));
  if (missing < 0) return distinct.size;
  throw new UsageError("Cannot use pairs of arrays as a batch is missing between others", {
    at: file.name,
    expected: `batches 0 to ${Math.max(...distinct)}`,
    found: `none of number ${missing}`,
  });
}

function missingPairs(spec: InputSpec, file: TensorFile, found: string): UsageError {
  return missingInput({ ...spec, name: `${spec.name}0` }, [], file.name, found);
}
