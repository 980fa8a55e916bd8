/**
 * The model that loses least, as far as the tasks' quadratics say.
 *
 *     minimise  Q(θ) = Σ_i α_i ½‖θ − θ_i‖²_{F_i + λ_i I} + ½‖θ − a‖²_M
 *
 * M is δ I around an anchor a, or another metric (the base's, for gradient matching). Priors λ_i count in every task's
 * metric, or once: then Σ α_i λ_i is divided by the number of tasks on the left-hand side alone, and the merge of ridge
 * fits is the pooled ridge fit.
 *
 * With d = θ − θ̄ from the average θ̄ = Σ α_i θ_i the solution of
 *
 *     (Σ α_i F_i + λ + M) d = Σ α_i F_i(θ_i − θ̄) + Σ α_i λ_i θ_i − λ θ̄ + M(a − θ̄)
 *
 * is found by conjugate gradients from d = 0, preconditioned by the Kronecker factors (or the diagonal) of the sum.
 *
 * Sources: Matena & Raffel (2022), arXiv:2111.09832 (diagonal); Jin et al. (2023), arXiv:2212.09849 (RegMean); Tam, Bansal,
 * Raffel (2024), Merging by matching models in task parameter subspaces, arXiv:2312.04339 (conjugate gradients); Daheim et
 * al. (2024), Model merging by uncertainty-based gradient matching, arXiv:2310.12808.
 */
import {
  conjugateGradient,
  type LinearOperator,
  type Outcome,
  positiveSemidefinite,
  UsageError,
  type Vector,
} from "@hessonite/core";
import { type SumApproximation, sumApproximation } from "./sumApproximation.ts";
import { requireComparable, type TaskCurvature } from "./task.ts";
import { addScaled, dot, minus, weightedMean } from "./vectors.ts";

/** What holds the merge in place where tasks say nothing: M = δ I, and with a base its task's curvature beside. */
export interface Anchor {
  /** a; the average unless given, with a base θ_0 + Σ α_i (θ_i − θ_0). */
  readonly at?: Vector;
  /** δ, in units of curvature, or of the mean curvature Σ α_i tr F_i / P where relative. */
  readonly damping: number;
  readonly relative?: boolean;
  /** Gradient matching: the base's own task. */
  readonly base?: TaskCurvature;
}

export interface CurvatureMergeOptions {
  /** Divided by their sum; the tasks' rows unless given. */
  readonly weights?: readonly number[];
  /** δ = 1e-3 of the mean curvature around the average unless said. */
  readonly anchor?: Anchor;
  /** Whether every task's prior counts, or all together once; "each" unless said. */
  readonly priors?: "each" | "once";
  /** ‖residual‖ / ‖right-hand side‖; 1e-12 unless said for up to `exactSize` weights, 1e-8 beyond. */
  readonly relativeTolerance?: number;
  readonly maxIterations?: number;
  readonly signal?: AbortSignal;
}

export interface CurvatureMerge {
  readonly values: Vector;
  /** α */
  readonly weights: readonly number[];
  /** δ in units of curvature. */
  readonly damping: number;
  /** Q at the merge, and its parts. */
  readonly objective: { readonly value: number; readonly tasks: readonly number[]; readonly anchor: number };
  readonly solve: { readonly iterations: number; readonly residual: number; readonly outcome: Outcome };
}

/** Weights up to which systems are solved to the last digits unless told otherwise. */
export const exactSize = 1000;

const defaultAnchor: Anchor = { damping: 1e-3, relative: true };

/**
 * @throws {MismatchError} if tasks differ in parameters or in kind of curvature.
 * @throws {UsageError} if weights are negative or all 0, or the sum of curvatures is singular and nothing damps it.
 *
 * Cost: an iteration is a product with every F_i and one with the preconditioner.
 */
export async function mergeByCurvature(
  tasks: readonly TaskCurvature[],
  options: CurvatureMergeOptions = {},
): Promise<CurvatureMerge> {
  const [first] = requireComparable(tasks);
  const { priors = "each", maxIterations, signal } = options;
  const alphas = normalised(tasks, options.weights);
  const average = weightedMean(
    tasks.map(({ values }) => values),
    alphas,
  );
  const approximation = await sumApproximation(tasks, alphas);
  const anchor = anchorOf(options.anchor ?? defaultAnchor, average, alphas, tasks, approximation);
  const prior = totalPrior(tasks, alphas, priors);
  const pull = await pullOf(tasks, alphas, average, prior, anchor, signal);
  const { size } = first.space;
  const { relativeTolerance = size <= exactSize ? 1e-12 : 1e-8 } = options;
  const cancel = signal ? { signal } : {};
  const shift = prior + anchor.damping;
  const differ = apart(tasks.filter((_, i) => (alphas[i] ?? 0) > 0));
  if (differ && shift === 0 && !anchor.metric) await approximation.requireRegular();
  if (pull.every((x) => x === 0)) {
    return {
      ...(await valued(tasks, alphas, average, anchor, signal)),
      solve: { iterations: 0, residual: 0, outcome: "converged" },
    };
  }
  const { solution, rows } = await conjugateGradient(systemOf(tasks, alphas, anchor, size), pull, {
    damping: shift,
    preconditioner: await approximation.preconditioner(shift, anchor.base),
    relativeTolerance,
    maxIterations: maxIterations ?? Math.max(200, 2 * size),
    ...cancel,
  });
  const values = average.slice();
  addScaled(values, 1, solution);
  const [row] = rows;
  const solve = {
    iterations: row?.iterations ?? 0,
    residual: row?.residualHistory.at(-1) ?? 0,
    outcome: row?.outcome ?? "converged",
  };
  return { ...(await valued(tasks, alphas, values, anchor, signal)), solve };
}

/**
 * Q and its parts at any point.
 *
 * @throws as mergeByCurvature.
 */
export async function objectiveAt(
  tasks: readonly TaskCurvature[],
  theta: Vector,
  options: Pick<CurvatureMergeOptions, "weights" | "anchor" | "signal"> = {},
): Promise<CurvatureMerge["objective"]> {
  requireComparable(tasks);
  const alphas = normalised(tasks, options.weights);
  const average = weightedMean(
    tasks.map(({ values }) => values),
    alphas,
  );
  const approximation = await sumApproximation(tasks, alphas);
  const anchor = anchorOf(options.anchor ?? defaultAnchor, average, alphas, tasks, approximation);
  return (await valued(tasks, alphas, theta, anchor, options.signal)).objective;
}

/** Whether two tasks' models differ. */
function apart([first, ...others]: readonly TaskCurvature[]): boolean {
  return others.some(({ values }) => values.some((x, k) => x !== first?.values[k]));
}

function normalised(
  tasks: readonly TaskCurvature[],
  weights: readonly number[] = tasks.map(({ rows }) => rows),
): number[] {
  const total = weights.reduce((sum, w) => sum + w, 0);
  if (weights.length === tasks.length && total > 0 && weights.every((w) => w >= 0))
    return weights.map((w) => w / total);
  throw new UsageError("Cannot weight tasks as there is not one weight ≥ 0 each that add up to more than 0", {
    expected: `${tasks.length} weights`,
    found: weights.join(", "),
  });
}

interface PlacedAnchor {
  readonly at: Vector;
  readonly damping: number;
  readonly metric?: LinearOperator;
  readonly base?: TaskCurvature;
}

function anchorOf(
  anchor: Anchor,
  average: Vector,
  alphas: readonly number[],
  tasks: readonly TaskCurvature[],
  { meanCurvature }: SumApproximation,
): PlacedAnchor {
  const { damping, relative = false, base } = anchor;
  if (!(damping >= 0))
    throw new UsageError("Cannot anchor the merge as the damping is negative or not a number", { found: damping });
  const delta = relative ? damping * meanCurvature : damping;
  if (!base) return { at: anchor.at ?? average, damping: delta };
  requireComparable([...tasks, base]);
  const at = base.values.slice();
  addScaled(
    at,
    1,
    weightedMean(
      tasks.map(({ values }) => minus(values, base.values)),
      alphas,
    ),
  );
  return { at: anchor.at ?? at, damping: delta, metric: base.metric, base };
}

/** λ of the left-hand side. */
function totalPrior(tasks: readonly TaskCurvature[], alphas: readonly number[], counted: "each" | "once"): number {
  const each = tasks.reduce((sum, { prior = 0 }, i) => sum + (alphas[i] ?? 0) * prior, 0);
  return counted === "each" ? each : each / tasks.length;
}

/** The right-hand side. */
async function pullOf(
  tasks: readonly TaskCurvature[],
  alphas: readonly number[],
  average: Vector,
  prior: number,
  { at, damping, metric }: PlacedAnchor,
  signal: AbortSignal | undefined,
): Promise<Vector> {
  const cancel = signal ? { signal } : {};
  const total = new Float64Array(average.length);
  for (const [i, task] of tasks.entries()) {
    const alpha = alphas[i] ?? 0;
    addScaled(total, alpha, await task.metric.apply(minus(task.values, average), cancel));
    addScaled(total, alpha * (task.prior ?? 0), task.values);
  }
  addScaled(total, -prior, average);
  const away = minus(at, average);
  addScaled(total, damping, away);
  if (metric) addScaled(total, 1, await metric.apply(away, cancel));
  return total;
}

/** Σ α F (+ M where it is no multiple of I) */
function systemOf(
  tasks: readonly TaskCurvature[],
  alphas: readonly number[],
  { metric }: PlacedAnchor,
  size: number,
): LinearOperator {
  const self: LinearOperator = {
    name: "Σ α F",
    shape: [size, size],
    structure: positiveSemidefinite,
    adjoint: () => self,
    async apply(v, options) {
      const total = new Float64Array(v.length);
      for (const [i, task] of tasks.entries()) addScaled(total, alphas[i] ?? 0, await task.metric.apply(v, options));
      if (metric) addScaled(total, 1, await metric.apply(v, options));
      return total;
    },
  };
  return self;
}

/** Q and its parts at θ. */
async function valued(
  tasks: readonly TaskCurvature[],
  alphas: readonly number[],
  theta: Vector,
  { at, damping, metric }: PlacedAnchor,
  signal: AbortSignal | undefined,
): Promise<Omit<CurvatureMerge, "solve">> {
  const cancel = signal ? { signal } : {};
  const parts: number[] = [];
  for (const [i, task] of tasks.entries()) {
    const away = minus(theta, task.values);
    parts.push(
      (alphas[i] ?? 0) * 0.5 * (dot(away, await task.metric.apply(away, cancel)) + (task.prior ?? 0) * dot(away, away)),
    );
  }
  const away = minus(theta, at);
  const curved = metric ? dot(away, await metric.apply(away, cancel)) : 0;
  const anchor = 0.5 * (curved + damping * dot(away, away));
  const value = parts.reduce((sum, part) => sum + part, anchor);
  return {
    values: theta,
    weights: alphas,
    damping,
    objective: { value, tasks: parts, anchor },
  };
}
