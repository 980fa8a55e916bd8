/**
 * RegMean++: RegMean layer by layer, each on the inputs that the merged layers before it give.
 *
 * The Gram matrices of a layer come from the task's model with every earlier layer replaced by its merge. A layer is one with
 * weights; in the paper it is a block of a transformer, inside which the task's own weights give the inputs.
 *
 * Source: Nguyen, Huu-Tien, Suzuki, Nguyen (2025), RegMean++: enhancing effectiveness and generalization of regression mean
 * for model merging, arXiv:2508.03121, algorithm 1.
 */
import { atPoint, kfacOf, kroneckerFactors, type Vector } from "@hessonite/core";
import { mergeByCurvature } from "../curvature/mergeByCurvature.ts";
import { inputGram } from "../curvature/regmean.ts";
import type { TaskCurvature } from "../curvature/task.ts";
import { taskProblem } from "./problem.ts";
import { spaceOf, vectorOf } from "./space.ts";
import type { MergeSetting, MergeTask } from "./task.ts";

export interface RegmeanPlusOptions {
  /** The tasks' rows unless given. */
  readonly weights?: readonly number[];
  /** What each weight is multiplied by. */
  readonly factors: readonly number[];
  /** a, what off-diagonal entries are multiplied by. */
  readonly offDiagonal: number;
  /** δ, relative to the mean curvature. */
  readonly damping: number;
}

/** Cost: layers × tasks forward passes, and as many solves as layers. */
export async function regmeanPlus(
  setting: MergeSetting,
  { weights, factors, offDiagonal, damping }: RegmeanPlusOptions,
): Promise<Vector> {
  const { tasks, signal } = setting;
  const [first] = tasks;
  if (!first) return new Float64Array();
  const space = spaceOf(first.model, setting.parameters);
  const merged = vectorOf(space, first.model);
  const done = new Uint8Array(space.size);
  for (let layer = 0, layers = 1; layer < layers; layer++) {
    const measured: TaskCurvature[] = [];
    for (const task of tasks) measured.push(await gramsBehind(setting, task, merged, done, offDiagonal));
    const blocks = measured.flatMap(({ approximation }) =>
      "factors" in approximation ? approximation.factors.blocks : [],
    );
    layers = 1 + Math.max(...blocks.map((block) => block.layer));
    const { values } = await mergeByCurvature(measured, {
      weights: (weights ?? measured.map(({ rows }) => rows)).map((own, i) => own * (factors[i] ?? 1)),
      anchor: { damping, relative: true },
      ...(signal ? { signal } : {}),
    });
    // Parameters of no layer are done with the first.
    const own = new Uint8Array(space.size).fill(layer === 0 ? 1 : 0);
    for (const block of blocks) for (const at of block.index) own[at] = Number(block.layer === layer);
    for (const [at, isOwn] of own.entries()) {
      if (isOwn === 0) continue;
      merged[at] = values[at] ?? 0;
      done[at] = 1;
    }
  }
  return merged;
}

/** A task's quadratic with Gram matrices of its inputs as the merged layers give them. */
async function gramsBehind(
  setting: MergeSetting,
  task: MergeTask,
  merged: Vector,
  done: Uint8Array,
  offDiagonal: number,
): Promise<TaskCurvature> {
  const space = spaceOf(task.model, setting.parameters);
  const values = vectorOf(space, task.model);
  const mixed = values.map((x, at) => (done[at] ? (merged[at] ?? 0) : x));
  if (!task.data) throw new Error("internal: RegMean++ without data");
  const { problem } = await taskProblem(setting, atPoint(task.model, space, mixed), task.data);
  try {
    const factors = inputGram(await kroneckerFactors(problem, { fisher: "forward-only" }), offDiagonal);
    const rows = problem.survey.weightedRows;
    return {
      name: task.name,
      kind: "regmean",
      space,
      values,
      rows,
      metric: kfacOf(factors, space.size),
      approximation: { factors },
    };
  } finally {
    await problem[Symbol.asyncDispose]();
  }
}
