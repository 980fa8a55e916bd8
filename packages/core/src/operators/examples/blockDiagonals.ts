/**
 * The diagonal of every block's curvature, in the parameters' own basis.
 *
 *     λ = scale · Σ_n Σ_v (Σ_s g_{n,s} a_{n,s}ᵀ)²   elementwise, `[out, in]`
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Value } from "../../ir/graph.ts";
import { type Matrix, matrix } from "../../linalg/matrix.ts";
import type { BlockShape } from "../factors/blocks.ts";
import type { CorrectionOptions } from "../factors/eigenvalueCorrection.ts";
import { asMatrix, type BlockSides, blockSides, gradientMatrices } from "../factors/gradientMatrices.ts";
import { layerBlocks } from "../factors/layerBlocks.ts";
import type { FactorOptions, FactorRequest } from "../factors/request.ts";
import { sumStatistic } from "../factors/statistics.ts";
import type { Vector } from "../linearOperator.ts";
import type { Problem } from "../problem.ts";

/** λ of every block; `perDatum` squares a row's gradient, `perTerm` each loss term's own. */
export async function blockDiagonals(
  problem: Problem,
  blocks: readonly BlockShape[],
  request: FactorRequest,
  { convention, part, signal, onProgress }: CorrectionOptions,
): Promise<Matrix[]> {
  const sums = await sumStatistic(problem, {
    name: `block diagonals ${convention} ${JSON.stringify([request, blocks.map(({ name }) => name)])}`,
    fisher: request.fisher,
    termwise: convention === "perTerm" && problem.survey.termsPerRow > 1,
    build: ({ g }, seen) => blocks.map((block) => squares(g, blockSides(g, block, seen[block.layer]!))),
    perColumn: () => true,
    ...(part ? { part } : {}),
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  });
  const factor = problem.scale * (request.fisher.fisher === "mc" ? 1 / request.fisher.samples : 1);
  return blocks.map((block, i) =>
    matrix(
      block.out,
      block.in,
      sums[i]!.map((x) => factor * x),
    ),
  );
}

/** The diagonals of all layers' blocks at their places among the parameters; 0 where a parameter lies in no layer. */
export async function layerDiagonal(
  problem: Problem,
  factors: FactorOptions,
  options: CorrectionOptions,
): Promise<Vector> {
  const { blocks, request } = layerBlocks(problem, factors);
  const parts = await blockDiagonals(problem, blocks, request, options);
  const diagonal = new Float64Array(problem.space.size);
  blocks.forEach(({ index }, b) => {
    index.forEach((at, k) => {
      diagonal[at] = parts[b]!.data[k]!;
    });
  });
  return diagonal;
}

/** Σ_v Σ_n M² with M = Σ_s g aᵀ; with one position (g aᵀ)² = g² (a²)ᵀ, one product for all vectors. */
function squares(g: GraphBuilder, sides: BlockSides): Value {
  const { vectors, inputs } = sides;
  const [, batch, shared, out] = vectors.shape as [number, number, number, number];
  if (!inputs || shared > 1) return g.sum(g.square(gradientMatrices(g, sides)), [0]);
  const g2 = g.reshape(g.sum(g.square(vectors), [0]), [batch, out]);
  return g.matmul(g.transpose(g2), g.square(asMatrix(g, inputs)));
}
