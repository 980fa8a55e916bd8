/**
 * The layer whose outputs are the prediction: z = W φ + b, φ what the rest of the model makes of a row.
 *
 * Found in the graph: its product, or the Add of its bias after it, is the model's output, reshapes aside.
 */
import { UnsupportedModelError } from "../../errors.ts";
import type { Value } from "../../ir/graph.ts";
import type { Binding } from "../binding.ts";
import { captureLayers } from "../layers/capture.ts";
import type { Layer } from "../layers/layer.ts";
import type { Problem } from "../problem.ts";

/**
 * Names of the last layer's parameters: the weight, then its bias if it has one.
 *
 * @throws {UnsupportedModelError} if the prediction is not a layer's output: a softmax behind it, say.
 */
export function lastLayer(problem: Problem): readonly string[] {
  const { binding } = problem.survey;
  const layer = lastLayerOf(binding);
  const { parameters } = problem.space;
  return [layer.parameter, ...(layer.bias === undefined ? [] : [layer.bias])].map((i) => parameters[i]!.name);
}

function lastLayerOf(binding: Binding): Layer {
  const end = unmoved(binding.prediction);
  const candidates = end.op === "Add" ? [end, ...end.inputs.map(unmoved)] : [end];
  const found = captureLayers(binding).find(
    ({ kind, uses }) => kind === "matrix" && uses.length === 1 && candidates.includes(uses[0]!.tap),
  );
  if (found) return found;
  throw new UnsupportedModelError("Cannot find the last layer as the prediction is not the output of one", {
    expected: "a product with a weight, and at most its bias after it",
    found: end.op,
    try: "choose the logits as the output, choose weights by name, or take all",
  });
}

function unmoved(value: Value): Value {
  return value.op === "Reshape" || value.op === "Transpose" ? unmoved(value.inputs[0]!) : value;
}
