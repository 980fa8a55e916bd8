/**
 * H from some of the rows: the posterior of a Gaussian process over functions, with as many inducing rows.
 *
 *     H ≈ N/M Σ_{n in subset} J_nᵀ Λ_n J_n = F Fᵀ,   F = √(N/M) [J_nᵀ S_n]_n,   S_n S_nᵀ = Λ_n
 *
 * The kernel is k(x, x') = J(x) D⁻¹ J(x')ᵀ; the matrix that is factored is s Fᵀ D⁻¹ F, [M C, M C] and not [P, P]. Each row of
 * the subset stands for N/M rows; with all rows it is the full posterior.
 *
 * Source: Immer, Korzepa, Bauer (2021), Improving predictions of Bayesian neural nets via local linearization.
 */
import {
  createProblem,
  type Dataset,
  exampleJacobians,
  type Matrix,
  matmul,
  matrix,
  type ParameterSpace,
  type Problem,
  randomStream,
  rowsWhere,
  transposeMatrix,
  UsageError,
} from "@hessonite/core";
import type { Likelihood } from "../likelihood/likelihood.ts";
import { meanOutputs } from "../modelOutputs.ts";
import { requirePriorKind } from "../prior.ts";
import { stackedRows } from "../stackedRows.ts";
import { factoredPosteriors } from "./factored.ts";
import { parameterGroups } from "./parameterGroups.ts";
import type { Curvature } from "./posterior.ts";

export interface FunctionSpaceCurvature extends Curvature {
  /** F `[P, k]` */
  readonly factor: Matrix;
}

export function functionSpaceCurvature(factor: Matrix, space: ParameterSpace): FunctionSpaceCurvature {
  return {
    structure: "function-space",
    factor,
    size: factor.rows,
    groups(kind) {
      requirePriorKind(kind, ["scalar", "layerwise"], "function-space");
      return parameterGroups(kind, space);
    },
    posterior: factoredPosteriors(factor),
  };
}

export interface SubsetOptions {
  /** M, rows drawn without replacement; all where there are fewer. */
  readonly subset: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
}

/** Numbers that F may have: the kernel's eigenvectors take as many again. */
const mostEntries = 2 ** 27;

/** @throws {UsageError} if the outputs are not `[rows, C]`, the likelihood has no form row by row, or F would be too large. */
export async function measureFunctionSpace(
  problem: Problem,
  likelihood: Likelihood,
  { subset, seed, signal }: SubsetOptions,
): Promise<FunctionSpaceCurvature> {
  const { rowwise } = likelihood;
  if (!rowwise) {
    throw new UsageError("Cannot make a function-space posterior as the likelihood's output Hessian is not known", {
      at: `${likelihood.name} likelihood`,
      try: "a full, diagonal or matrix-free posterior",
    });
  }
  const { shape } = problem.survey.binding.prediction;
  const { rows } = problem.survey;
  const chosen = new Set(randomStream(seed, "subset").permutation(rows).slice(0, subset));
  const width = (shape[1] ?? 1) * chosen.size;
  if (shape.length > 2 || width * problem.space.size > mostEntries) {
    throw new UsageError("Cannot make a function-space posterior as the Jacobians of its rows are too many numbers", {
      expected: `at most ${mostEntries}, of outputs [rows, numbers]`,
      found: `${chosen.size} rows × [${shape.slice(1).join(", ")}] × ${problem.space.size} weights`,
      try: "a smaller subset",
    });
  }
  const { model, data, loss, engine, space, output, memory } = problem;
  const part = rowsWhere(data, (row) => chosen.has(row));
  await using own = await createProblem({
    model,
    data: part,
    loss,
    engine,
    output,
    memory,
    parameters: space.parameters.map(({ name }) => name),
    checks: { deterministic: false, independent: false },
    ...(signal ? { signal } : {}),
  });
  const weights = await rowWeights(part);
  const { data: predictions } = await meanOutputs(own, signal);
  const parts: Matrix[] = [];
  for await (const { firstRow, rows: n, outputs: c, jacobians } of exampleJacobians(own, signal ? { signal } : {})) {
    for (let row = firstRow; row < firstRow + n; row++) {
      const start = (row - firstRow) * c * space.size;
      const j = matrix(c, space.size, jacobians.subarray(start, start + c * space.size));
      const factor = rowwise.outputFactor(predictions.subarray(row * c, (row + 1) * c));
      parts.push(scaled(Math.sqrt((weights[row]! * rows) / chosen.size), matmul(factor, j, { a: true })));
    }
  }
  return functionSpaceCurvature(transposeMatrix(stackedRows(parts)), space);
}

function scaled(by: number, { rows, columns, data }: Matrix): Matrix {
  return matrix(
    rows,
    columns,
    data.map((x) => by * x),
  );
}

/** How often each row counts. */
async function rowWeights(data: Dataset): Promise<number[]> {
  const all: number[] = [];
  for await (const { rows, weights } of data.batches()) {
    for (let row = 0; row < rows; row++) all.push(Number(weights?.data[row] ?? 1));
  }
  return all;
}
