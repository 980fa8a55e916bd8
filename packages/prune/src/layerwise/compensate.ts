/** What the kept weights of a layer become once a mask is chosen. */
import {
  choleskySolve,
  choleskySync,
  type Matrix,
  MismatchError,
  matmul,
  matrix,
  transposeMatrix,
} from "@hessonite/core";
import { jointUpdate } from "./jointUpdate.ts";
import { layerHessian, type PreparedLayer, prepareLayer } from "./layer.ts";

/** W₀ with the pruned weights 0. */
export function masked({ rows, columns, data }: Matrix, mask: Uint8Array): Matrix {
  return matrix(
    rows,
    columns,
    data.map((w, at) => (mask[at] ? 0 : w)),
  );
}

/**
 * The single updates of all pruned weights, added up as if they did not know of each other (WoodFisher).
 *
 *     w ← w₀ − Σ_{j ∈ M} (w_j / [H⁻¹]_jj) [H⁻¹]_·j, and 0 where pruned
 */
export function summedUpdates({ weights, inverse }: PreparedLayer, mask: Uint8Array): Matrix {
  const d = weights.columns;
  const ratios = matrix(
    weights.rows,
    d,
    weights.data.map((w, at) => (mask[at] ? w / inverse.data[(at % d) * (d + 1)]! : 0)),
  );
  const change = matmul(ratios, inverse);
  return masked({ ...weights, data: weights.data.map((w, at) => w - change.data[at]!) }, mask);
}

/** Constrained least squares of a layer whose inputs have changed. */
export interface NewInputs {
  /** The dense layer's inputs, `[n, in]`, and the pruned model's at the same rows. */
  readonly dense: Matrix;
  readonly pruned: Matrix;
  /** Relative to the mean diagonal; 0 unless said. */
  readonly damping?: number;
}

/**
 * The kept weights that give the dense layer's outputs from the pruned model's inputs, as well as they can.
 *
 *     minimise (1/n) ‖X̃ Wᵀ − X W₀ᵀ‖² + (δ/2) ‖W − W₀‖²     X̃ the pruned model's inputs, X the dense one's
 *
 * With X̃ = X it is the joint update.
 */
export function leastSquaresUpdate(
  weights: Matrix,
  mask: Uint8Array,
  { dense, pruned, damping = 0 }: NewInputs,
): Matrix {
  if (dense.rows !== pruned.rows) {
    throw new MismatchError("Cannot compensate a layer as its two inputs have different numbers of rows", {
      expected: dense.rows,
      found: pruned.rows,
    });
  }
  const cross = matmul(matmul(pruned, dense, { a: true }), weights, { b: true });
  return fittedWeights(weights, mask, {
    hessian: layerHessian(pruned),
    cross: { ...cross, data: cross.data.map((v) => (2 / dense.rows) * v) },
    damping,
  });
}

/** What a layer is fitted by: its inputs X̃ and what it is to give, T, `[n, out]`. */
export interface FitMoments {
  /** 2 X̃ᵀX̃ / n */
  readonly hessian: Matrix;
  /** 2 X̃ᵀT / n, `[in, out]` */
  readonly cross: Matrix;
  /** Relative to the mean diagonal; more where it is singular. */
  readonly damping: number;
}

/**
 * The kept weights of least squares on T.
 *
 *     minimise (1/n) ‖X̃ Wᵀ − T‖² + (δ/2) ‖W − W₀‖²  subject to W_M = 0
 *
 * The minimum without a mask is W̃ᵀ = (H̃ + δ)⁻¹ (2/n X̃ᵀT + δ W₀ᵀ); from it the mask's is a joint update away.
 */
export function fittedWeights(weights: Matrix, mask: Uint8Array, { hessian, cross, damping }: FitMoments): Matrix {
  const layer = prepareLayer(weights, hessian, { damping });
  const right = matrix(cross.rows, cross.columns, cross.data.slice());
  const d = weights.columns;
  for (let j = 0; j < d; j++) {
    for (let r = 0; r < weights.rows; r++)
      right.data[j * weights.rows + r]! += layer.damping * layer.weights.data[r * d + j]!;
  }
  for (const j of layer.dead) right.data.fill(0, j * weights.rows, (j + 1) * weights.rows);
  const free = transposeMatrix(choleskySolve(choleskySync(layer.hessian), right));
  return jointUpdate({ ...layer, weights: free }, mask).weights;
}
