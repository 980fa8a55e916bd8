/** What teachers know, parted into rows that are computed with and rows that a step is judged by. */
import type { Dataset } from "../data/dataset.ts";
import { UsageError } from "../errors.ts";
import type { Loss } from "../loss/loss.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { gradientAndLoss } from "../operators/gradientAndLoss.ts";
import type { Vector } from "../operators/linearOperator.ts";
import { createProblem, type Problem, type ProblemOptions } from "../operators/problem.ts";
import { everyNth } from "./everyNth.ts";
import { lossAt } from "./lossAt.ts";
import { ownPredictions, type Taught } from "./ownPredictions.ts";

/** A model and the rows it knows. */
export interface Teacher {
  /** For messages. */
  readonly name: string;
  readonly model: OnnxModel;
  readonly data: Dataset;
  /** Which distribution predictions are: cross-entropy, bce-with-logits or mse. */
  readonly loss: Loss;
  /** α, before all are divided by their sum; the number of rows unless given. */
  readonly weight?: number;
  /** The student as it answers on these rows: with the parameters that are sought, and others of its own, say a head. */
  readonly student?: OnnxModel;
}

/** What every problem of a search shares. */
export type Setting = Pick<ProblemOptions, "parameters" | "output" | "memory" | "signal"> & {
  readonly engine: NonNullable<ProblemOptions["engine"]>;
};

/** A teacher's rows with its predictions, parted. */
export interface Lesson {
  readonly weight: number;
  readonly rows: number;
  /** The teacher's own form of the student, if it has one. */
  readonly student: OnnxModel | undefined;
  readonly rest: Taught;
  readonly apart: Taught;
  /** The teacher's own loss on both: its entropy, where KL is 0. */
  readonly floor: { readonly rest: number; readonly apart: number };
}

/** @throws {UsageError} if there are fewer rows than `heldOut`, or the loss says no distribution. */
export async function lessonOf(
  { name, model, data, loss, weight, student }: Teacher,
  setting: Setting,
  heldOut: number,
): Promise<Lesson> {
  await using problem = await createProblem({ ...setting, model, data, loss, checks: { deterministic: false } });
  const { rows } = problem.survey;
  if (rows < heldOut) {
    throw new UsageError("Cannot match functions as a model has too few rows to keep some aside", {
      at: name,
      expected: `${heldOut} or more`,
      found: rows,
    });
  }
  const taught = await ownPredictions(problem);
  const { apart, rest } = everyNth(taught.data, heldOut);
  const parts = { apart: { ...taught, data: apart }, rest: { ...taught, data: rest } };
  const floorOf = async (part: Taught): Promise<number> => {
    await using own = await createProblem({ ...setting, model, ...part, checks: false });
    return (await gradientAndLoss(own)).loss;
  };
  return {
    weight: weight ?? problem.survey.weightedRows,
    rows,
    student,
    ...parts,
    floor: { apart: await floorOf(parts.apart), rest: await floorOf(parts.rest) },
  };
}

export interface Judge extends AsyncDisposable {
  readonly problem: Problem;
  /** KL on the rows kept aside. */
  divergence(theta: Vector): Promise<number>;
}

/** Holds programs: to be disposed of. */
export async function judgeOf(lesson: Lesson, student: OnnxModel, setting: Setting): Promise<Judge> {
  const { apart, floor } = lesson;
  const problem = await createProblem({ ...setting, model: lesson.student ?? student, ...apart, checks: false });
  const loss = lossAt(problem);
  return {
    problem,
    divergence: async (theta) => (await loss.at(theta)) - floor.apart,
    async [Symbol.asyncDispose]() {
      await loss[Symbol.asyncDispose]();
      await problem[Symbol.asyncDispose]();
    },
  };
}
