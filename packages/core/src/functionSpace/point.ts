/** A model at another point of its parameter space. */
import type { Tensor } from "../ir/tensor.ts";
import { type OnnxModel, withValues } from "../onnx/model.ts";
import type { Vector } from "../operators/linearOperator.ts";
import type { ParameterSpace } from "../operators/parameterSpace.ts";

/** `model` with the entries of θ as its parameters; θ is copied. */
export function atPoint(model: OnnxModel, space: ParameterSpace, theta: Vector): OnnxModel {
  return withValues(model, tensorsOf(space, theta));
}

/** The parameters' tensors in a vector, by name; float64, copied. */
export function tensorsOf({ parameters }: ParameterSpace, theta: Vector): Map<string, Tensor> {
  return new Map(
    parameters.map(({ name, shape, dtype, offset, size }) => [
      name,
      { dtype, shape, data: theta.slice(offset, offset + size) },
    ]),
  );
}

/** A model's own θ: the inverse of `atPoint`. */
export function pointOf(model: OnnxModel, { parameters, size }: ParameterSpace): Vector {
  const theta = new Float64Array(size);
  for (const { name, offset } of parameters) theta.set(model.initializers.get(name)!.read().data, offset);
  return theta;
}
