/**
 * The directions that a model's curvature is made of on some rows.
 *
 *     type-2       √(scale s) S_cᵀ J_n   for each row n and output c:   Σ = the GGN
 *     empirical    √(w_n/N) ∇ℓ_n         for each row n:                Σ = the empirical Fisher of the mean loss
 *
 * s is the weight of the output's loss term, w_n how often row n counts, N = Σ w_n.
 */
import {
  exampleJacobians,
  type Matrix,
  matmul,
  matrix,
  type Problem,
  perExampleGradients,
  UsageError,
} from "@hessonite/core";
import { type Directions, directionsOf } from "./lowRankQuadratic.ts";
import { outputFactor } from "./outputFactor.ts";
import { predictionsOf, rowWeights, termWeights } from "./rowFacts.ts";

export type DirectionKind = "type-2" | "empirical";

export interface DirectionOptions {
  /** Positions in the flat vector that directions are made of; all unless given. */
  readonly columns?: Int32Array;
  readonly signal?: AbortSignal;
}

/** @throws {UsageError} if the directions do not fit the problem's memory. */
export async function directionsFor(
  problem: Problem,
  kind: DirectionKind,
  options: DirectionOptions = {},
): Promise<Directions> {
  const rows = await (kind === "type-2" ? pulledBack(problem, options) : gradients(problem, options));
  const name = kind === "type-2" ? "GGN" : "empirical Fisher";
  return directionsOf(`${name} of ${problem.survey.rows} rows`, rows, options.signal);
}

const product = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

function allocateRows(problem: Problem, count: number, columns: Int32Array | undefined): Matrix {
  const width = columns?.length ?? problem.space.size;
  const bytes = count * width * 8;
  if (bytes > problem.memory) {
    throw new UsageError("Cannot keep the curvature's directions as they do not fit into memory", {
      expected: `${problem.memory} bytes`,
      found: `${count} directions of ${width} weights, ${bytes} bytes`,
      try: "fewer calibration rows, kfac or layerwise curvature, or more memory",
    });
  }
  return matrix(count, width);
}

async function pulledBack(problem: Problem, { columns, signal }: DirectionOptions): Promise<Matrix> {
  const shape = problem.survey.binding.prediction.shape.slice(1);
  const outputs = product(shape);
  const all = allocateRows(problem, problem.survey.rows * outputs, columns);
  const predictions = await predictionsOf(problem, signal);
  const scale = Math.sqrt(problem.scale);
  const weights = await termWeights(problem, signal);
  for await (const { firstRow, rows, jacobians } of exampleJacobians(problem, signal ? { signal } : {})) {
    for (let n = 0; n < rows; n++) {
      const own = weights.subarray((firstRow + n) * outputs, (firstRow + n + 1) * outputs);
      const f = predictions.subarray((firstRow + n) * outputs, (firstRow + n + 1) * outputs);
      const j = taken(jacobians, n * outputs, outputs, problem.space.size, columns);
      const pulled = matmul(outputFactor(problem.loss, f, shape), j, { a: true }).data;
      const to = (firstRow + n) * pulled.length;
      for (let k = 0; k < pulled.length; k++)
        all.data[to + k] = scale * Math.sqrt(own[Math.floor(k / j.columns)]!) * pulled[k]!;
    }
  }
  return all;
}

/** Rows of a `[…, size]` array, of all columns or some. */
function taken(data: Float64Array, first: number, rows: number, size: number, columns?: Int32Array): Matrix {
  if (!columns) return matrix(rows, size, data.subarray(first * size, (first + rows) * size));
  const out = matrix(rows, columns.length);
  for (let r = 0; r < rows; r++) {
    const from = (first + r) * size;
    for (let k = 0; k < columns.length; k++) out.data[r * columns.length + k] = data[from + columns[k]!]!;
  }
  return out;
}

async function gradients(problem: Problem, { columns, signal }: DirectionOptions): Promise<Matrix> {
  const all = allocateRows(problem, problem.survey.rows, columns);
  const scale = Math.sqrt(problem.survey.weightedRows) * problem.scale; // w_n ∇ℓ_n of a row's mean loss, over √N
  const weights = await rowWeights(problem, signal);
  for await (const { firstRow, rows, gradients: own } of perExampleGradients(problem, signal ? { signal } : {})) {
    const part = taken(own, 0, rows, problem.space.size, columns).data;
    for (let k = 0; k < part.length; k++) {
      const weight = weights[firstRow + Math.floor(k / all.columns)]!;
      all.data[firstRow * all.columns + k] = weight > 0 ? (scale * part[k]!) / Math.sqrt(weight) : 0;
    }
  }
  return all;
}
