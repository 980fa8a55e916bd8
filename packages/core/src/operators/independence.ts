/** The check that a row's prediction does not depend on the other rows of its batch. */
import { UsageError } from "../errors.ts";
import { sizeOf } from "../ir/shape.ts";
import type { NumericArray, Tensor } from "../ir/tensor.ts";
import type { PreparedBatch } from "./batches.ts";
import type { Binding } from "./binding.ts";
import { predictBatch } from "./predict.ts";
import type { ProblemBase } from "./problem.ts";

/** Relative difference above which two predictions of one row differ: rounding in another order stays below. */
const tolerance = 1e-3;

/**
 * Predicts a batch again with rows moved by one and the second half replaced by copies of one row: every row that is left
 * must keep its prediction. Batch statistics, attention across rows and position-dependent rows all change it.
 *
 * @throws {UsageError} naming the row whose prediction changed most.
 */
export async function requireIndependentRows(base: ProblemBase, binding: Binding, batch: PreparedBatch): Promise<void> {
  const { rows } = binding;
  if (rows < 2) return;
  const half = Math.ceil(rows / 2);
  const source = Array.from({ length: rows }, (_, i) => (i < half ? (i + 1) % rows : 1));
  const moved = Object.fromEntries(
    Object.entries(batch.inputs).map(([name, value]) => [name, takeRows(value, source)]),
  );
  const before = await predictBatch(base, binding, batch);
  const after = await predictBatch(base, binding, { ...batch, inputs: moved });
  const size = sizeOf(before.shape.slice(1));
  const scale = largestMagnitude(before);
  for (let i = 0; i < half; i++) {
    for (let j = 0; j < size; j++) {
      const difference = Math.abs(after.data[i * size + j]! - before.data[source[i]! * size + j]!);
      if (difference <= tolerance * scale) continue;
      throw new UsageError("Cannot use the model as a row's prediction depends on the other rows of its batch", {
        at: `output "${base.output}", row ${source[i]}`,
        expected: before.data[source[i]! * size + j]!,
        found: `${after.data[i * size + j]!} among other rows`,
        try: "export the model in evaluation mode; or switch the check off (checks: { independent: false }) if this is meant",
      });
    }
  }
}

function takeRows({ dtype, shape, data }: Tensor, source: readonly number[]): Tensor {
  const size = sizeOf(shape.slice(1));
  const taken = new (data.constructor as new (n: number) => NumericArray)(data.length);
  source.forEach((row, i) => {
    taken.set(data.subarray(row * size, (row + 1) * size) as never, i * size);
  });
  return { dtype, shape, data: taken };
}

function largestMagnitude({ data }: Tensor): number {
  let largest = 0;
  for (const x of data) largest = Math.max(largest, Math.abs(x));
  return largest;
}
