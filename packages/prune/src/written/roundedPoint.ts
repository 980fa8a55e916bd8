/** A pruned model rounded: its file, and what rounding costs, foretold and measured. */
import { createProblem, flatten, ggn, type Loss, readModelFile, type Vector } from "@hessonite/core";
import type { PathPoint } from "../network/path.ts";
import { dropOf } from "../network/pruneModel.ts";
import { type Job, type Measured, problemAt, problemOptions } from "../network/setting.ts";
import { type QuantisedModel, quantiseModel } from "../quantise/quantiseModel.ts";

export interface RoundedPoint extends Pick<QuantisedModel, "file" | "layers"> {
  readonly bits: 4 | 8;
  /** The pruned model's loss and ½ δᵀ G δ of the step that rounding makes; null where the loss has no GGN ≥ 0. */
  readonly predicted: number | null;
  readonly measured: Measured;
  readonly drop: number;
}

export interface RoundRequest {
  readonly bits: 4 | 8;
  /** Standard operators alone. */
  readonly standard: boolean;
  readonly dense: Measured;
}

/**
 * @param pruned The pruned model's bytes.
 * @throws {UsageError} as quantiseModel.
 */
export async function roundedPoint(
  job: Job,
  point: PathPoint,
  pruned: Uint8Array,
  { bits, standard, dense }: RoundRequest,
): Promise<RoundedPoint> {
  const { setting, judge } = job;
  const { engine, signal } = setting;
  const options = { engine, ...(signal ? { signal } : {}) };
  const { file, layers, rounded } = await quantiseModel(pruned, { bits, standard, data: setting.data, ...options });
  const theta = await pointOf(job, rounded);
  const measured = await judge.measure(theta);
  const rise = await foretold(job, point.theta, theta, setting.loss);
  return {
    file,
    layers,
    bits,
    predicted: rise === null ? null : point.measured.loss + rise,
    measured,
    drop: dropOf(dense, measured),
  };
}

/** The weights of a file, in the job's order. */
async function pointOf({ setting }: Job, file: Uint8Array): Promise<Vector> {
  const { model } = await readModelFile(file);
  await using problem = await createProblem({ ...problemOptions(setting), model, data: setting.data, checks: false });
  return flatten(problem.space, problem.values);
}

/** ½ δᵀ G δ at the pruned model, on the calibration rows. */
async function foretold(job: Job, from: Vector, to: Vector, { convex }: Loss): Promise<number | null> {
  if (!convex) return null;
  const delta = to.map((value, at) => value - from[at]!);
  await using problem = await problemAt(job, from);
  await using operator = ggn(problem);
  const product = await operator.apply(delta);
  return 0.5 * delta.reduce((sum, d, at) => sum + d * product[at]!, 0);
}
