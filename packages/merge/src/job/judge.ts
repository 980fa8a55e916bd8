/** A model's loss on every task's held-out rows. */
import { createProblem, type LossAt, lossAt, type Problem, UsageError, type Vector } from "@hessonite/core";
import { problemOptions } from "./problem.ts";
import type { MergeSetting } from "./task.ts";

export type HeldOutMetric = "mean" | "worst";

export interface Judge extends AsyncDisposable {
  /** One a task, in order. */
  losses(theta: Vector): Promise<readonly number[]>;
  /** Their mean, or the largest. */
  loss(theta: Vector): Promise<number>;
}

/** A judge where every task has held-out rows, undefined where none has. */
export async function heldOutJudge(setting: MergeSetting, metric: HeldOutMetric): Promise<Judge | undefined> {
  const { tasks } = setting;
  if (tasks.every(({ heldOut }) => !heldOut)) return undefined;
  const lacking = tasks.find(({ heldOut }) => !heldOut);
  if (lacking) {
    throw new UsageError("Cannot choose on held-out data as one task has none", {
      at: lacking.name,
      try: "held-out rows for every task, or for none",
    });
  }
  const problems: Problem[] = [];
  const losses: LossAt[] = [];
  for (const { model, heldOut } of tasks) {
    if (!heldOut) continue;
    const problem = await createProblem({
      ...problemOptions(setting),
      model,
      data: heldOut,
      checks: { deterministic: false },
    });
    problems.push(problem);
    losses.push(lossAt(problem));
  }
  const all = async (theta: Vector): Promise<number[]> => {
    const list: number[] = [];
    for (const own of losses) list.push(await own.at(theta));
    return list;
  };
  return {
    losses: all,
    async loss(theta) {
      const list = await all(theta);
      return metric === "worst" ? Math.max(...list) : list.reduce((sum, x) => sum + x, 0) / list.length;
    },
    async [Symbol.asyncDispose]() {
      for (const one of [...losses, ...problems]) await one[Symbol.asyncDispose]();
    },
  };
}
