/** What is known cheaply of Σ α_i F_i: its mean curvature, whether it is singular, and an approximate inverse. */
import {
  eighMany,
  kfacOf,
  kroneckerPreconditioner,
  type LinearOperator,
  type Matrix,
  sumFactors,
  UsageError,
  type Vector,
} from "@hessonite/core";
import { diagonalMetric } from "./diagonalMetric.ts";
import type { TaskCurvature } from "./task.ts";
import { weightedMean } from "./vectors.ts";

export interface SumApproximation {
  /** tr Σ α_i F_i / P */
  readonly meanCurvature: number;
  /** @throws {UsageError} if the sum has directions without curvature. */
  requireRegular(): Promise<void>;
  /** ≈ (Σ α_i F_i + F_base + damping I)⁻¹, positive definite. */
  preconditioner(damping: number, base: TaskCurvature | undefined): Promise<LinearOperator>;
}

/** Curvature below this share of the largest counts as none. */
const negligible = 1e-13;
/** Damping of the preconditioner alone, relative to the mean curvature. */
const least = 1e-10;

export async function sumApproximation(
  tasks: readonly TaskCurvature[],
  alphas: readonly number[],
): Promise<SumApproximation> {
  const diagonals = tasks.flatMap(({ approximation }) => ("diagonal" in approximation ? [approximation.diagonal] : []));
  return diagonals.length === tasks.length ? ofDiagonals(diagonals, alphas) : ofFactors(tasks, alphas);
}

function ofDiagonals(diagonals: readonly Vector[], alphas: readonly number[]): SumApproximation {
  const sum = weightedMean(diagonals, alphas);
  const meanCurvature = sum.reduce((total, x) => total + x, 0) / sum.length;
  return {
    meanCurvature,
    async requireRegular() {
      const largest = sum.reduce((most, x) => Math.max(most, x), 0);
      const flat = sum.filter((x) => !(x > negligible * largest)).length;
      if (flat > 0) throw singular(`${flat} of ${sum.length} parameters`);
    },
    async preconditioner(damping, base) {
      const own = base && "diagonal" in base.approximation ? base.approximation.diagonal : undefined;
      const floor = Math.max(damping, least * meanCurvature, Number.MIN_VALUE);
      return diagonalMetric(sum.map((x, k) => 1 / Math.max(x + (own?.[k] ?? 0) + damping, floor)));
    },
  };
}

async function ofFactors(tasks: readonly TaskCurvature[], alphas: readonly number[]): Promise<SumApproximation> {
  const size = tasks[0]?.space.size ?? 0;
  const list = tasks.flatMap(({ approximation }) => ("factors" in approximation ? [approximation.factors] : []));
  const factors = sumFactors(list, alphas);
  const trace = (await kfacOf(factors, size).exact?.trace?.()) ?? 0;
  const covered = factors.blocks.reduce((sum, { index }) => sum + index.length, 0);
  return {
    meanCurvature: trace / size,
    async requireRegular() {
      const dense = factors.blocks.flatMap(({ name, g, a }) => [
        { name, m: g },
        ...(a && !(a instanceof Float64Array) ? [{ name, m: a as Matrix }] : []),
      ]);
      const spectra = await eighMany(dense.map(({ m }) => m));
      const flat = dense.filter((_, i) => {
        const values = spectra[i]?.values ?? new Float64Array();
        return !((values[0] ?? 0) > negligible * (values.at(-1) ?? 0));
      });
      if (flat.length > 0)
        throw singular(
          `directions of ${flat[0]?.name}${flat.length > 1 ? ` and ${flat.length - 1} more factors` : ""}`,
        );
      if (covered < size) throw singular(`${size - covered} of ${size} parameters`);
    },
    preconditioner(damping, base) {
      const floor = Math.max(damping, (least * trace) / size, Number.MIN_VALUE);
      const ofBase = base && "factors" in base.approximation ? [base.approximation.factors] : [];
      return kroneckerPreconditioner([...list, ...ofBase], [...alphas, ...ofBase.map(() => 1)], size, floor);
    },
  };
}

function singular(where: string): UsageError {
  return new UsageError("Cannot merge as the sum of the tasks' curvatures is singular and nothing damps it", {
    found: `no curvature in ${where}`,
    try: "an anchor with damping > 0",
  });
}
