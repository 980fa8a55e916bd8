/**
 * A loss given as an ONNX graph `(prediction, target) → terms`.
 *
 * The first input is the prediction, the second the target, the first output the loss terms, their first axis that of the
 * rows. Value, gradient, Hessian, GGN and empirical Fisher products work; its output Hessian may be indefinite, and there is no
 * likelihood to draw labels from, so the sampled Fisher matrix and Kronecker factors say that they need one.
 */
import { UnsupportedModelError, UsageError } from "../errors.ts";
import type { GraphBuilder } from "../ir/builder.ts";
import type { Dtype } from "../ir/dtype.ts";
import type { Value } from "../ir/graph.ts";
import { rewriteValues } from "../ir/rewrite.ts";
import { type Shape, sizeOf } from "../ir/shape.ts";
import { type BoundModel, bindModel } from "../onnx/bind.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { requireFinite } from "./finite.ts";
import type { Loss, Reduction } from "./loss.ts";

export interface CustomLossOptions {
  readonly reduction?: Reduction;
  /** Say so only if ∂²ℓ/∂f² ≥ 0 for every prediction: the GGN is then tagged semidefinite. */
  readonly convex?: boolean;
}

/**
 * @throws {UnsupportedModelError} if the graph does not have two inputs.
 */
export function customLoss(model: OnnxModel, { reduction = "mean", convex = false }: CustomLossOptions = {}): Loss {
  const [prediction, target] = model.inputs;
  if (!prediction || !target || model.inputs.length !== 2) {
    throw new UnsupportedModelError(
      "Cannot use the graph as a loss as it does not have the inputs (prediction, target)",
      {
        at: model.source,
        found: model.inputs.map((i) => i.name).join(", ") || "no inputs",
      },
    );
  }
  const targetShape = (f: Shape): Shape => {
    if (!target.shape) return f;
    return target.shape.map((d, i) => (typeof d === "number" && i > 0 ? d : (f[i] ?? 1)));
  };
  const bound = (f: Shape): BoundModel =>
    bindModel(model, { shapes: { [prediction.name]: f, [target.name]: targetShape(f) }, parameters: [] });
  const termShape = (f: Shape): Shape => {
    const { shape } = bound(f).outputs[0]!;
    if (shape[0] !== f[0]) {
      throw new UnsupportedModelError(
        "Cannot use the graph as a loss as its terms do not count the rows on their first axis",
        {
          at: model.source,
          expected: `[${f[0]}, …]`,
          found: `[${shape.join(", ")}]`,
          try: "leave the reduction out of the graph: the terms are summed or averaged for you",
        },
      );
    }
    return shape;
  };
  return {
    name: "custom",
    reduction,
    convex,
    termShape,
    classAxis: () => null,
    targetInput: (f) => ({ dtype: target.dtype as Dtype, shape: targetShape(f) }),
    terms: (g, f, y) =>
      inline(
        g,
        bound(f.shape),
        new Map([
          [prediction.name, f],
          [target.name, y],
        ]),
      ),
    prepare(given, f, where) {
      const shape = targetShape(f);
      if (sizeOf(given.shape) !== sizeOf(shape)) {
        throw new UsageError("Cannot use the targets as their shape is not that of the loss graph's target", {
          at: where,
          expected: `[${shape.join(", ")}]`,
          found: `[${given.shape.join(", ")}]`,
        });
      }
      requireFinite(given, where);
      return { target: { ...given, dtype: target.dtype, shape }, shares: 1 };
    },
  };
}

function inline(g: GraphBuilder, { inputs, outputs }: BoundModel, values: ReadonlyMap<string, Value>): Value {
  const replace = new Map<Value, Value>([...inputs].map(([name, input]) => [input, values.get(name)!]));
  return rewriteValues(g, outputs, { replace })[0]!;
}
