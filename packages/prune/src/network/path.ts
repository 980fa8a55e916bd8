/**
 * A model at growing sparsities, by one quadratic of its whole loss or a new one at every level.
 *
 * Where the curvature is damped, every λ of a grid goes the whole way, and at every level the one with the least loss on
 * held-out rows stands.
 */
import {
  atPoint,
  createProblem,
  type Dataset,
  gradientAndLoss,
  ownPredictions,
  slice,
  type Vector,
} from "@hessonite/core";
import { type Curvature, type CurvatureName, type CurvatureOptions, curvatureOf } from "../curvature/curvatureOf.ts";
import { mostOutputs } from "../curvature/leadingDirections.ts";
import { maskedOrigin, type Quadratic, summedUpdates } from "../curvature/quadratic.ts";
import { predictionsOf } from "../curvature/rowFacts.ts";
import { sloped } from "../curvature/sloped.ts";
import type { Pattern } from "../layerwise/pattern.ts";
import type { MethodParts } from "./method.ts";
import { everythingKept, type NetworkUnits, networkUnits, type Prunable, zerosIn } from "./prunable.ts";
import { type Job, type Measured, problemAt, problemOptions } from "./setting.ts";
import { shoot } from "./shot.ts";
import { requireLabels } from "./taught.ts";

/** A pruned model on its way. */
export interface PathPoint {
  /** Share of the prunable weights that is 0. */
  readonly sparsity: number;
  readonly zeros: number;
  readonly theta: Vector;
  readonly kept: Uint8Array;
  /** Loss foretold: that of the model the curvature was measured at, and the rise; null where it is only a ranking. */
  readonly predicted: number | null;
  /** On held-out rows, before any refit. */
  readonly measured: Measured;
  /** Models of this level that the same rows chose this one from; where it is 1 they chose nothing. */
  readonly candidates: number;
  /** What the curvature was, λ included. */
  readonly curvature: string;
  /** Costs of units at the last choice. */
  readonly costs: Float64Array;
}

/** Makes a point better before the way goes on: a refit, fine-tuning. */
export type Improve = (point: PathPoint) => Promise<PathPoint>;

export interface PathOptions extends CurvatureOptions {
  readonly pattern: Pattern;
  /** Sparsities, ascending. */
  readonly levels: readonly number[];
  /** Curvature anew at every level, from the model pruned so far. */
  readonly renew: boolean;
  /** Choices a shot is made in; 8 unless said. */
  readonly rounds?: number;
  /** Rows that one curvature is measured on; ggn and fisher: by a budget of work, else all, unless said. */
  readonly curvatureRows?: number;
  /** λ relative to the mean curvature, one or several to choose from. */
  readonly lambdas?: readonly number[];
  readonly improve?: Improve;
  readonly onPoint?: (point: PathPoint) => void;
}

/** Grid of λ, relative to the curvature's mean diagonal. */
export const lambdaGrid = [1e-3, 1e-2, 1e-1, 1] as const;
/** Where the model also goes down a slope: a Gauss–Newton step that must not go too far. */
export const slopedLambdaGrid = [1e-1, 1, 10] as const;

type NetworkMethod = Extract<MethodParts, { readonly scope: "network" }>;

export async function networkPath(
  job: Job,
  prunable: Prunable,
  method: NetworkMethod,
  options: PathOptions,
): Promise<PathPoint[]> {
  const { pattern, levels, renew, improve, onPoint } = options;
  if (method.curvature === "fisher") requireLabels({ labelled: job.labelled, data: job.setting.data });
  const lists = networkUnits(prunable.layers, pattern);
  const points: PathPoint[] = [];
  let [theta, kept] = [job.origin, everythingKept(job.origin.length)];
  for (const segment of renew ? levels.map((level) => [level]) : [levels]) {
    options.signal?.throwIfAborted();
    const around = await curvatureAt(job, method, { theta, kept }, options);
    const found = await segmentPoints(job, prunable, lists, method, { theta, kept }, around, segment, options);
    for (const point of found) {
      const better = improve ? await improve(point) : point;
      points.push(better);
      onPoint?.(better);
      [theta, kept] = [better.theta, better.kept];
    }
  }
  return points;
}

interface Start {
  readonly theta: Vector;
  readonly kept: Uint8Array;
}

/** The best point of every level, from one curvature. */
async function segmentPoints(
  job: Job,
  prunable: Prunable,
  lists: readonly NetworkUnits[],
  method: NetworkMethod,
  start: Start,
  { curvature, slope }: Around,
  levels: readonly number[],
  options: PathOptions,
): Promise<PathPoint[]> {
  const before = await job.judge.loss(start.theta);
  const lambdas = curvature.damped ? (options.lambdas ?? (slope ? slopedLambdaGrid : lambdaGrid)) : [0];
  const best: PathPoint[] = [];
  const quadratics = lambdas.map((lambda) => (): Quadratic => {
    const plain = curvature.at(start.theta, lambda * curvature.mean);
    return slope ? sloped(plain, slope) : plain;
  });
  // A curvature that is not the slope's own may send it too far at every λ: staying is a choice too.
  if (slope && !curvature.slope) quadratics.push(() => curvature.at(start.theta, curvature.mean));
  for (const quadratic of quadratics) {
    const points = levelsAt(
      job,
      prunable,
      lists,
      method,
      quadratic(),
      { ...start, before, foretells: curvature.foretells },
      levels,
      options,
    );
    let level = 0;
    for await (const point of points) {
      const known = best[level];
      if (!known || point.measured.loss < known.measured.loss) best[level] = point;
      level++;
    }
  }
  return best.map((point) => ({ ...point, candidates: quadratics.length }));
}

interface Around {
  readonly curvature: Curvature;
  /** Of the divergence from the dense model; absent where the model is the dense one, or nothing is compensated. */
  readonly slope?: Vector;
}

async function curvatureAt(job: Job, method: NetworkMethod, start: Start, options: PathOptions): Promise<Around> {
  const { signal, curvatureRows } = options;
  const dense = start.theta === job.origin;
  const asked = await askedOf(job, method, start.kept, curvatureRows, dense);
  await using own = await problemAt(job, start.theta, asked.data);
  const towards = asked.most === undefined ? undefined : await densePredictions(job, asked.data, signal);
  const curvature = await curvatureOf(own, method.curvature, {
    ...options,
    kept: start.kept,
    ...(towards && asked.most !== undefined ? { leading: { dense: towards, most: asked.most } } : {}),
  });
  if (method.compensation !== "joint" || dense) return { curvature };
  return { curvature, slope: curvature.slope ?? (await slopeAt(job, start.theta, asked.data)) };
}

/** Directions m of k weights cost m k min(m, k): as many as this. */
const usualWork = 2e10;

interface Asked {
  readonly data: Dataset;
  /** Leading directions at most; every direction of the rows unless given. */
  readonly most?: number;
}

/**
 * The rows that a curvature is measured on, and how many of its directions are kept: every direction where the model is the
 * dense one and they are few or asked for, else the strongest of all rows. Curvatures that sum over rows take all of them.
 */
async function askedOf(
  job: Job,
  { curvature }: NetworkMethod,
  kept: Uint8Array,
  wanted: number | undefined,
  dense: boolean,
): Promise<Asked> {
  const { survey, memory } = job.problem;
  const weights = kept.reduce((sum, k) => sum + k, 0);
  const usual = Math.floor(Math.max(Math.sqrt(usualWork / weights), usualWork / weights ** 2));
  const outputs = survey.binding.prediction.shape.slice(1).reduce((n, d) => n * d, 1);
  const rows = Math.max(1, Math.min(survey.rows, wanted ?? survey.rows));
  if (curvature === "ggn" && outputs <= mostOutputs) {
    const all = dense && (wanted !== undefined || rows * outputs <= usual);
    const most = Math.max(1, Math.min(usual, Math.floor(memory / (16 * weights))));
    return { data: await firstRows(job, rows, kept), ...(all ? {} : { most }) };
  }
  const few: Partial<Record<CurvatureName, number>> = { ggn: usual / outputs, fisher: usual };
  return {
    data: await firstRows(job, wanted ? rows : Math.min(rows, Math.max(1, Math.floor(few[curvature] ?? rows))), kept),
  };
}

async function firstRows({ rowsAt, problem }: Job, rows: number, kept: Uint8Array): Promise<Dataset> {
  const data = await rowsAt(kept.reduce((zeros, k) => zeros + 1 - k, 0));
  return rows === problem.survey.rows ? data : slice(data, 0, rows);
}

async function densePredictions(job: Job, data: Dataset, signal: AbortSignal | undefined): Promise<Float64Array> {
  await using problem = await problemAt(job, job.origin, data);
  return predictionsOf(problem, signal);
}

/** ∇ of the divergence from the dense model's predictions; no labels. */
async function slopeAt(job: Job, theta: Vector, data: Dataset): Promise<Vector> {
  const model = atPoint(job.setting.model, job.problem.space, theta);
  await using dense = await problemAt(job, job.origin, data);
  await using taught = await createProblem({
    ...problemOptions(job.setting),
    model,
    ...(await ownPredictions(dense)),
    checks: false,
  });
  return (await gradientAndLoss(taught)).gradient;
}

async function* levelsAt(
  job: Job,
  prunable: Prunable,
  lists: readonly NetworkUnits[],
  { compensation }: NetworkMethod,
  quadratic: Quadratic,
  { kept: first, before, foretells }: Start & { readonly before: number; readonly foretells: boolean },
  levels: readonly number[],
  { rounds, signal }: PathOptions,
): AsyncGenerator<PathPoint> {
  let kept = first;
  for (const level of levels) {
    const shot = await shoot(quadratic, lists, kept, {
      zeros: Math.round(level * prunable.weights),
      rounds: compensation === "joint" ? (rounds ?? 8) : 1,
      ...(signal ? { signal } : {}),
    });
    kept = shot.kept;
    const { theta, rise } =
      compensation === "joint"
        ? { theta: shot.theta, rise: shot.predicted }
        : await uncompensated(quadratic, kept, compensation);
    const zeros = zerosIn(prunable.layers, kept);
    yield {
      sparsity: zeros / prunable.weights,
      zeros,
      theta,
      kept,
      predicted: foretells ? before + rise : null,
      measured: await job.judge.measure(theta),
      candidates: 1,
      curvature: quadratic.name,
      costs: shot.costs,
    };
  }
}

async function uncompensated(
  quadratic: Quadratic,
  kept: Uint8Array,
  compensation: "none" | "summed",
): Promise<{ readonly theta: Vector; readonly rise: number }> {
  if (compensation === "summed") return summedUpdates(quadratic, kept);
  const theta = maskedOrigin(quadratic.origin, kept);
  return { theta, rise: await quadratic.rise(theta.map((value, at) => value - quadratic.origin[at]!)) };
}
