/**
 * The Jacobian of all predictions, known by its products.
 *
 *     J = ∂f/∂θ [M, P],   M = rows · outputs of a row
 *
 * Rows: the data's rows in order, each prediction flattened row-major. No loss and no target are involved.
 */
import { pushForward } from "../autodiff/linearize.ts";
import { pullBack } from "../autodiff/pullBack.ts";
import { dense } from "../autodiff/rule.ts";
import { MismatchError } from "../errors.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Binding } from "./binding.ts";
import { requireFinitePredictions, requireFiniteResult } from "./checks.ts";
import { dataFeeds } from "./feeds.ts";
import type { LinearOperator, Vector } from "./linearOperator.ts";
import { noStructure } from "./linearOperator.ts";
import { type LinearGraph, type LinearProgram, linearProgram } from "./linearProgram.ts";
import { addVectors, requireVectors, splitVectors } from "./parameterSpace.ts";
import type { Problem } from "./problem.ts";
import { forEachBatch } from "./vectorProduct.ts";

/**
 * @returns An M × P operator; its adjoint is the M-to-P pull-back.
 *
 * Cost of a product: one tangent (adjoint: cotangent) pass of each batch.
 */
export function jacobian(problem: Problem): LinearOperator & AsyncDisposable {
  const pushed = linearProgram(problem, { name: "jacobian", build: push, feeds: dataFeeds });
  const pulled = linearProgram(problem, { name: "jacobian transposed", build: pull, feeds: dataFeeds });
  const { rows } = problem.survey;
  const columns = problem.space.size;
  const perRow = sizeOf(problem.survey.binding.prediction.shape.slice(1));
  const shape = [rows * perRow, columns] as const;
  const dispose = async (): Promise<void> => {
    await pushed[Symbol.asyncDispose]();
    await pulled[Symbol.asyncDispose]();
  };
  const forward: LinearOperator & AsyncDisposable = {
    name: "Jacobian",
    shape,
    structure: noStructure,
    adjoint: () => backward,
    async apply(v, { k = 1, signal } = {}) {
      requireVectors(problem.space, v, k, "Jacobian");
      const result = await pushRows(problem, pushed, v, k, perRow, signal);
      if (problem.checks.finite) requireFinitePredictions(result, perRow, rows, "product with the Jacobian");
      return result;
    },
    [Symbol.asyncDispose]: dispose,
  };
  const backward: LinearOperator = {
    name: "Jacobianᵀ",
    shape: [shape[1], shape[0]],
    structure: noStructure,
    adjoint: () => forward,
    async apply(u, { k = 1, signal } = {}) {
      if (u.length !== k * shape[0]) {
        throw new MismatchError("Cannot apply the Jacobianᵀ as the vector's length is not that of all predictions", {
          expected: k * shape[0],
          found: u.length,
        });
      }
      const result = await pullRows(problem, pulled, u, k, perRow, signal);
      if (problem.checks.finite) requireFiniteResult(problem.space, result, "product with the Jacobianᵀ");
      return result;
    },
  };
  return forward;
}

function push({ g, prediction, parameters }: Binding): LinearGraph {
  const linear = parameters.map((p) => g.input(`v_${p.name}`, p.dtype, p.shape));
  const [u] = pushForward(g, [prediction], new Map(parameters.map((p, i) => [p, linear[i]!])));
  return { linear, outputs: [dense(g, u, prediction)] };
}

function pull({ g, prediction, parameters }: Binding): LinearGraph {
  const u = g.input("u", prediction.dtype, prediction.shape);
  const pulled = pullBack(g, [prediction], [u], parameters);
  return { linear: [u], outputs: pulled.map((d, i) => dense(g, d, parameters[i]!)) };
}

async function pushRows(
  problem: Problem,
  program: LinearProgram,
  v: Vector,
  k: number,
  perRow: number,
  signal: AbortSignal | undefined,
): Promise<Vector> {
  const { space, survey } = problem;
  const length = survey.rows * perRow;
  const out = new Float64Array(k * length);
  await forEachBatch(problem, signal, async (batch) => {
    const chunk = program.chunk(problem.bind(batch), k);
    for (let row = 0; row < k; row += chunk) {
      const rows = v.subarray(row * space.size, Math.min(k, row + chunk) * space.size);
      const [u] = await program.run(batch, splitVectors(space, rows, chunk, chunk > 1), chunk, signal);
      const padded = u!.data.length / chunk;
      for (let i = 0; i < rows.length / space.size; i++) {
        const own = u!.data.subarray(i * padded, i * padded + batch.rows * perRow);
        out.set(own, (row + i) * length + batch.firstRow * perRow);
      }
    }
    return () => undefined;
  });
  return out;
}

async function pullRows(
  problem: Problem,
  program: LinearProgram,
  u: Vector,
  k: number,
  perRow: number,
  signal: AbortSignal | undefined,
): Promise<Vector> {
  const { space, survey } = problem;
  const length = survey.rows * perRow;
  const out = new Float64Array(k * space.size);
  await forEachBatch(problem, signal, async (batch) => {
    const { prediction } = problem.bind(batch);
    const results: Tensor[][] = [];
    for (let row = 0; row < k; row++) {
      // Padding rows get no cotangent.
      const data = new Float64Array(sizeOf(prediction.shape));
      const from = row * length + batch.firstRow * perRow;
      data.set(u.subarray(from, from + batch.rows * perRow));
      results.push(await program.run(batch, [{ dtype: prediction.dtype, shape: prediction.shape, data }], 1, signal));
    }
    return () => {
      results.forEach((tensors, row) => addVectors(space, out.subarray(row * space.size), tensors, 1, 1));
    };
  });
  return out;
}
