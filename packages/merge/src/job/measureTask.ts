/** A task's curvature for a merge: read from its artefact, or measured on its data. */
import { MismatchError, UsageError } from "@hessonite/core";
import { measureCurvature } from "../curvature/measure.ts";
import type { CurvatureKind, TaskCurvature } from "../curvature/task.ts";
import type { MergeOptions } from "./options.ts";
import { taskProblem } from "./problem.ts";
import type { MergeSetting, MergeTask } from "./task.ts";

type ToMeasure = Pick<MergeTask, "name" | "model" | "data" | "curvature">;

/**
 * @param held Gets what must outlive the curvature.
 * @throws {MismatchError} if an artefact is of another kind.
 * @throws {UsageError} if there is neither artefact nor data.
 */
export async function curvatureOfTask(
  setting: MergeSetting,
  { fisher, offDiagonal }: Pick<MergeOptions, "fisher" | "offDiagonal">,
  kind: CurvatureKind,
  { name, model, data, curvature }: ToMeasure,
  held: AsyncDisposable[],
): Promise<TaskCurvature> {
  if (curvature) return requireKind(curvature, kind);
  if (!data) throw lacksData(name, kind);
  const { problem, labelled } = await taskProblem(setting, model, data);
  held.push(problem);
  if (!labelled && fisher?.fisher === "empirical") {
    throw new UsageError("Cannot measure the empirical Fisher matrix as the data have no labels", {
      at: name,
      try: "type-2, which needs none",
    });
  }
  const measured = await measureCurvature(problem, {
    name,
    kind,
    ...(fisher ? { fisher } : {}),
    ...(offDiagonal === undefined ? {} : { offDiagonal }),
    ...(setting.signal ? { signal: setting.signal } : {}),
  });
  if (labelled) return measured;
  const { gradient: _, loss: __, ...unlabelled } = measured;
  return unlabelled;
}

/** @throws {UsageError} if the base, or both its data and its artefact, are missing. */
export function baseCurvatureOf(
  setting: MergeSetting,
  options: MergeOptions,
  kind: CurvatureKind,
  held: AsyncDisposable[],
): Promise<TaskCurvature> {
  const { base: model, baseData: data, baseCurvature: curvature } = setting;
  if (model && (data || curvature)) {
    const base = { name: "base", model, ...(data ? { data } : {}), ...(curvature ? { curvature } : {}) };
    return curvatureOfTask(setting, options, kind, base, held);
  }
  throw new UsageError("Cannot match gradients as the base model or its data are missing", {
    try: "add base and base data, or the base's curvature artefact",
  });
}

function requireKind(curvature: TaskCurvature, kind: CurvatureKind): TaskCurvature {
  if (curvature.kind === kind) return curvature;
  throw new MismatchError("Cannot merge as a task's curvature is of another kind than the method's", {
    at: curvature.name,
    expected: kind,
    found: curvature.kind,
    try: `hessonite curvature --kind ${kind}, or merge by ${curvature.kind === "diagonal" ? "fisher" : curvature.kind}`,
  });
}

export function lacksData(name: string, method: string): UsageError {
  return new UsageError(`Cannot merge by ${method} as a task has no data`, {
    at: name,
    try: "give data, or a curvature artefact",
  });
}
