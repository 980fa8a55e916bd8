/** The one pass over the data that making a problem takes: counts and checks. */
import { UsageError } from "../errors.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import { type PreparedBatch, prepareBatch } from "./batches.ts";
import type { Binding } from "./binding.ts";
import { requireIndependentRows } from "./independence.ts";
import type { ProblemBase } from "./problem.ts";

export interface Survey {
  /** Rows in all. */
  readonly rows: number;
  /** N, rows in all, each as often as its weight says. */
  readonly weightedRows: number;
  readonly batches: number;
  /** Rows of the largest batch; smaller ones are padded to it. */
  readonly batchRows: number;
  /** Σ_t n_t, what a mean divides by. */
  readonly count: number;
  /** Loss terms of a row. */
  readonly termsPerRow: number;
  /** The model and loss at the shapes that (padded) batches have. */
  readonly binding: Binding;
  /** True if every batch has a target. */
  readonly labelled: boolean;
  /** The batches, where they fit into memory. */
  readonly kept?: readonly PreparedBatch[];
}

/** Goes over the data. */
export async function survey(base: ProblemBase, signal?: AbortSignal): Promise<Survey> {
  const batchRows = fixedRows(base) ?? (await largestBatch(base, signal));
  const kept: PreparedBatch[] = [];
  let bytes = 0;
  const totals = { rows: 0, weightedRows: 0, batches: 0, count: 0, labelled: true };
  let first: PreparedBatch | undefined;
  for await (const batch of base.data.batches()) {
    signal?.throwIfAborted();
    const prepared = prepareBatch(base, batch, { index: totals.batches, firstRow: totals.rows, rows: batchRows });
    first ??= prepared;
    totals.rows += batch.rows;
    totals.batches++;
    totals.count += prepared.count;
    for (const weight of prepared.rowWeights.data) totals.weightedRows += weight;
    totals.labelled &&= prepared.target !== undefined;
    bytes += bytesOf(prepared);
    if (bytes <= base.memory / 4) kept.push(prepared);
  }
  if (!first) throw new UsageError("Cannot use the data as they have no rows", { at: base.data.name });
  if (totals.labelled && totals.count === 0) {
    throw new UsageError("Cannot use the data as no loss term counts: every label is ignored or has weight 0", {
      at: base.data.name,
    });
  }
  const binding = base.bind(first);
  if (base.checks.independent) await requireIndependentRows(base, binding, first);
  return {
    ...totals,
    binding,
    batchRows,
    termsPerRow: sizeOf(base.loss.termShape(binding.prediction.shape).slice(1)),
    ...(kept.length === totals.batches ? { kept } : {}),
  };
}

/** The number of rows that the model's file fixes, if it does. */
function fixedRows({ model, data }: ProblemBase): number | undefined {
  const fixed = model.inputs.map((port) => port.shape?.[0]).find((d) => typeof d === "number");
  if (fixed === undefined) return undefined;
  if ((data.batchSize ?? 0) > fixed) {
    throw new UsageError("Cannot use the data as their batches are larger than the model's fixed batch", {
      at: data.name,
      expected: `at most ${fixed} rows`,
      found: data.batchSize ?? 0,
      try: `use batches of ${fixed}, or export the model with a dynamic batch axis`,
    });
  }
  return fixed;
}

/** Known from the data's batch size, or else counted. */
async function largestBatch({ data }: ProblemBase, signal?: AbortSignal): Promise<number> {
  if (data.batchSize !== undefined) return Math.min(data.batchSize, data.rows ?? data.batchSize);
  let largest = 0;
  for await (const batch of data.batches()) {
    signal?.throwIfAborted();
    largest = Math.max(largest, batch.rows);
  }
  return largest;
}

function bytesOf({ inputs, target, weights }: PreparedBatch): number {
  const all: (Tensor | undefined)[] = [...Object.values(inputs), target, weights];
  return all.reduce((sum, value) => sum + (value?.data.byteLength ?? 0), 0);
}
