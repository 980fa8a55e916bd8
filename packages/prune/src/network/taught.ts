/**
 * Calibration rows without labels, with the dense model's predictions in their place: curvature that needs no labels is that of
 * the labelled loss.
 */
import {
  createProblem,
  type Dataset,
  type Loss,
  ownPredictions,
  type ProblemOptions,
  UsageError,
} from "@hessonite/core";

export const unlabelledNote = "The calibration rows have no targets: the model's own predictions stand in for them.";

export interface Taught {
  readonly data: Dataset;
  /** The loss, with what the model predicts as its targets where the rows have none. */
  readonly loss: Loss;
  /** Whether the targets are the rows' own. */
  readonly labelled: boolean;
}

/** @throws {UsageError} if there are no labels and the loss says no distribution. */
export async function taught(setting: ProblemOptions): Promise<Taught> {
  const { data, loss, signal } = setting;
  await using problem = await createProblem({ ...setting, checks: { deterministic: false } });
  if (problem.survey.labelled) return { data, loss, labelled: true };
  return { ...(await ownPredictions(problem, signal ? { signal } : {})), labelled: false };
}

/** @throws {UsageError} if targets are the model's own predictions: their gradients are 0. */
export function requireLabels({ labelled, data }: Pick<Taught, "labelled" | "data">): void {
  if (labelled) return;
  throw new UsageError("Cannot measure the empirical Fisher as the calibration rows have no targets of their own", {
    at: data.name,
    try: "rows with targets, none made of them, or ggn, which needs none",
  });
}
