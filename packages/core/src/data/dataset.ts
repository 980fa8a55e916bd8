/**
 * Data as the operators see them: batches of named inputs and targets, in a fixed order, as often as asked.
 *
 * A dataset is re-iterable: `batches()` starts again from the first row each time and yields the same rows in the
 * same order. Batches may differ in size. Every tensor's first axis counts rows.
 */
import type { Tensor } from "../ir/tensor.ts";

/** Rows of the model's inputs, of the target, and optionally a weight per row (a multiplicity; 1 unless given). */
export interface Batch {
  /** By the model's input names. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** Absent where no labels are needed (predictions, `type-2` Fisher). */
  readonly target?: Tensor;
  /** `[rows]` */
  readonly weights?: Tensor;
  readonly rows: number;
}

export interface Dataset {
  /** For messages: a file's name, "arrays", "iterable". */
  readonly name: string;
  /** Rows in all, where known without iterating. */
  readonly rows?: number;
  /** The most rows that a batch has, where known without iterating. */
  readonly batchSize?: number;
  /** The label that marks positions which do not count, where the data say it. */
  readonly ignoreIndex?: number;
  batches(): AsyncIterable<Batch>;
}
