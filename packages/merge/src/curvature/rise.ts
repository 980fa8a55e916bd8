/** How much a task's loss is predicted to rise, in all and by parameter. */
import type { Vector } from "@hessonite/core";
import type { TaskCurvature } from "./task.ts";
import { minus } from "./vectors.ts";

export interface Rise {
  /** gᵀd + ½ dᵀF d with d = θ − θ_i; without the first term where the task has no gradient. */
  readonly total: number;
  /** Share of each parameter, in the space's order: Σ over its entries of d_k (g_k + ½ (F d)_k). They add up to the total. */
  readonly byParameter: Float64Array;
}

/** Cost: one product with the task's metric. */
export async function predictedRise(
  { space, values, metric, gradient }: Pick<TaskCurvature, "space" | "values" | "metric" | "gradient">,
  theta: Vector,
  signal?: AbortSignal,
): Promise<Rise> {
  const away = minus(theta, values);
  const curved = await metric.apply(away, signal ? { signal } : {});
  const byEntry = away.map((d, k) => d * ((gradient?.[k] ?? 0) + 0.5 * (curved[k] ?? 0)));
  const sum = (list: Float64Array): number => list.reduce((total, x) => total + x, 0);
  const byParameter = Float64Array.from(space.parameters, ({ offset, size }) =>
    sum(byEntry.subarray(offset, offset + size)),
  );
  return { total: sum(byParameter), byParameter };
}
