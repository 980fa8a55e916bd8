/** Binds an operator test: its inputs are fed, but for those that its operator wants as constants. */
import { UnsupportedModelError } from "../errors.ts";
import { isFloat } from "../ir/dtype.ts";
import type { Tensor } from "../ir/tensor.ts";
import { type BoundModel, bindModel } from "../onnx/bind.ts";
import { withConstants } from "../onnx/model.ts";
import type { OnnxNodeCase } from "./onnxNodeCase.ts";

/**
 * @throws {UnsupportedModelError} as `bindModel` does, for other reasons than an input that depends on the data.
 */
export function bindCase({ model, inputs, outputs }: OnnxNodeCase): BoundModel {
  const constants = new Map<string, Tensor>();
  const shapes = Object.fromEntries([...inputs].map(([name, { shape }]) => [name, shape]));
  for (;;) {
    try {
      return bindModel(withConstants(model, constants), { shapes, parameters: [], outputs: [...outputs.keys()] });
    } catch (error) {
      const more = wantedConstants(error, inputs).filter(([name]) => !constants.has(name));
      if (more.length === 0) throw error;
      for (const [name, value] of more) constants.set(name, value);
    }
  }
}

/** The input that an operator wanted as a constant; all integers where it is computed from others. */
function wantedConstants(error: unknown, inputs: ReadonlyMap<string, Tensor>): [string, Tensor][] {
  const name = error instanceof UnsupportedModelError ? error.facts["input"] : undefined;
  if (name === undefined) return [];
  const value = inputs.get(String(name));
  return value ? [[String(name), value]] : [...inputs].filter(([, { dtype }]) => !isFloat(dtype));
}
