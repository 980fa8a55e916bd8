/** The eigenpairs at one end of a self-adjoint operator's spectrum, by restarted block Lanczos (linalg/eigenpairs.ts). */
import { eigenpairs, type SpectrumEnd } from "../linalg/eigenpairs.ts";
import type { LinearOperator, Vector } from "../operators/linearOperator.ts";
import type { EstimatorOptions } from "./estimate.ts";

export interface TopEigenpairsOptions extends Omit<EstimatorOptions, "onProgress"> {
  /** Pairs wanted, at most the side of the operator. */
  readonly k: number;
  /** Largest first ("top", unless said), smallest first, or largest in absolute value first. */
  readonly which?: SpectrumEnd;
  /** Residual ‖A v − λ v‖ at which a pair counts as found, relative to the largest |λ|; 1e-6 unless said. */
  readonly tolerance?: number;
  /** Products spent at most. */
  readonly maxProducts?: number;
  /** `done` of `total` pairs are found, after so many products. */
  readonly onProgress?:
    | ((progress: { readonly done: number; readonly total: number; readonly products: number }) => void)
    | undefined;
}

export interface TopEigenpairs {
  /** In the order of `which`. */
  readonly values: Vector;
  /** Eigenvector i in row i, orthonormal. */
  readonly vectors: Vector;
  /** ‖A v − λ v‖ of each: some eigenvalue of A lies within it of λ. */
  readonly residuals: Vector;
  /** "iteration limit": `maxProducts` were not enough, and `residuals` say how good the pairs are. */
  readonly outcome: "converged" | "iteration limit";
  readonly products: number;
  readonly seed: number;
}

/**
 * @throws {UsageError} if A is not known to be self-adjoint, or `k` exceeds its side.
 *
 * Memory: some 2 k + 16 vectors, 24 at least.
 */
export async function topEigenpairs(a: LinearOperator, options: TopEigenpairsOptions): Promise<TopEigenpairs> {
  const { k, which = "top", tolerance = 1e-6, maxProducts, seed = 0, signal, onProgress } = options;
  const found = await eigenpairs(a, {
    count: k,
    which,
    relativeTolerance: tolerance,
    seed,
    ...(maxProducts === undefined ? {} : { maxProducts }),
    ...(signal && { signal }),
    onProgress: (products, converged) => onProgress?.({ done: converged, total: k, products }),
  });
  return { ...found, seed };
}
