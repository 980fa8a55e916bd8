/**
 * The spectral norm ‖A‖₂: the largest |λ| of a self-adjoint A, by Lanczos; else the root of the largest eigenvalue of AᵀA.
 */
import { eigenpairs } from "../linalg/eigenpairs.ts";
import { maxAbs } from "../linalg/vector.ts";
import { congruence } from "../operators/congruence.ts";
import { identity } from "../operators/identity.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import { type Estimate, type EstimatorOptions, exactly } from "./estimate.ts";

export interface SpectralNormOptions extends Omit<EstimatorOptions, "onProgress"> {
  /** Of the norm, relative; 1e-6 unless said. */
  readonly tolerance?: number;
  readonly maxProducts?: number;
}

/**
 * ‖A‖₂. No sampling is involved: `standardError` is the residual ‖A v − λ v‖, within which an eigenvalue lies, or what
 * that means for a singular value; a product with AᵀA counts twice.
 */
export async function spectralNorm(a: LinearOperator, options: SpectralNormOptions = {}): Promise<Estimate> {
  const { seed = 0, tolerance = 1e-6, maxProducts, signal } = options;
  const known = await a.exact?.eigenvalues?.();
  if (known !== undefined) return exactly(maxAbs(known), seed);
  const symmetric = a.structure.selfAdjoint;
  const of = symmetric ? a : congruence(a.adjoint(), identity(a.shape[0])); // Aᵀ I A
  const cost = symmetric ? 1 : 2;
  const { values, residuals, products } = await eigenpairs(of, {
    count: 1,
    which: "magnitude",
    relativeTolerance: tolerance,
    blockSize: Math.min(2, a.shape[1]),
    seed,
    ...(maxProducts === undefined ? {} : { maxProducts: Math.floor(maxProducts / cost) }),
    ...(signal && { signal }),
  });
  const [value, residual] = [Math.abs(values[0] ?? 0), residuals[0] ?? 0];
  if (symmetric) return { mean: value, standardError: residual, products, seed };
  const root = Math.sqrt(value);
  // σ² within r of value: |σ − root| ≤ r / root
  return {
    mean: root,
    standardError: root === 0 ? Math.sqrt(residual) : residual / root,
    products: cost * products,
    seed,
  };
}
