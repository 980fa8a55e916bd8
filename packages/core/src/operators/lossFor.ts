/** A loss as the data want it. */
import type { Dataset } from "../data/dataset.ts";
import { UsageError } from "../errors.ts";
import { isFloat } from "../ir/dtype.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Loss } from "../loss/loss.ts";

/**
 * `loss` without the terms whose label the data mark as not counting, unless it says itself which do not.
 *
 * A loss without labels refuses integers that hold the mark: it would take it for a number like any other.
 */
export function lossFor(loss: Loss, { ignoreIndex }: Pick<Dataset, "ignoreIndex">): Loss {
  if (ignoreIndex === undefined) return loss;
  if (loss.ignoring) return loss.ignoring(ignoreIndex);
  return {
    ...loss,
    prepare(target, prediction, where) {
      requireAllCount(target, ignoreIndex, `${where}, loss "${loss.name}"`);
      return loss.prepare(target, prediction, where);
    },
  };
}

function requireAllCount({ dtype, data }: Tensor, ignoreIndex: number, at: string): void {
  if (isFloat(dtype) || !data.some((label) => label === ignoreIndex)) return;
  throw new UsageError("Cannot leave positions out as the loss knows no labels that do not count", {
    at,
    found: `the data's ${ignoreIndex} among ${dtype} targets`,
    try: "cross-entropy, or a weight of 0 for rows",
  });
}
