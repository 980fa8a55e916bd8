/** What a merge did to each task: losses, accuracies, rises against predictions, losses along straight lines. */
import { accuracy, atPoint, createProblem, type Dataset, type LossAt, lossAt, type Problem } from "@hessonite/core";
import type { Merged } from "../job/options.ts";
import { problemOptions } from "../job/problem.ts";
import { vectorOf } from "../job/space.ts";
import type { MergeSetting } from "../job/task.ts";
import type { LossByMethod, MergeResult } from "./result.ts";

/** Rows that a task is judged by, with its loss as a function of θ. */
interface Bench {
  readonly name: string;
  readonly data: Dataset;
  readonly problem: Problem;
  readonly loss: LossAt;
}

export interface Benches extends AsyncDisposable {
  readonly list: readonly Bench[];
  readonly judged: MergeResult["judged"];
}

/** Held-out rows of every task; where one has none, their data; where those have no labels, nothing. */
export async function openBenches(setting: MergeSetting): Promise<Benches> {
  const { tasks } = setting;
  const all = (which: "heldOut" | "data"): boolean => tasks.every((task) => task[which]);
  const which = all("heldOut") ? "heldOut" : all("data") ? "data" : undefined;
  const list: Bench[] = [];
  const close = async (): Promise<void> => {
    for (const { loss, problem } of list) {
      await loss[Symbol.asyncDispose]();
      await problem[Symbol.asyncDispose]();
    }
  };
  for (const { name, model, ...task } of which ? tasks : []) {
    const data = which && task[which];
    if (!data) continue;
    const problem = await createProblem({ ...problemOptions(setting), model, data, checks: { deterministic: false } });
    list.push({ name, data, problem, loss: lossAt(problem) });
  }
  if (list.length === 0 || list.some(({ problem }) => !problem.survey.labelled)) {
    await close();
    return { list: [], judged: "nothing", [Symbol.asyncDispose]: async () => undefined };
  }
  return { list, judged: which === "heldOut" ? "held-out" : "data", [Symbol.asyncDispose]: close };
}

/** Every task's loss and accuracy under one merge. */
export async function judgeMerge(
  setting: MergeSetting,
  { list }: Benches,
  { method, space, values, notes }: Merged,
  seconds: number,
): Promise<LossByMethod> {
  const losses: number[] = [];
  const accuracies: (number | null)[] = [];
  for (const { data, problem, loss } of list) {
    losses.push(await loss.at(values));
    const model = atPoint(problem.model, space, values);
    await using own = await createProblem({ ...problemOptions(setting), model, data, checks: false });
    accuracies.push((await accuracy(own)) ?? null);
  }
  const mean = losses.reduce((sum, x) => sum + x, 0) / losses.length;
  return { method, losses, accuracies, mean, worst: Math.max(...losses), seconds, notes: [...notes] };
}

const points = [0, 0.25, 0.5, 0.75, 1] as const;

/** Every task's loss on the straight lines from the merged model to each model. */
export async function linesOf(
  { tasks }: MergeSetting,
  { list }: Benches,
  { space, values }: Merged,
): Promise<MergeResult["lines"]> {
  if (list.length === 0) return [];
  const lines: MergeResult["lines"] = [];
  for (const { name, model } of tasks) {
    const end = vectorOf(space, model);
    const losses: number[][] = [];
    for (const { loss } of list) {
      const own: number[] = [];
      for (const t of points) own.push(await loss.at(values.map((x, k) => (1 - t) * x + t * (end[k] ?? 0))));
      losses.push(own);
    }
    lines.push({ to: name, at: [...points], losses });
  }
  return lines;
}
