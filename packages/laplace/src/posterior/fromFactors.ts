/**
 * The Kronecker posterior of factors that were measured, merged or loaded.
 *
 * A is a mean over rows and G a sum over them, so that G ⊗ A is a sum over rows: the sums of all batches' factors, whatever the
 * batches.
 */
import { eigenOf, eighMany, type KroneckerFactors, matrix, mergeFactors } from "@hessonite/core";
import { type BlockCurvature, type EigenBlock, kroneckerCurvature } from "./kronecker.ts";
import { requireSameStructure } from "./merging.ts";

export interface FactoredCurvature extends BlockCurvature {
  readonly factors: KroneckerFactors;
  /** What G ⊗ A is multiplied by to be H. */
  readonly factor: number;
}

export async function curvatureOfFactors(
  factors: KroneckerFactors,
  size: number,
  factor: number,
): Promise<FactoredCurvature> {
  const { blocks } = factors;
  const eigen = await eigenOf(blocks, eighMany);
  const inBasis = blocks.map((shape, i): EigenBlock => {
    const { basis, g, a } = eigen[i]!;
    const entry = (k: number): number => Math.max(g[Math.floor(k / shape.in)]!, 0) * Math.max(a[k % shape.in]!, 0);
    const values = Float64Array.from({ length: shape.out * shape.in }, (_, k) => factor * entry(k));
    return { shape, ...basis, values: matrix(shape.out, shape.in, values) };
  });
  return {
    ...kroneckerCurvature("kronecker", inBasis, size),
    factors,
    factor,
    async merge(other) {
      requireSameStructure("kronecker", other);
      return curvatureOfFactors(mergeFactors(factors, (other as FactoredCurvature).factors), size, factor);
    },
  };
}
