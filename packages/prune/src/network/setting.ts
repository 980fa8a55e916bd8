/** What a pruning job is given, and what it opens of it. */
import {
  accuracy,
  atPoint,
  createProblem,
  type Dataset,
  type Engine,
  everyNth,
  flatten,
  type Loss,
  lossAt,
  type OnnxModel,
  type ParameterSelection,
  type Problem,
  type ProblemOptions,
  UsageError,
  type Vector,
} from "@hessonite/core";
import { type Augmentation, moreRows } from "./augment.ts";
import { type Taught, taught, unlabelledNote } from "./taught.ts";

export interface PruneSetting {
  readonly model: OnnxModel;
  /** The model's file or its bytes, for what runs it as it is: fits of layers. */
  readonly source?: string | Uint8Array;
  /** Calibration rows: curvature comes from them, labels or not. */
  readonly data: Dataset;
  /** Rows made of the calibration rows and used with them; none unless said. Labels are then not used. */
  readonly augment?: Augmentation;
  /** Labelled rows to choose by and to measure on; every fifth calibration row unless given. */
  readonly heldOut?: Dataset;
  readonly loss: Loss;
  readonly engine: Engine;
  readonly parameters?: ParameterSelection;
  readonly output?: string;
  readonly memory?: number;
  readonly signal?: AbortSignal;
}

/** How a model does on held-out rows. */
export interface Measured {
  readonly loss: number;
  /** Share that is right; absent for losses that do not classify. */
  readonly accuracy?: number;
}

export interface Judge extends AsyncDisposable {
  readonly rows: number;
  loss(theta: Vector): Promise<number>;
  measure(theta: Vector): Promise<Measured>;
}

/** A setting opened: the calibration problem at θ₀, and the judge. */
export interface Job extends AsyncDisposable {
  readonly setting: PruneSetting;
  readonly problem: Problem;
  readonly origin: Vector;
  readonly judge: Judge;
  /** False where the calibration rows' targets are what the dense model predicts. */
  readonly labelled: boolean;
  /** The calibration rows; where more are made of them, others for another number of zeros, so that none is fitted to twice. */
  rowsAt(zeros: number): Promise<Dataset>;
  readonly notes: string[];
}

/**
 * @throws {UsageError} if there are no calibration rows, or no labelled rows to measure on.
 */
export async function openJob(setting: PruneSetting): Promise<Job> {
  const notes: string[] = [];
  const parted = setting.heldOut ? undefined : everyNth(setting.data, 5);
  if (parted)
    notes.push("No held-out rows were given: every fifth calibration row was kept aside to choose and measure by.");
  const made = await moreRows(parted?.rest ?? setting.data, setting.augment);
  notes.push(...made.notes);
  const rowsAt = (zeros: number): Promise<Taught> => taught({ ...problemOptions(setting), data: made.rowsAt(zeros) });
  const { labelled, ...first } = await rowsAt(0);
  if (!labelled && !made.anew) notes.push(unlabelledNote);
  const calibration = { ...setting, ...first };
  const problem = await createProblem({
    ...problemOptions(calibration),
    data: calibration.data,
    checks: { deterministic: false },
  });
  try {
    const judge = await openJudge(setting, setting.heldOut ?? parted?.apart ?? setting.data);
    return {
      setting: calibration,
      problem,
      origin: flatten(problem.space, problem.values),
      judge,
      labelled,
      rowsAt: async (zeros) => (made.anew ? (await rowsAt(zeros)).data : first.data),
      notes,
      async [Symbol.asyncDispose]() {
        await judge[Symbol.asyncDispose]();
        await problem[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await problem[Symbol.asyncDispose]();
    throw error;
  }
}

export function problemOptions(setting: PruneSetting): Omit<ProblemOptions, "data"> {
  const { model, loss, engine, parameters, output, memory, signal } = setting;
  return {
    model,
    loss,
    engine,
    ...(parameters ? { parameters } : {}),
    ...(output ? { output } : {}),
    ...(memory ? { memory } : {}),
    ...(signal ? { signal } : {}),
  };
}

/** The problem at another point, on all calibration rows or some of them. */
export function problemAt({ setting, problem }: Job, theta: Vector, data: Dataset = setting.data): Promise<Problem> {
  const model = atPoint(setting.model, problem.space, theta);
  return createProblem({ ...problemOptions(setting), model, data, checks: false });
}

async function openJudge(setting: PruneSetting, data: Dataset): Promise<Judge> {
  const problem = await createProblem({ ...problemOptions(setting), data, checks: { deterministic: false } });
  if (!problem.survey.labelled) {
    await problem[Symbol.asyncDispose]();
    throw new UsageError("Cannot measure what pruning costs as the held-out rows have no targets", {
      at: data.name,
      try: "rows with targets, or a name for the target's array",
    });
  }
  const loss = lossAt(problem);
  const { signal } = setting;
  return {
    rows: problem.survey.rows,
    loss: (theta) => loss.at(theta, signal ? { signal } : {}),
    async measure(theta) {
      const model = atPoint(setting.model, problem.space, theta);
      await using own = await createProblem({ ...problemOptions(setting), model, data, checks: false });
      const right = await accuracy(own, signal ? { signal } : {});
      return {
        loss: await loss.at(theta, signal ? { signal } : {}),
        ...(right === undefined ? {} : { accuracy: right }),
      };
    },
    async [Symbol.asyncDispose]() {
      await loss[Symbol.asyncDispose]();
      await problem[Symbol.asyncDispose]();
    },
  };
}
