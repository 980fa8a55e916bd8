/**
 * Random data that a model accepts: standard normal floats; integers below the length of whatever they index; other
 * integers and booleans 0 or 1, the first of every row 1 and no two zeros side by side, so that a mask leaves every window
 * something to see. (A row of softmax whose entries are all −3.4e38 + s does not feel s: differences would see nothing.)
 */
import type { Batch } from "../data/dataset.ts";
import { isFloat } from "../ir/dtype.ts";
import type { InputValue, Value } from "../ir/graph.ts";
import { type Shape, sizeOf } from "../ir/shape.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";
import type { Loss } from "../loss/loss.ts";
import type { RandomStream } from "../random/random.ts";
import { indexRange } from "./indexRange.ts";

/** A tensor for every data input of a bound model. */
export function randomInputs(
  inputs: ReadonlyMap<string, InputValue>,
  outputs: readonly Value[],
  random: RandomStream,
): Batch["inputs"] {
  return Object.fromEntries([...inputs].map(([name, input]) => [name, randomInput(input, outputs, random)]));
}

function randomInput(input: InputValue, outputs: readonly Value[], random: RandomStream): Tensor {
  const { dtype, shape } = input;
  if (isFloat(dtype)) return drawn(dtype, shape, () => random.normal());
  const range = dtype === "bool" ? undefined : indexRange(outputs, input);
  if (range !== undefined) return drawn(dtype, shape, () => random.integer(range));
  const row = shape.at(-1) ?? 1;
  let before = 0;
  return drawn(dtype, shape, (i) => {
    before = i % row === 0 || before === 0 ? 1 : random.integer(2);
    return before;
  });
}

/** Targets of a loss: classes, normal numbers for squared error, numbers in [0, 1) for the others. */
export function randomTarget(loss: Loss, prediction: Shape, random: RandomStream): Tensor {
  const { dtype, shape } = loss.targetInput(prediction);
  const classes = prediction[loss.classAxis(prediction) ?? 0] ?? 1;
  if (!isFloat(dtype)) return drawn(dtype, shape, () => random.integer(classes));
  return drawn(dtype, shape, () => (loss.name === "mse" ? random.normal() : random.uniform()));
}

function drawn(dtype: Tensor["dtype"], shape: Shape, draw: (i: number) => number): Tensor {
  return tensor(
    dtype,
    shape,
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => draw(i)),
  );
}
