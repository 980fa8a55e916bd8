/**
 * One model that predicts what several models predict, each on its own rows; no labels.
 *
 *     minimise  D(θ) = Σ_i α_i E_x KL(p_i(x) ‖ p_θ(x))           squared distance of predictions for regression
 *
 * Damped Gauss–Newton: at θ, d solves (Σ α_i G_i + δ I) d = −∇D by conjugate gradients, preconditioned by the Kronecker
 * factors of the sum; then θ ← θ + t d. Of every `heldOut`-th row only the divergence is computed: δ and t are those of a
 * small grid that make it least. δ follows what was chosen before, as Levenberg and Marquardt do; where nothing makes the
 * divergence less it grows, and in the end the method stops.
 *
 * Sources: Marquardt (1963), SIAM J. Appl. Math. 11(2); Martens (2010), Deep learning via Hessian-free optimization, ICML.
 */
import type { Engine } from "../engine/engine.ts";
import { UsageError } from "../errors.ts";
import { axpy } from "../linalg/vector.ts";
import type { OnnxModel } from "../onnx/model.ts";
import type { Vector } from "../operators/linearOperator.ts";
import type { ParameterSpace } from "../operators/parameterSpace.ts";
import type { ProblemOptions } from "../operators/problem.ts";
import { type Direction, gaussNewtonDirections, type Solve } from "./gaussNewton.ts";
import { type Judge, judgeOf, type Lesson, lessonOf, type Setting, type Teacher } from "./lessons.ts";
import { atPoint, pointOf } from "./point.ts";

export interface MatchOptions {
  /** The model whose parameters are sought; its values are where the search starts unless `start` is given. */
  readonly student: OnnxModel;
  readonly start?: Vector;
  readonly teachers: readonly Teacher[];
  readonly engine: Engine;
  readonly parameters?: ProblemOptions["parameters"];
  readonly output?: string;
  readonly memory?: number;
  /** Steps that make the divergence less; 3 unless said. */
  readonly steps?: number;
  /** One row of so many is kept aside; 5 unless said. */
  readonly heldOut?: number;
  /** δ to begin with, relative to the mean curvature; 1e-2 unless said. */
  readonly damping?: number;
  /** Residual of the solves; 1e-3 unless said. */
  readonly relativeTolerance?: number;
  /** Of a solve; 100 unless said. */
  readonly maxIterations?: number;
  /** Entries of the flat vector that may change: 1, others 0; all unless given. */
  readonly free?: Uint8Array;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: MatchStep) => void;
}

export interface MatchStep {
  /** Σ α KL on the rows computed with, before the step. */
  readonly divergence: number;
  /** Σ α KL on the rows kept aside, after the step. */
  readonly heldOut: number;
  /** δ, relative to the mean curvature. */
  readonly damping: number;
  /** t; 0 where no step made the divergence less. */
  readonly length: number;
  readonly solves: readonly Solve[];
}

export interface MatchedFunctions {
  readonly space: ParameterSpace;
  readonly values: Vector;
  /** Σ α KL on the rows kept aside, where the search began. */
  readonly before: number;
  readonly after: number;
  readonly steps: readonly MatchStep[];
  /** Fewest rows of a teacher, all its rows counted. */
  readonly fewestRows: number;
}

/** Factors on δ, and lengths t, that a step tries. */
const dampingFactors = [0.1, 1, 10] as const;
const lengths = [1, 0.5, 0.25] as const;
/** Where nothing was less, the next try is damped so many times more, until δ is as large as this. */
const stronger = 1000;
const strongest = 1;

/**
 * @throws {UsageError} if there is no teacher, one has fewer rows than `heldOut`, or its loss says no distribution.
 *
 * Cost: a step is three solves, each up to `maxIterations` products over all teachers' rows, and nine evaluations.
 */
export async function matchFunctions(options: MatchOptions): Promise<MatchedFunctions> {
  const { student, teachers, heldOut = 5 } = options;
  if (teachers.length === 0) throw new UsageError("Cannot match functions as there is no model to match");
  const setting = settingOf(options);
  const lessons: Lesson[] = [];
  for (const teacher of teachers) lessons.push(await lessonOf(teacher, setting, heldOut));
  const total = lessons.reduce((sum, { weight }) => sum + weight, 0);
  const alphas = lessons.map(({ weight }) => weight / total);
  const judges: Judge[] = [];
  try {
    for (const lesson of lessons) judges.push(await judgeOf(lesson, student, setting));
    const { space } = judges[0]!.problem;
    const judge = (theta: Vector): Promise<number> => weightedTotal(judges, alphas, (own) => own.divergence(theta));
    const start = options.start ?? pointOf(student, space);
    const directionsAt = (theta: Vector, damping: number): ReturnType<typeof gaussNewtonDirections> =>
      gaussNewtonDirections(lessons, alphas, (lesson) => atPoint(lesson.student ?? student, space, theta), setting, {
        dampings: dampingFactors.map((factor) => factor * damping),
        relativeTolerance: options.relativeTolerance ?? 1e-3,
        maxIterations: options.maxIterations ?? 100,
        free: options.free,
      });
    const before = await judge(start);
    const found = await descend(start, before, directionsAt, judge, options);
    return { ...found, space, before, fewestRows: Math.min(...lessons.map(({ rows }) => rows)) };
  } finally {
    for (const own of judges) await own[Symbol.asyncDispose]();
  }
}

function settingOf({ engine, parameters, output, memory, signal }: MatchOptions): Setting {
  return {
    engine,
    ...(parameters ? { parameters } : {}),
    ...(output ? { output } : {}),
    ...(memory ? { memory } : {}),
    ...(signal ? { signal } : {}),
  };
}

type Judging = (theta: Vector) => Promise<number>;

async function descend(
  start: Vector,
  before: number,
  directionsAt: (theta: Vector, damping: number) => ReturnType<typeof gaussNewtonDirections>,
  judge: Judging,
  { steps = 3, damping: first = 1e-2, signal, onStep }: MatchOptions,
): Promise<Pick<MatchedFunctions, "values" | "after" | "steps">> {
  let [theta, damping, least] = [start, first, before];
  const taken: MatchStep[] = [];
  for (let step = 0; step < steps; ) {
    signal?.throwIfAborted();
    const { divergence, list } = await directionsAt(theta, damping);
    const best = await bestOf(list, theta, judge, least);
    const solves = list.map(({ d: _, ...solve }) => solve);
    const made = {
      divergence,
      heldOut: best?.value ?? least,
      damping: best?.damping ?? damping,
      length: best?.length ?? 0,
      solves,
    };
    taken.push(made);
    onStep?.(made);
    if (best) {
      [theta, damping, least] = [best.theta, best.damping, best.value];
      step++;
    } else if (damping < strongest) damping *= stronger;
    else break;
  }
  return { values: theta, after: least, steps: taken };
}

async function weightedTotal<T>(
  list: readonly T[],
  weights: readonly number[],
  value: (of: T) => Promise<number>,
): Promise<number> {
  let total = 0;
  for (const [i, of] of list.entries()) total += weights[i]! * (await value(of));
  return total;
}

interface Candidate {
  readonly theta: Vector;
  readonly damping: number;
  readonly length: number;
  readonly value: number;
}

/** The step with the least divergence, if one has less than `least`. */
async function bestOf(
  list: readonly Direction[],
  theta: Vector,
  judge: Judging,
  least: number,
): Promise<Candidate | undefined> {
  let best: Candidate | undefined;
  for (const { d, damping } of list) {
    for (const length of lengths) {
      const moved = theta.slice();
      axpy(length, d, moved);
      const value = await judge(moved);
      if (value < (best?.value ?? least)) best = { theta: moved, damping, length, value };
    }
  }
  return best;
}
