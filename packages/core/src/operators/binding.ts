/** A problem's model and loss at the shapes of one batch: the values that every program is built from. */
import type { GraphBuilder } from "../ir/builder.ts";
import type { InputValue, Value } from "../ir/graph.ts";
import type { Shape } from "../ir/shape.ts";
import type { Loss } from "../loss/loss.ts";
import { bindModel } from "../onnx/bind.ts";
import type { OnnxModel } from "../onnx/model.ts";
import type { ParameterSpace } from "./parameterSpace.ts";

export interface Binding {
  /** Distinguishes bindings: the shapes, as text. */
  readonly key: string;
  readonly g: GraphBuilder;
  /** Rows of the batch. */
  readonly rows: number;
  /** Data inputs by name. */
  readonly inputs: ReadonlyMap<string, InputValue>;
  /** In the space's order. */
  readonly parameters: readonly InputValue[];
  /** f, the prediction. */
  readonly prediction: Value;
  /** y, of the loss's target form. */
  readonly target: InputValue;
  /** s, a weight per loss term; 0 for padding. */
  readonly weights: InputValue;
  /** Σ_t s_t ℓ_t, rank 0, before the reduction's scale. */
  readonly loss: Value;
}

export interface BindingRequest {
  readonly model: OnnxModel;
  readonly space: ParameterSpace;
  readonly output: string;
  readonly loss: Loss;
  /** Entries of the prediction, row by row, that are 0 whatever the model says; none unless given. */
  readonly blank?: readonly boolean[];
}

/** Shapes by input name as text, the same for the same shapes. */
export function shapesKey(shapes: Readonly<Record<string, Shape>>): string {
  return Object.keys(shapes)
    .sort()
    .map((name) => `${name}[${shapes[name]!.join(",")}]`)
    .join(" ");
}

/** Binds the model to a batch's shapes and puts the loss behind it. */
export function bindProblem(
  { model, space, output, loss, blank }: BindingRequest,
  shapes: Readonly<Record<string, Shape>>,
): Binding {
  const names = space.parameters.map((p) => p.name);
  const { g, inputs, parameters, outputs } = bindModel(model, { shapes, parameters: names, outputs: [output] });
  const prediction = blank ? withBlanks(g, outputs[0]!, blank) : outputs[0]!;
  const form = loss.targetInput(prediction.shape);
  const target = g.input("target", form.dtype === "float32" ? prediction.dtype : form.dtype, form.shape);
  const weights = g.input("weights", prediction.dtype, loss.termShape(prediction.shape));
  const terms = loss.terms(g, prediction, target);
  return {
    key: shapesKey(shapes),
    g,
    rows: prediction.shape[0] ?? 1,
    inputs,
    parameters,
    prediction,
    target,
    weights,
    loss: g.total(g.mul(weights, terms)),
  };
}

function withBlanks(g: GraphBuilder, x: Value, blank: readonly boolean[]): Value {
  const { dtype, shape } = x;
  const chosen = g.constantTensor({ dtype: "bool", shape, data: Float64Array.from(blank, Number) });
  const zero = g.constantTensor({ dtype, shape, data: new Float64Array(blank.length) });
  return g.where(chosen, zero, x);
}
