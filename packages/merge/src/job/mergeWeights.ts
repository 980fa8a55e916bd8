/** Whole models merged tensor by tensor by a method that needs weights alone. */
import type { ParameterSpace, Vector } from "@hessonite/core";
import { defaultParameters, type WeightMethodName, type WeightParameters, weightMethods } from "../weights/methods.ts";
import { tensorOf } from "./space.ts";
import type { MergeSetting } from "./task.ts";

/**
 * @param factors What each model's weight is multiplied by; 1 unless given.
 * @returns The merge in the space's order.
 */
export function mergeWeights(
  { tasks, base }: MergeSetting,
  { parameters, size }: ParameterSpace,
  method: WeightMethodName,
  parametersOf: (tensor: string) => Partial<WeightParameters> = () => ({}),
  factors: readonly number[] = tasks.map(() => 1),
): Vector {
  const out = new Float64Array(size);
  const weight = tasks.map((task) => task.weight ?? 1);
  const density = tasks.map(() => 1);
  for (const { name, offset } of parameters) {
    const given = { ...defaultParameters, weight, density, ...parametersOf(name) };
    const merged = weightMethods[method].merge({
      name,
      tensors: tasks.map(({ model }) => tensorOf(model, name)),
      ...(base ? { base: tensorOf(base, name) } : {}),
      parameters: { ...given, weight: given.weight.map((own, i) => own * (factors[i] ?? 1)) },
    });
    out.set(merged.data, offset);
  }
  return out;
}
