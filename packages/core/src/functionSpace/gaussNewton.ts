/**
 * Damped Gauss–Newton directions of a sum of divergences.
 *
 *     d = −(Σ α_i G_i + δ I)⁻¹ Σ α_i ∇D_i
 */
import { conjugateGradient } from "../linalg/conjugateGradient.ts";
import type { Outcome } from "../linalg/solver.ts";
import { axpy } from "../linalg/vector.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { type KroneckerFactors, kroneckerFactors } from "../operators/factors/kroneckerFactors.ts";
import { ggn } from "../operators/ggn.ts";
import { gradientAndLoss } from "../operators/gradientAndLoss.ts";
import { kfacOf } from "../operators/kfac.ts";
import type { Vector } from "../operators/linearOperator.ts";
import { createProblem, type Problem } from "../operators/problem.ts";
import type { ProblemOperator } from "../operators/vectorProduct.ts";
import { kroneckerPreconditioner, sumFactors } from "./kroneckerPreconditioner.ts";
import type { Lesson, Setting } from "./lessons.ts";
import { confined, masked, weightedOperators } from "./weightedOperators.ts";

export interface DirectionOptions {
  /** δ, each relative to the mean curvature. */
  readonly dampings: readonly number[];
  readonly relativeTolerance: number;
  readonly maxIterations: number;
  /** Entries that may change: 1; all unless given. */
  readonly free: Uint8Array | undefined;
}

/** How a system was solved. */
export interface Solve {
  /** δ, relative to the mean curvature. */
  readonly damping: number;
  readonly iterations: number;
  readonly residual: number;
  readonly outcome: Outcome;
}

export interface Direction extends Solve {
  readonly d: Vector;
}

export interface Directions {
  /** Σ α D on the lessons' rows. */
  readonly divergence: number;
  readonly list: readonly Direction[];
}

/**
 * One direction a damping.
 *
 * @param modelOf The model as it answers on a lesson's rows, at the point where directions are sought.
 */
export async function gaussNewtonDirections(
  lessons: readonly Lesson[],
  alphas: readonly number[],
  modelOf: (lesson: Lesson) => OnnxModel,
  setting: Setting,
  options: DirectionOptions,
): Promise<Directions> {
  const held: AsyncDisposable[] = [];
  try {
    const problems: Problem[] = [];
    const operators: ProblemOperator[] = [];
    for (const lesson of lessons) {
      const problem = await createProblem({ ...setting, model: modelOf(lesson), ...lesson.rest, checks: false });
      const operator = ggn(problem);
      held.unshift(operator, problem);
      problems.push(problem);
      operators.push(operator);
    }
    const { divergence, slope } = await slopeOf(problems, lessons, alphas);
    const factors = await allFactors(problems);
    const a = confined(weightedOperators(operators, alphas, "Σ α GGN"), options.free);
    const list = await solveAll(a, masked(slope, options.free), { factors, alphas }, options, setting.signal);
    return { divergence, list };
  } finally {
    for (const one of held) await one[Symbol.asyncDispose]();
  }
}

/** Σ α D and −Σ α ∇D. */
async function slopeOf(
  problems: readonly Problem[],
  lessons: readonly Lesson[],
  alphas: readonly number[],
): Promise<{ readonly divergence: number; readonly slope: Vector }> {
  const slope = new Float64Array(problems[0]!.space.size);
  let divergence = 0;
  for (const [i, problem] of problems.entries()) {
    const { loss, gradient } = await gradientAndLoss(problem);
    divergence += alphas[i]! * (loss - lessons[i]!.floor.rest);
    axpy(-alphas[i]!, gradient, slope);
  }
  return { divergence, slope };
}

async function allFactors(problems: readonly Problem[]): Promise<KroneckerFactors[]> {
  const list: KroneckerFactors[] = [];
  for (const problem of problems) list.push(await kroneckerFactors(problem));
  return list;
}

async function solveAll(
  a: ReturnType<typeof confined>,
  slope: Vector,
  { factors, alphas }: { readonly factors: readonly KroneckerFactors[]; readonly alphas: readonly number[] },
  { dampings, relativeTolerance, maxIterations, free }: DirectionOptions,
  signal: AbortSignal | undefined,
): Promise<Direction[]> {
  const mean = (await kfacOf(sumFactors(factors, alphas), slope.length).exact!.trace!()) / slope.length;
  const list: Direction[] = [];
  for (const damping of dampings) {
    const preconditioner = confined(await kroneckerPreconditioner(factors, alphas, slope.length, damping * mean), free);
    const { solution, rows } = await conjugateGradient(a, slope, {
      damping: damping * mean,
      preconditioner,
      relativeTolerance,
      maxIterations,
      ...(signal ? { signal } : {}),
    });
    const { outcome, iterations, residualHistory } = rows[0]!;
    list.push({ d: solution, damping, iterations, residual: residualHistory.at(-1) ?? 0, outcome });
  }
  return list;
}
