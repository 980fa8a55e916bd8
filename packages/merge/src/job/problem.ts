/** Problems of a merge's tasks. */
import {
  createProblem,
  type Dataset,
  type OnnxModel,
  ownPredictions,
  type Problem,
  type ProblemOptions,
} from "@hessonite/core";
import type { MergeSetting } from "./task.ts";

/** What all problems of a merge share. */
export function problemOptions({
  loss,
  engine,
  parameters,
  output,
  memory,
  signal,
}: MergeSetting): Omit<ProblemOptions, "model" | "data"> {
  return {
    loss,
    engine,
    ...(parameters ? { parameters } : {}),
    ...(output ? { output } : {}),
    ...(memory ? { memory } : {}),
    ...(signal ? { signal } : {}),
  };
}

/**
 * A task's problem. Without labels the model's own predictions stand for them: the curvature is the same, the gradient is
 * then unknown.
 */
export async function taskProblem(
  setting: MergeSetting,
  model: OnnxModel,
  data: Dataset,
): Promise<{ readonly problem: Problem; readonly labelled: boolean }> {
  const problem = await createProblem({ ...problemOptions(setting), model, data });
  if (problem.survey.labelled) return { problem, labelled: true };
  const taught = await ownPredictions(problem);
  await problem[Symbol.asyncDispose]();
  return { problem: await createProblem({ ...problemOptions(setting), model, ...taught }), labelled: false };
}
