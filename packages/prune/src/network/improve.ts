/** What makes the kept weights better once the mask stands: function-space refit, fine-tuning with the mask held. */
import {
  atPoint,
  createProblem,
  createTrainer,
  matchFunctions,
  type OptimizerOptions,
  ownPredictions,
  type Problem,
  type Vector,
} from "@hessonite/core";
import type { Improve, PathPoint } from "./path.ts";
import { type Job, problemOptions } from "./setting.ts";

export interface RefitOptions {
  /** Linearisations; 3 unless said. */
  readonly steps?: number;
}

/** δ to begin with: relative to the mean over all weights, of which the kept ones have the most curvature. */
const firstDamping = 3;

/** Damped Gauss–Newton over the kept weights on KL to the dense model, on the calibration rows; no labels. */
export function functionRefit(job: Job, { steps = 3 }: RefitOptions = {}): Improve {
  const { setting, problem, judge } = job;
  const { engine, loss, memory, signal, parameters, output } = setting;
  return async (point) => {
    const { values } = await matchFunctions({
      student: atPoint(setting.model, problem.space, point.theta),
      teachers: [{ name: "dense", model: setting.model, data: await job.rowsAt(point.zeros), loss }],
      engine,
      steps,
      damping: firstDamping,
      free: point.kept,
      ...(parameters ? { parameters } : {}),
      ...(output ? { output } : {}),
      ...(memory ? { memory } : {}),
      ...(signal ? { signal } : {}),
    });
    return better(point, maskedBy(values, point.kept), judge);
  };
}

export interface FineTuneOptions {
  readonly epochs: number;
  readonly optimizer?: OptimizerOptions;
  readonly batchSize?: number;
  /** Learn what the dense model predicts instead of the labels. */
  readonly distil?: boolean;
}

/** Training on the calibration rows with pruned weights held at 0. */
export function fineTune(job: Job, options: FineTuneOptions): Improve {
  const { epochs, batchSize = 32, distil = false, optimizer = { kind: "adam", learningRate: 1e-3 } } = options;
  return async (point) => {
    await using problem = await trainingProblem(job, distil);
    await using trainer = await createTrainer(problem);
    const { signal } = job.setting;
    const { theta } = await trainer.train({
      optimizer,
      epochs,
      batchSize: Math.min(batchSize, problem.survey.rows),
      start: point.theta,
      free: point.kept,
      schedule: { kind: "cosine" },
      ...(signal ? { signal } : {}),
    });
    return better(point, maskedBy(theta, point.kept), job.judge);
  };
}

async function trainingProblem({ setting, problem }: Job, distil: boolean): Promise<Problem> {
  const taught = distil ? await ownPredictions(problem) : { data: setting.data, loss: setting.loss };
  return createProblem({ ...problemOptions(setting), ...taught, checks: false });
}

const maskedBy = (theta: Vector, kept: Uint8Array): Vector => theta.map((value, at) => (kept[at] ? value : 0));

/** The new weights where they are better on held-out rows, else the old ones. */
export async function better(point: PathPoint, theta: Vector, judge: Job["judge"]): Promise<PathPoint> {
  const measured = await judge.measure(theta);
  const candidates = point.candidates + 1;
  return measured.loss < point.measured.loss ? { ...point, theta, measured, candidates } : { ...point, candidates };
}

/** One after the other. */
export function improveInTurn(list: readonly Improve[]): Improve | undefined {
  if (list.length === 0) return undefined;
  return async (point) => {
    let now = point;
    for (const improve of list) now = await improve(now);
    return now;
  };
}
