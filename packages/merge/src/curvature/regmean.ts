/**
 * RegMean: merged layers give, in the least squares sense, what each layer gave on its own inputs.
 *
 *     W = (Σ_i W_i X_iᵀX_i)(Σ_i X_iᵀX_i)⁻¹        curvature I ⊗ XᵀX / n, the bias's constant 1 among the inputs
 *
 * Off-diagonal entries of the Gram matrices are multiplied by a.
 *
 * Source: Jin et al. (2023), Dataless knowledge fusion by merging weights of language models, arXiv:2212.09849.
 */
import { type KroneckerFactors, type Matrix, matrix } from "@hessonite/core";

/** Factors with G = I and the inputs' Gram matrices, their off-diagonal entries times `offDiagonal`. */
export function inputGram(factors: KroneckerFactors, offDiagonal: number): KroneckerFactors {
  const blocks = factors.blocks.map((block) => {
    const { a } = block;
    return a && !(a instanceof Float64Array) ? { ...block, a: shrunk(a, offDiagonal) } : block;
  });
  return { ...factors, blocks };
}

function shrunk({ rows, columns, data }: Matrix, factor: number): Matrix {
  return matrix(
    rows,
    columns,
    data.map((x, k) => (k % (columns + 1) === 0 ? x : factor * x)),
  );
}
