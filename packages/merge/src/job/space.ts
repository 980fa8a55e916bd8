/** The parameters of a merge, and models as vectors of them. */
import {
  chooseParameters,
  type OnnxModel,
  type ParameterSelection,
  type ParameterSpace,
  type Tensor,
  UsageError,
  type Vector,
} from "@hessonite/core";

/** The space in which problems with this model and selection live. */
export function spaceOf(model: OnnxModel, selection?: ParameterSelection): ParameterSpace {
  let offset = 0;
  const parameters = chooseParameters(model, selection)
    .filter(({ chosen }) => chosen)
    .map(({ initializer: { name, shape, dtype } }) => {
      const size = shape.reduce((n, d) => n * d, 1);
      const parameter = {
        name,
        shape,
        dtype: dtype === "float64" ? ("float64" as const) : ("float32" as const),
        offset,
        size,
      };
      offset += size;
      return parameter;
    });
  return { parameters, size: offset };
}

/** The model's values in the space. */
export function vectorOf({ parameters, size }: ParameterSpace, model: OnnxModel): Vector {
  const out = new Float64Array(size);
  for (const { name, offset } of parameters) out.set(tensorOf(model, name).data, offset);
  return out;
}

export function tensorOf(model: OnnxModel, name: string): Tensor {
  const initializer = model.initializers.get(name);
  if (initializer) return initializer.read();
  throw new UsageError("Cannot merge models as one lacks a parameter", {
    at: model.source,
    expected: `initializer "${name}"`,
  });
}
