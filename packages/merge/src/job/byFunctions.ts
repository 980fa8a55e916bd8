/** The merge that predicts what each model predicts on its own rows. */
import {
  atPoint,
  createProblem,
  matchFunctions,
  type OnnxModel,
  type ParameterSpace,
  type Teacher,
} from "@hessonite/core";
import type { Knobs } from "./byHeldOut.ts";
import { lacksData } from "./measureTask.ts";
import { mergeWeights } from "./mergeWeights.ts";
import type { Merged, MergeOptions } from "./options.ts";
import { problemOptions } from "./problem.ts";
import type { MergeSetting, MergeTask } from "./task.ts";

/** Rows a task below which matching functions gained nothing in our measurements. */
export const fewRows = 100;

/** Where tasks keep heads of their own, each one's predictions are matched under its own head. */
export async function byFunctions(
  setting: MergeSetting,
  { steps = 3 }: MergeOptions,
  space: ParameterSpace,
  { factors }: Knobs,
): Promise<Merged> {
  const { engine, parameters, output, memory, signal } = setting;
  const start = mergeWeights(setting, space, "average");
  const teachers: Teacher[] = [];
  for (const [i, task] of setting.tasks.entries()) teachers.push(await teacherOf(setting, task, factors, i));
  const found = await matchFunctions({
    student: atPoint(setting.tasks[0]?.model as OnnxModel, space, start),
    teachers,
    engine,
    steps,
    ...(parameters ? { parameters } : {}),
    ...(output ? { output } : {}),
    ...(memory ? { memory } : {}),
    ...(signal ? { signal } : {}),
  });
  const { values, before, after, steps: taken, fewestRows } = found;
  const few = `a task has ${fewestRows} rows: below about ${fewRows} matching functions gained nothing over averaging in our measurements`;
  return {
    method: "function",
    space,
    values,
    match: { before, after, steps: taken, fewestRows },
    choices: [],
    notes: fewestRows < fewRows ? [few] : [],
  };
}

async function teacherOf(
  setting: MergeSetting,
  task: MergeTask,
  factors: readonly number[],
  i: number,
): Promise<Teacher> {
  const { name, model, data } = task;
  if (!data) throw lacksData(name, "function");
  const plain = factors.every((factor) => factor === 1);
  const weight = plain ? task.weight : (factors[i] ?? 1) * (task.weight ?? (await rowsOf(setting, task)));
  return {
    name,
    model,
    data,
    loss: setting.loss,
    ...(setting.heads ? { student: model } : {}),
    ...(weight === undefined ? {} : { weight }),
  };
}

async function rowsOf(setting: MergeSetting, { name, model, data }: MergeTask): Promise<number> {
  if (!data) throw lacksData(name, "function");
  await using problem = await createProblem({ ...problemOptions(setting), model, data, checks: false });
  return problem.survey.weightedRows;
}
