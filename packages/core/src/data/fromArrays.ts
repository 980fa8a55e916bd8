/** Datasets from arrays in memory. */
import { type ArrayLike, arrayTensor } from "./arrayTensor.ts";
import { asInput, asTarget, type Column, columnOf } from "./column.ts";
import { type BatchOptions, columnDataset } from "./columnDataset.ts";
import type { Dataset } from "./dataset.ts";
import type { NonFinite } from "./finite.ts";
import { keyOf, missingInput } from "./inputKeys.ts";
import type { InputSpec } from "./inputSpec.ts";
import { type Scales, scaleOf } from "./scale.ts";

export interface Arrays {
  /** By the model's input names; a single array is the model's only input, or `x` where that is not known. */
  readonly inputs: Readonly<Record<string, ArrayLike>>;
  readonly target?: ArrayLike;
  /** `[rows]`, multiplicities. */
  readonly weights?: ArrayLike;
}

export interface ArraysOptions extends BatchOptions {
  /** What the model takes; the arrays are checked against it and converted to it. As given unless this is. */
  readonly modelInputs?: readonly InputSpec[] | undefined;
  readonly scale?: Scales | undefined;
  readonly nonFinite?: NonFinite | undefined;
  /** For messages. */
  readonly name?: string;
}

/**
 * A dataset from arrays, checked at once. Batches are views of them: do not write to the arrays afterwards.
 *
 * @throws {MismatchError} if arrays differ in rows or do not fit the model's inputs.
 * @throws {UsageError} if an input is missing, no rows are there, or NaN or an infinity is among them.
 *
 * @example
 * ```ts
 * const data = datasetFromArrays({ inputs: { x: [[0, 1], [2, 3], [4, 5]] }, target: [0, 1, 0] }, { batchSize: 2 });
 * const sizes = [];
 * for await (const batch of data.batches()) sizes.push(batch.rows);
 * expect(sizes).toEqual([2, 1]);
 * ```
 */
export function datasetFromArrays(arrays: Arrays, options: ArraysOptions = {}): Dataset {
  const { name = "arrays", nonFinite } = options;
  const column = (array: ArrayLike, label: string): Column => {
    const at = `${name}, ${label}`;
    return columnOf(arrayTensor(array, at), at, nonFinite);
  };
  const given = new Map(Object.entries(arrays.inputs).map(([key, array]) => [key, column(array, `array "${key}"`)]));
  const specs = options.modelInputs ?? [...given.keys()].map((key) => ({ name: key }));
  return columnDataset(
    {
      inputs: inputColumns(given, specs, name, options.scale),
      target: arrays.target === undefined ? undefined : asTarget(column(arrays.target, "target")),
      weights: arrays.weights === undefined ? undefined : column(arrays.weights, "weights"),
    },
    name,
    options,
  );
}

function inputColumns(
  given: ReadonlyMap<string, Column>,
  specs: readonly InputSpec[],
  name: string,
  scale: ArraysOptions["scale"],
): Map<string, Column> {
  const columns = specs.map((spec): [string, Column] => {
    const key = keyOf(spec, specs, (k) => given.has(k)) ?? "";
    const column = given.get(key);
    if (!column) throw missingInput(spec, specs, name, [...given.keys()].join(", ") || "no arrays");
    return [spec.name, asInput(column, spec, scaleOf(spec, scale))];
  });
  return new Map(columns);
}
