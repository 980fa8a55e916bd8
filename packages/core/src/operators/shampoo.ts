/**
 * Shampoo's matrix of a layer: square roots of the sums of M Mᵀ and Mᵀ M over the gradient matrices M of single loss terms.
 *
 *     L^½ ⊗ R^½,   L = scale · Σ_k M_k M_kᵀ,   R = scale · Σ_k M_kᵀ M_k
 *
 * Where every M_k has rank one (no shared positions), the exact block scale · Σ vec(M_k) vec(M_k)ᵀ is at most L^½ ⊗ R^½; with
 * rank r, at most r times that. A vector's block is exact; tables have none.
 *
 * Sources: Gupta, Koren, Singer (2018), Shampoo: preconditioned stochastic tensor optimization, ICML, Lemma 8;
 * Morwani et al. (2024), A new perspective on Shampoo's preconditioner, arXiv:2406.17748.
 */
import type { GraphBuilder } from "../ir/builder.ts";
import type { Value } from "../ir/graph.ts";
import { eighMany } from "../linalg/eigh.ts";
import { type Matrix, matmul, matrix, scaleColumns, symmetrize } from "../linalg/matrix.ts";
import { blockShapes } from "./factors/blocks.ts";
import { blockSides, gradientMatrices } from "./factors/gradientMatrices.ts";
import type { KroneckerBlock } from "./factors/kroneckerFactors.ts";
import { type FactorOptions, factorRequest } from "./factors/request.ts";
import { sumStatistic } from "./factors/statistics.ts";
import { type KfacOperator, kfacOf } from "./kfac.ts";
import { captureLayers } from "./layers/capture.ts";
import type { Problem } from "./problem.ts";

/**
 * @returns An operator like KFAC's.
 *
 * Cost: one pass with every loss term pulled back by itself, and an eigendecomposition of each factor.
 */
export async function shampoo(
  problem: Problem,
  options: Omit<FactorOptions, "approximation"> = {},
): Promise<KfacOperator> {
  const request = factorRequest(problem, { ...options, approximation: "expand" });
  const layers = captureLayers(problem.survey.binding);
  const shapes = blockShapes(problem.space, layers, request).filter(({ kind }) => kind !== "table");
  const sums = await sumStatistic(problem, {
    name: `shampoo ${JSON.stringify(request)}`,
    fisher: request.fisher,
    termwise: problem.survey.termsPerRow > 1,
    build: ({ g }, seen) =>
      shapes.flatMap((shape) => {
        const m = gradientMatrices(g, blockSides(g, shape, seen[shape.layer]!));
        return [stackedGram(g, m), stackedGram(g, g.transpose(m))];
      }),
    perColumn: () => true,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.onProgress ? { onProgress: options.onProgress } : {}),
  });
  const factor = problem.scale * (request.fisher.fisher === "mc" ? 1 / request.fisher.samples : 1);
  const square = (n: number, data: Float64Array): Matrix =>
    symmetrize(
      matrix(
        n,
        n,
        data.map((x) => factor * x),
      ),
    );
  const grams = shapes.map((shape, i) => ({
    shape,
    left: square(shape.out, sums[2 * i]!),
    right: square(shape.in, sums[2 * i + 1]!),
  }));
  const matrices = grams.filter(({ shape }) => shape.kind === "matrix");
  const roots = await squareRoots(matrices.flatMap(({ left, right }) => [left, right]));
  const blocks = grams.map(({ shape, left, right }): KroneckerBlock => {
    const at = matrices.findIndex((one) => one.right === right);
    return at < 0 ? { ...shape, g: left } : { ...shape, g: roots[2 * at]!, a: roots[2 * at + 1]! };
  });
  const { weightedRows: rows, count } = problem.survey;
  const factors = { blocks, request, rows, count, reduction: problem.loss.reduction, rule: "shampoo" } as const;
  return kfacOf(factors, problem.space.size);
}

/** Σ_k X_k X_kᵀ for X `[k, n, m]`. */
function stackedGram(g: GraphBuilder, x: Value): Value {
  const [k, n, m] = x.shape as [number, number, number];
  const flat = g.reshape(g.transpose(x, [1, 0, 2]), [n, k * m]);
  return g.matmul(flat, g.transpose(flat));
}

async function squareRoots(matrices: readonly Matrix[]): Promise<Matrix[]> {
  return (await eighMany(matrices)).map(({ values, vectors }) => {
    const root = values.map((x) => Math.sqrt(Math.max(0, x)));
    return symmetrize(matmul(scaleColumns(vectors, root), vectors, { b: true }));
  });
}
