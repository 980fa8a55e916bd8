/**
 * How uncertain weights make outputs uncertain, to first order.
 *
 *     f(x) ~ N(f*(x), J(x) Σ J(x)ᵀ)        J [C, P] the Jacobian of a row's outputs at θ*
 */
import {
  createProblem,
  type Dataset,
  type ExampleJacobians,
  exampleJacobians,
  type Matrix,
  matmul,
  matrix,
  type OutputCovariances,
  outputCovariances,
  type Problem,
  transposeMatrix,
} from "@hessonite/core";
import type { Laplace } from "./fit.ts";
import { meanOutputs } from "./modelOutputs.ts";
import type { InLayers, Posterior } from "./posterior/posterior.ts";
import { stackedRows } from "./stackedRows.ts";

export interface Outputs {
  readonly rows: number;
  /** C */
  readonly outputs: number;
  /** f* `[rows, C]` */
  readonly mean: Float64Array;
  /** J Σ Jᵀ of each row, `[rows, C, C]` */
  readonly covariance: Float64Array;
}

/** The model on other data, with the same weights: targets may be absent. */
export function onData(fit: Laplace, data: Dataset, signal?: AbortSignal): Promise<Problem> {
  const { model, loss, engine, space, output, memory } = fit.problem;
  return createProblem({
    model,
    data,
    loss,
    engine,
    output,
    memory,
    parameters: space.parameters.map(({ name }) => name),
    checks: { deterministic: false, independent: false },
    ...(signal ? { signal } : {}),
  });
}

/** Mean and covariance of every row's outputs. */
export async function functionalVariance(fit: Laplace, data: Dataset, signal?: AbortSignal): Promise<Outputs> {
  await using problem = await onData(fit, data, signal);
  return outputsOn(fit, problem, signal);
}

/** The same on a problem over the posterior's weights: its programs serve every posterior. */
export function outputsOn(
  { posterior }: Pick<Laplace, "posterior">,
  problem: Problem,
  signal?: AbortSignal,
): Promise<Outputs> {
  const { inLayers } = posterior;
  return inLayers ? byLayers(inLayers, problem, signal) : byJacobians(posterior, problem, signal);
}

/** One program gives predictions and covariances: no Jacobian is formed where a layer sees one position a row. */
async function byLayers(
  { shapes, covariance: weights }: InLayers,
  problem: Problem,
  signal?: AbortSignal,
): Promise<Outputs> {
  const parts: OutputCovariances[] = [];
  for await (const part of outputCovariances(problem, shapes, weights, signal ? { signal } : {})) {
    parts.push(part);
  }
  const outputs = parts[0]?.outputs ?? 0;
  const { rows } = problem.survey;
  const mean = new Float64Array(rows * outputs);
  const covariance = new Float64Array(rows * outputs * outputs);
  for (const { firstRow, predictions, covariances } of parts) {
    mean.set(predictions, firstRow * outputs);
    covariance.set(covariances, firstRow * outputs * outputs);
  }
  return { rows, outputs, mean, covariance };
}

/** For any posterior, and weights that are in no layer. */
export async function byJacobians(posterior: Posterior, problem: Problem, signal?: AbortSignal): Promise<Outputs> {
  const { rows, columns: outputs, data: mean } = await meanOutputs(problem, signal);
  const covariance = new Float64Array(rows * outputs * outputs);
  for await (const part of exampleJacobians(problem, signal ? { signal } : {})) {
    const [left, right] = await sides(posterior, part, problem.space.size, signal);
    const width = outputs * left.columns;
    for (let row = 0; row < part.rows; row++) {
      const own = ({ data }: Matrix): Matrix =>
        matrix(outputs, left.columns, data.subarray(row * width, (row + 1) * width));
      const block = matmul(own(left), own(right), { b: true });
      covariance.set(left === right ? block.data : symmetrized(block).data, (part.firstRow + row) * outputs * outputs);
    }
  }
  return { rows, outputs, mean, covariance };
}

/** A and B with J Σ Jᵀ = A Bᵀ: J R twice, or J and J Σ where no root is known. */
async function sides(
  posterior: Posterior,
  { rows, outputs, jacobians }: Pick<ExampleJacobians, "rows" | "outputs" | "jacobians">,
  size: number,
  signal: AbortSignal | undefined,
): Promise<readonly [Matrix, Matrix]> {
  const j = matrix(rows * outputs, size, jacobians);
  if (posterior.timesCovariance) return [j, await posterior.timesCovariance(j, signal)];
  const rooted = posterior.timesRoot(j);
  return [rooted, rooted];
}

/** Covariance of all rows' outputs together, `[rows·C, rows·C]`. */
export async function jointCovariance(fit: Laplace, data: Dataset, signal?: AbortSignal): Promise<Matrix> {
  await using problem = await onData(fit, data, signal);
  const [left, right]: [Matrix[], Matrix[]] = [[], []];
  for await (const part of exampleJacobians(problem, signal ? { signal } : {})) {
    const [a, b] = await sides(fit.posterior, part, problem.space.size, signal);
    left.push(a);
    right.push(b);
  }
  const all = stackedRows(left);
  if (!fit.posterior.timesCovariance) return matmul(all, all, { b: true });
  return symmetrized(matmul(all, stackedRows(right), { b: true }));
}

/** ½ (M + Mᵀ) */
function symmetrized(m: Matrix): Matrix {
  const { data } = transposeMatrix(m);
  return matrix(
    m.rows,
    m.columns,
    m.data.map((x, i) => 0.5 * (x + data[i]!)),
  );
}
