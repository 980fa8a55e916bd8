/**
 * The exact diagonal of each layer's curvature in the eigenbasis of its Kronecker factors.
 *
 *     λ = scale · Σ_n Σ_v (Q_Gᵀ (Σ_s g_{n,s} a_{n,s}ᵀ) Q_A)²   elementwise, `[out, in]`
 *
 * `perTerm` pulls every loss term back by itself, so that Σ λ is the trace of the exact block; `perDatum` pulls all terms of a
 * row back at once. They agree where a row has one loss term.
 *
 * Source: George, Laurent, Bouthillier, Ballas, Vincent (2018), Fast approximate natural gradient descent in a
 * Kronecker-factored eigenbasis, NeurIPS.
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { InputValue, Value } from "../../ir/graph.ts";
import { type Matrix, matrix } from "../../linalg/matrix.ts";
import type { Problem } from "../problem.ts";
import type { BlockEigen } from "./eigen.ts";
import { asMatrix, type BlockSides, blockSides, gradientMatrices } from "./gradientMatrices.ts";
import type { KroneckerFactors } from "./kroneckerFactors.ts";
import type { PartialSums } from "./partialSums.ts";
import { sumStatistic } from "./statistics.ts";

export type CorrectionConvention = "perTerm" | "perDatum";

export interface CorrectionOptions {
  readonly convention: CorrectionConvention;
  readonly part?: PartialSums;
  /** λ of before, whose memory the new ones may take: saves fresh pages. */
  readonly into?: readonly Matrix[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** λ of every block. */
export async function eigenvalueCorrection(
  problem: Problem,
  { blocks, request }: KroneckerFactors,
  eigen: readonly BlockEigen[],
  { convention, part, into, signal, onProgress }: CorrectionOptions,
): Promise<Matrix[]> {
  const bases = eigen.flatMap(({ basis }, block) =>
    [basis.qg, basis.qa].flatMap((q, side) => (q ? [{ block, side, q }] : [])),
  );
  const find = (fixed: readonly InputValue[], block: number, side: number): InputValue | undefined =>
    fixed[bases.findIndex((basis) => basis.block === block && basis.side === side)];
  const sums = await sumStatistic(problem, {
    name: `eigenvalue correction ${convention} ${JSON.stringify([request, blocks.map(({ name }) => name)])}`,
    fisher: request.fisher,
    termwise: convention === "perTerm" && problem.survey.termsPerRow > 1,
    fixed: bases.map(({ q }) => ({ dtype: "float64", shape: [q.rows, q.columns], data: q.data })),
    build: ({ g }, seen, _, fixed) =>
      blocks.map((block, i) =>
        squaresInBasis(g, blockSides(g, block, seen[block.layer]!), find(fixed, i, 0)!, find(fixed, i, 1)),
      ),
    perColumn: () => true,
    ...(part ? { part } : {}),
    ...(into ? { into: into.map(({ data }) => data) } : {}),
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  });
  const factor = problem.scale * (request.fisher.fisher === "mc" ? 1 / request.fisher.samples : 1);
  return blocks.map((block, i) => matrix(block.out, block.in, scaled(sums[i]!, factor)));
}

/** In place: sums are their reader's. */
function scaled(sums: Float64Array, factor: number): Float64Array {
  for (let i = 0; i < sums.length; i++) sums[i]! *= factor;
  return sums;
}

/** Σ_v Σ_n (Q_Gᵀ M Q_A)² with M = Σ_s g aᵀ, `[out, in]`. The sides are rotated first: it costs less. */
function squaresInBasis(g: GraphBuilder, { vectors, inputs }: BlockSides, qg: Value, qa: Value | undefined): Value {
  const rotated = g.reshape(g.matmul(asMatrix(g, vectors), qg), vectors.shape);
  const [, batch, shared, out] = vectors.shape as [number, number, number, number];
  const turned = inputs && (qa ? g.reshape(g.matmul(asMatrix(g, inputs), qa), inputs.shape) : inputs);
  if (turned && shared === 1) {
    // One position: (g aᵀ)² = g² (a²)ᵀ, one product for all columns.
    const g2 = g.reshape(g.sum(g.square(rotated), [0]), [batch, out]);
    return g.matmul(g.transpose(g2), g.square(asMatrix(g, turned)));
  }
  return g.sum(
    g.square(gradientMatrices(g, turned ? { vectors: rotated, inputs: turned } : { vectors: rotated })),
    [0],
  );
}
