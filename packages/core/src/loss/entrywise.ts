/** What squared error and binary cross-entropy share: terms over the last axis, targets like predictions. */
import { MismatchError } from "../errors.ts";
import type { GraphBuilder } from "../ir/builder.ts";
import type { Value } from "../ir/graph.ts";
import { type Shape, sameShape, showShape } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import { requireFinite } from "./finite.ts";
import type { Loss, PreparedTarget } from "./loss.ts";

/** A term is the last axis; a prediction `[B]` has one entry a term. */
export function entriesPerTerm(prediction: Shape): number {
  return prediction.length > 1 ? prediction.at(-1)! : 1;
}

export const entrywise: Pick<Loss, "termShape" | "classAxis" | "targetInput"> = {
  termShape: (prediction) => (prediction.length > 1 ? prediction.slice(0, -1) : prediction),
  classAxis: (prediction) => (prediction.length > 1 ? prediction.length - 1 : null),
  targetInput: (prediction) => ({ dtype: "float32", shape: prediction }),
};

/** Σ over a term's entries. */
export function sumEntries(g: GraphBuilder, x: Value): Value {
  return x.shape.length > 1 ? g.sum(x, [x.shape.length - 1]) : x;
}

/** Columns `[C, …prediction]` of a diagonal factor with these entries. */
export function diagonalColumns(g: GraphBuilder, entries: Value): Value {
  const classes = entriesPerTerm(entries.shape);
  const eye = Float64Array.from({ length: classes * classes }, (_, i) => Number(i % (classes + 1) === 0));
  const ones = entries.shape.slice(0, -1).map(() => 1);
  const shape = entries.shape.length > 1 ? [classes, ...ones, classes] : [1, 1];
  return g.mul(g.constantTensor({ dtype: entries.dtype, shape, data: eye }), g.unsqueeze(entries, 0));
}

/** Targets of the prediction's shape; axes of length 1 may differ. A mean divides by the number of elements. */
export function prepareEntries(target: Tensor, prediction: Shape, where: string): PreparedTarget {
  const long = (shape: Shape): number[] => shape.filter((d) => d !== 1);
  if (!sameShape(long(target.shape), long(prediction)) || target.shape[0] !== prediction[0]) {
    throw new MismatchError("Cannot use the targets as their shape is not the prediction's", {
      at: where,
      expected: showShape(prediction),
      found: showShape(target.shape),
    });
  }
  requireFinite(target, where);
  return { target: { dtype: "float32", shape: prediction, data: target.data }, shares: entriesPerTerm(prediction) };
}
