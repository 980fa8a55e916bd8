/** How much each task's loss rises from its own model to the merged one: as its quadratic predicts, and measured. */
import { createProblem, ggn, gradientAndLoss, lossAt, type Problem, type Vector } from "@hessonite/core";
import { predictedRise, type Rise } from "../curvature/rise.ts";
import type { TaskCurvature } from "../curvature/task.ts";
import type { Merged } from "../job/options.ts";
import { problemOptions, taskProblem } from "../job/problem.ts";
import { vectorOf } from "../job/space.ts";
import type { MergeSetting, MergeTask } from "../job/task.ts";
import { layersOf } from "../models/layers.ts";
import type { MergeResult } from "./result.ts";

/** Factor between measured and predicted rise from which the quadratic is out of its range. */
const outOfRange = 2;
/** Rises smaller than this share of the loss are within the noise of float32. */
const noise = 1e-4;

/** RegMean's quadratic is that of layers' outputs, in their units: it foretells no loss. */
const reconstruction = "regmean";

/**
 * Of all tasks that have data or an artefact. Problems of the merge's own curvatures must still be open.
 *
 * Methods without quadratics are judged by the artefacts, or else by the exact GGN of each task's data, one product a task.
 */
export async function risesOf(setting: MergeSetting, merged: Merged): Promise<MergeResult["rises"]> {
  const rises: MergeResult["rises"] = [];
  for (const [i, task] of setting.tasks.entries()) {
    const predicted = await predictionOf(setting, task, merged.curvature?.tasks[i], merged.values);
    if (!predicted) continue;
    const { by, rise, loss } = predicted;
    const measured = await measuredRise(setting, task, merged.values);
    rises.push({
      task: task.name,
      by,
      predicted: rise.total,
      measured,
      outside: measured !== null && isOutside(rise.total, measured, loss),
      conflict: layersOf(merged.space).map(({ parameters }) => share(rise, parameters)),
    });
  }
  return rises;
}

interface Prediction {
  readonly by: string;
  readonly rise: Rise;
  readonly loss: number | undefined;
}

async function predictionOf(
  setting: MergeSetting,
  { model, data, curvature }: MergeTask,
  own: TaskCurvature | undefined,
  theta: Vector,
): Promise<Prediction | undefined> {
  const known = [own, curvature].find((candidate) => candidate && candidate.kind !== reconstruction);
  if (known) return { by: known.kind, rise: await predictedRise(known, theta, setting.signal), loss: known.loss };
  if (!data) return undefined;
  const { problem, labelled } = await taskProblem(setting, model, data);
  await using held: Problem = problem;
  await using metric = ggn(held);
  const slope = labelled ? await gradientAndLoss(held) : undefined;
  const point = { space: held.space, values: vectorOf(held.space, model), metric, ...(slope ?? {}) };
  return { by: "ggn", rise: await predictedRise(point, theta, setting.signal), loss: slope?.loss };
}

/** Also where one rises and the other falls. */
function isOutside(predicted: number, measured: number, loss = 1): boolean {
  if (Math.max(Math.abs(measured), Math.abs(predicted)) < noise * Math.abs(loss)) return false;
  const ratio = measured / predicted;
  return !(ratio <= outOfRange && ratio >= 1 / outOfRange);
}

function share({ total, byParameter }: Rise, parameters: readonly number[]): number {
  return total === 0 ? 0 : parameters.reduce((sum, i) => sum + (byParameter[i] ?? 0), 0) / total;
}

async function measuredRise(setting: MergeSetting, { model, data }: MergeTask, theta: Vector): Promise<number | null> {
  if (!data) return null;
  await using problem = await createProblem({ ...problemOptions(setting), model, data, checks: false });
  if (!problem.survey.labelled) return null;
  await using loss = lossAt(problem);
  return (await loss.at(theta)) - (await loss.at(vectorOf(problem.space, model)));
}
