/**
 * Draws of the function itself.
 *
 *     f_s(x) = f*(x) + J(x) R z_s          linearised: one z for all inputs, so that a draw is one function
 *     f_s(x) = f(x; θ* + R z_s)            the network at drawn weights
 */
import { atPoint, createProblem, type Dataset, exampleJacobians, matmul, matrix } from "@hessonite/core";
import type { Laplace } from "../fit.ts";
import { onData } from "../functionalVariance.ts";
import { meanOutputs } from "../modelOutputs.ts";
import { type SampleOptions, sampleWeights } from "../sample.ts";

export interface FunctionSamples {
  readonly samples: number;
  readonly rows: number;
  /** C */
  readonly outputs: number;
  /** `[samples, rows, C]` */
  readonly values: Float64Array;
}

/** Linearised draws over all rows together: rows that are near each other move together, as `jointCovariance` says. */
export async function functionSamples(
  fit: Laplace,
  data: Dataset,
  options: SampleOptions & { readonly signal?: AbortSignal },
): Promise<FunctionSamples> {
  const { samples, signal } = options;
  const size = fit.mean.length;
  const moved = sampleWeights(fit, options).map((w, i) => w - fit.mean[i % size]!);
  await using problem = await onData(fit, data, signal);
  const { rows, columns: outputs, data: mean } = await meanOutputs(problem, signal);
  const values = new Float64Array(samples * rows * outputs);
  const all = matrix(samples, size, moved);
  for await (const part of exampleJacobians(problem, signal ? { signal } : {})) {
    const width = part.rows * outputs;
    const shifts = matmul(all, matrix(width, size, part.jacobians), { b: true }).data;
    for (let s = 0; s < samples; s++) {
      for (let i = 0; i < width; i++) {
        const at = part.firstRow * outputs + i;
        values[s * rows * outputs + at] = mean[at]! + shifts[s * width + i]!;
      }
    }
  }
  return { samples, rows, outputs, values };
}

/** The network itself at drawn weights. Cost: a program and a pass for each draw. */
export async function weightSamples(
  fit: Laplace,
  data: Dataset,
  options: SampleOptions & { readonly signal?: AbortSignal },
): Promise<FunctionSamples> {
  const { samples, signal } = options;
  const { model, loss, engine, space, output, memory } = fit.problem;
  const size = fit.mean.length;
  const drawn = sampleWeights(fit, options);
  const parts: Float64Array[] = [];
  let shape = { rows: 0, outputs: 0 };
  for (let s = 0; s < samples; s++) {
    signal?.throwIfAborted();
    await using problem = await createProblem({
      model: atPoint(model, space, drawn.subarray(s * size, (s + 1) * size)),
      data,
      loss,
      engine,
      output,
      memory,
      parameters: space.parameters.map(({ name }) => name),
      checks: { deterministic: false, independent: false },
      ...(signal ? { signal } : {}),
    });
    const { rows, columns, data: values } = await meanOutputs(problem, signal);
    shape = { rows, outputs: columns };
    parts.push(values);
  }
  const values = new Float64Array(samples * shape.rows * shape.outputs);
  parts.forEach((part, s) => values.set(part, s * part.length));
  return { samples, ...shape, values };
}
