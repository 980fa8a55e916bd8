/** Whether the output that is taken for scores is one: many models end in the probabilities that a loss makes itself. */
import { UsageError } from "../errors.ts";
import type { Loss } from "../loss/loss.ts";
import type { OnnxModel, OnnxNode } from "../onnx/model.ts";

/** What a loss does to scores first: done twice it is another model's loss. */
const link: Readonly<Record<string, string>> = { "cross-entropy": "Softmax", "bce-with-logits": "Sigmoid" };

/** Operators that pass values on as they are. */
const passThrough: ReadonlySet<string> = new Set(["Cast", "Flatten", "Identity", "Reshape", "Squeeze"]);

/**
 * @param output The model's own first output, which nobody named: one that is named is taken as it is.
 * @throws {UsageError} if it holds probabilities and the loss takes scores.
 */
export function requireScores({ nodes, source }: OnnxModel, output: string, { name }: Loss): void {
  const maker = (value: string | undefined): OnnxNode | undefined =>
    nodes.find(({ outputs }) => value !== undefined && value !== "" && outputs.includes(value));
  let node = maker(output);
  while (node && passThrough.has(node.opType)) node = maker(node.inputs[0]);
  if (!node || node.opType !== link[name]) return;
  throw new UsageError(
    `Cannot take ${name} of the model's output as it holds probabilities and the loss takes scores`,
    {
      at: `output "${output}" of ${source}`,
      found: `${node.opType} "${node.name}"`,
      expected: `what enters it: "${node.inputs[0]}"`,
      try: `the output "${node.inputs[0]}" (--output); or "${output}", named, if the loss is meant to be taken of probabilities`,
    },
  );
}
