/** Positions whose labels do not count, where the data say so: by a mask, or by the label that marks them. */
import { MismatchError, UsageError } from "../errors.ts";
import { isFloat } from "../ir/dtype.ts";
import { sameShape, showShape } from "../ir/shape.ts";
import type { Column } from "./column.ts";
import { readTensor, type TensorFile } from "./tensorFile.ts";

/** The array, a single integer, that says which label does not count. */
const indexName = "ignore_index";

/** What marks masked positions where the data do not say it: PyTorch's default. */
export const defaultIgnoreIndex = -100;

/** @throws {UsageError} if the file has such an array and it is no single integer. */
export async function ignoreIndexIn(file: TensorFile, signal?: AbortSignal): Promise<number | undefined> {
  if (!file.tensors.has(indexName)) return undefined;
  const { data, shape } = await readTensor(file, indexName, { signal });
  const [index] = data;
  if (data.length === 1 && Number.isSafeInteger(index)) return index;
  throw new UsageError("Cannot tell which label does not count as the array that says so is no single integer", {
    at: `${file.name}, array "${indexName}"`,
    found: showShape(shape),
  });
}

/**
 * Labels with `index` wherever the mask is 0.
 *
 * @throws {UsageError} if the target holds no labels; {MismatchError} if the mask has another shape.
 */
export function maskedLabels(target: Column, mask: Column, index: number): Column {
  if (isFloat(target.dtype)) {
    throw new UsageError("Cannot leave positions out by a mask as the target holds no labels", {
      at: target.at,
      found: target.dtype,
      try: "give rows a weight instead",
    });
  }
  if (!sameShape(target.shape, mask.shape)) {
    throw new MismatchError("Cannot leave positions out as the mask has another shape than the labels", {
      at: mask.at,
      expected: showShape(target.shape),
      found: showShape(mask.shape),
    });
  }
  return {
    ...target,
    async rows(start, end) {
      const [labels, { data: counts }] = await Promise.all([target.rows(start, end), mask.rows(start, end)]);
      return { ...labels, data: Float64Array.from(labels.data, (label, i) => (counts[i] === 0 ? index : label)) };
    },
  };
}
