/**
 * The block diagonal of any curvature operator, layer by layer.
 *
 *     B = Σ_l P_l (P_lᵀ A P_l) P_lᵀ        P_l places a layer's entries (weight and bias together, or apart) in the vector
 *
 * Entries of no layer map to zero. With dense blocks the whole knows its inverse, powers, determinant and eigenvalues.
 */
import { matrix, symmetrize } from "../linalg/matrix.ts";
import { blockDiagonal } from "./blockDiagonal.ts";
import { congruence } from "./congruence.ts";
import { toDense } from "./dense.ts";
import { denseOperator } from "./denseOperator.ts";
import { layerBlocks } from "./factors/layerBlocks.ts";
import type { FactorOptions } from "./factors/request.ts";
import type { LinearOperator } from "./linearOperator.ts";
import type { Problem } from "./problem.ts";
import { renamed } from "./renamed.ts";
import { selection } from "./selection.ts";
import { submatrix } from "./submatrix.ts";

export interface LayerwiseOptions extends Pick<FactorOptions, "bias" | "groups" | "signal"> {
  /** Compute every block once, with as many products as it has rows; false unless said. */
  readonly dense?: boolean;
}

/**
 * @param a P × P over the problem's parameters: its GGN, Hessian, a Fisher matrix.
 * @throws {UnsupportedModelError} if a parameter is used in a way that is no layer.
 *
 * Cost of a product: one product with A for each block; with `dense`, none.
 */
export async function layerwise(
  problem: Problem,
  a: LinearOperator,
  { dense = false, signal, ...options }: LayerwiseOptions = {},
): Promise<LinearOperator> {
  const { blocks } = layerBlocks(problem, { ...options, fisher: "forward-only" });
  const parts: LinearOperator[] = [];
  for (const { name, index } of blocks) {
    const part = submatrix(a, index);
    if (!dense) parts.push(part);
    else {
      const block = matrix(index.length, index.length, await toDense(part, signal && { signal }));
      const { selfAdjoint, positiveSemidefinite } = part.structure;
      const certain = positiveSemidefinite && problem.engine.precision === "float64"; // float32 rounds below zero
      parts.push(denseOperator(selfAdjoint ? symmetrize(block) : block, { positiveSemidefinite: certain, name }));
    }
  }
  const order = Int32Array.from(blocks.flatMap(({ index }) => [...index]));
  const place = selection(order, problem.space.size, "layers").adjoint();
  return renamed(congruence(place, blockDiagonal(parts)), `${a.name}, layer by layer`);
}
