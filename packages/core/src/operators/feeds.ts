/** What programs of a binding are fed from a batch. */

import { UsageError } from "../errors.ts";
import type { InputValue } from "../ir/graph.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { PreparedBatch } from "./batches.ts";
import type { Binding } from "./binding.ts";

/** The model's inputs alone: what a prediction needs. */
export function dataFeeds(binding: Binding, batch: PreparedBatch): Map<InputValue, Tensor> {
  return new Map([...binding.inputs].map(([name, input]) => [input, batch.inputs[name]!]));
}

/** Inputs, target and weights: what a loss needs. */
export function lossFeeds(binding: Binding, batch: PreparedBatch): Map<InputValue, Tensor> {
  if (!batch.target) {
    throw new UsageError("Cannot evaluate the loss as the data have no target", {
      at: `batch ${batch.index}`,
      try: 'add an array "y" to the data file, or name the target',
    });
  }
  return dataFeeds(binding, batch).set(binding.target, batch.target).set(binding.weights, batch.weights);
}
