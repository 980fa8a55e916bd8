/** A task's curvature, measured on its data. */
import {
  ekfac,
  flatten,
  ggn,
  gradientAndLoss,
  type KroneckerFactors,
  kfacOf,
  kroneckerFactors,
  type LinearOperator,
  type Problem,
  UsageError,
} from "@hessonite/core";
import { blockDiagonal, layerNumbers } from "./blockDiagonal.ts";
import { diagonalMetric } from "./diagonalMetric.ts";
import { type FisherKind, fisherDiagonal } from "./fisherDiagonal.ts";
import { inputGram } from "./regmean.ts";
import type { CurvatureKind, TaskCurvature } from "./task.ts";

export interface MeasureOptions {
  readonly name: string;
  readonly kind: CurvatureKind;
  /** Which Fisher matrix the diagonal and the Kronecker factors are of; type-2 unless said. */
  readonly fisher?: FisherKind;
  /** RegMean: a, what off-diagonal entries of the Gram matrix are multiplied by; 0.9 unless said. */
  readonly offDiagonal?: number;
  /** λ of the prior that the model was trained with; 0 unless said. */
  readonly prior?: number;
  readonly signal?: AbortSignal;
}

/**
 * @param problem The task's model, data and mean loss. For `block-diagonal` and `ggn` it must outlive the result.
 * @throws {UsageError} if the loss is a sum (task weights count rows), or has no likelihood where one is needed.
 *
 * Cost: diagonal one pull-back a class and row; Kronecker factors about a gradient a class; ggn nothing beyond the
 * preconditioner's factors until it is solved with.
 */
export async function measureCurvature(problem: Problem, options: MeasureOptions): Promise<TaskCurvature> {
  const { name, kind, prior = 0, signal } = options;
  if (problem.loss.reduction !== "mean") {
    throw new UsageError("Cannot measure a task's curvature as its loss is a sum", {
      at: name,
      try: "a mean: tasks are weighted by their rows",
    });
  }
  const measured = await metrics[kind](problem, options);
  const slope = problem.survey.labelled ? await gradientAndLoss(problem, signal ? { signal } : {}) : undefined;
  return {
    name,
    kind,
    space: problem.space,
    values: flatten(problem.space, problem.values),
    rows: problem.survey.weightedRows,
    prior,
    ...measured,
    ...(slope ?? {}),
  };
}

type Measured = Pick<TaskCurvature, "metric" | "approximation" | "eigenBlocks">;

const metrics: Readonly<Record<CurvatureKind, (problem: Problem, options: MeasureOptions) => Promise<Measured>>> = {
  async diagonal(problem, { fisher = { fisher: "type-2" }, signal }) {
    const diagonal = await fisherDiagonal(problem, fisher, signal);
    return { metric: diagonalMetric(diagonal), approximation: { diagonal } };
  },
  async regmean(problem, { offDiagonal = 0.9, signal }) {
    const factors = inputGram(
      await kroneckerFactors(problem, { fisher: "forward-only", ...(signal ? { signal } : {}) }),
      offDiagonal,
    );
    return kronecker(factors, kfacOf(factors, problem.space.size));
  },
  async kfac(problem, options) {
    const factors = await kroneckerFactors(problem, factorOptions(options));
    return kronecker(factors, kfacOf(factors, problem.space.size));
  },
  async ekfac(problem, options) {
    const operator = await ekfac(problem, factorOptions(options));
    const factors = await kroneckerFactors(problem, factorOptions(options));
    return { ...kronecker(factors, operator), eigenBlocks: operator.blocks };
  },
  async ggn(problem, options) {
    return kronecker(await kroneckerFactors(problem, factorOptions(options)), ggn(problem));
  },
  async "block-diagonal"(problem, options) {
    const factors = await kroneckerFactors(problem, factorOptions(options));
    return kronecker(factors, blockDiagonal(ggn(problem), layerNumbers(factors, problem.space.size)));
  },
};

function factorOptions({ fisher, signal }: MeasureOptions): Parameters<typeof kroneckerFactors>[1] & object {
  return { ...(fisher ?? {}), ...(signal ? { signal } : {}) };
}

function kronecker(factors: KroneckerFactors, metric: LinearOperator): Measured {
  return { metric, approximation: { factors } };
}
