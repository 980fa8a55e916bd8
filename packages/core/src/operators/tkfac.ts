/**
 * TKFAC: a Kronecker product a layer whose trace is the layer's own.
 *
 *     G ⊗ A,   G = scale · Σ ‖a‖² g gᵀ,   A = Σ ‖g‖² a aᵀ / Σ ‖g‖² ‖a‖²        sums over rows, columns and positions
 *
 * tr A = 1 and tr G = scale · Σ ‖g‖² ‖a‖², the trace of the exact block where a row has one position; KFAC splits that sum
 * of products into a product of sums.
 *
 * Source: Gao, Liu, Huang, Wang, Wang, Xu, Yu (2021), A trace-restricted Kronecker-factored approximation to natural
 * gradient, AAAI, arXiv:2011.10741.
 */
import type { GraphBuilder } from "../ir/builder.ts";
import type { Value } from "../ir/graph.ts";
import { type Matrix, matrix, symmetrize, trace } from "../linalg/matrix.ts";
import { type BlockShape, blockShapes } from "./factors/blocks.ts";
import { asMatrix, type BlockSides, blockSides } from "./factors/gradientMatrices.ts";
import type { KroneckerBlock } from "./factors/kroneckerFactors.ts";
import { type FactorOptions, factorRequest } from "./factors/request.ts";
import { sumStatistic } from "./factors/statistics.ts";
import { type KfacOperator, kfacOf } from "./kfac.ts";
import { captureLayers } from "./layers/capture.ts";
import type { Problem } from "./problem.ts";

/** @returns An operator like KFAC's; a table's A is diagonal. Cost: that of KFAC's factors. */
export async function tkfac(
  problem: Problem,
  options: Omit<FactorOptions, "approximation"> = {},
): Promise<KfacOperator> {
  const request = factorRequest(problem, { ...options, approximation: "expand" });
  const shapes = blockShapes(problem.space, captureLayers(problem.survey.binding), request);
  const sums = await sumStatistic(problem, {
    name: `tkfac ${JSON.stringify(request)}`,
    fisher: request.fisher,
    termwise: false,
    build: ({ g }, seen) =>
      shapes.flatMap((shape) => weightedGrams(g, shape, blockSides(g, shape, seen[shape.layer]!))),
    perColumn: () => true,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.onProgress ? { onProgress: options.onProgress } : {}),
  });
  const factor = problem.scale * (request.fisher.fisher === "mc" ? 1 / request.fisher.samples : 1);
  const blocks = shapes.map((shape, i) => blockOf(shape, sums[2 * i]!, sums[2 * i + 1]!, factor));
  const { weightedRows: rows, count } = problem.survey;
  const factors = { blocks, request, rows, count, reduction: problem.loss.reduction, rule: "tkfac" } as const;
  return kfacOf(factors, problem.space.size);
}

/** Σ ‖a‖² g gᵀ `[out, out]` and Σ ‖g‖² a aᵀ `[in, in]`; of a table its diagonal, of a vector the number 1. */
function weightedGrams(g: GraphBuilder, { kind }: BlockShape, { vectors, inputs }: BlockSides): Value[] {
  const [, batch, shared] = vectors.shape as [number, number, number, number];
  const weighted = (x: Value, weight: Value): Value =>
    g.matmul(g.transpose(asMatrix(g, x)), asMatrix(g, g.mul(x, weight)));
  if (!inputs) return [weighted(vectors, g.constant(1, vectors.dtype)), g.constant(1, vectors.dtype)];
  const ofInputs = g.reshape(g.sum(g.square(inputs), [2]), [1, batch, shared, 1]);
  const ofVectors = g.reshape(g.sum(g.square(vectors), [0, 3]), [batch, shared, 1]);
  const right = kind === "table" ? g.sum(g.mul(inputs, ofVectors), [0, 1]) : weighted(inputs, ofVectors);
  return [weighted(vectors, ofInputs), right];
}

function blockOf(shape: BlockShape, left: Float64Array, right: Float64Array, factor: number): KroneckerBlock {
  const square = (n: number, data: Float64Array, by: number): Matrix =>
    symmetrize(
      matrix(
        n,
        n,
        data.map((x) => by * x),
      ),
    );
  const g = square(shape.out, left, factor);
  if (shape.kind === "vector") return { ...shape, g };
  const total =
    shape.kind === "table" ? right.reduce((sum, x) => sum + x, 0) : trace(matrix(shape.in, shape.in, right));
  const share = total > 0 ? 1 / total : 0;
  if (shape.kind === "table") return { ...shape, g, a: right.map((x) => share * x) };
  return { ...shape, g, a: square(shape.in, right, share) };
}
