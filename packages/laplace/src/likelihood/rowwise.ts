/** A likelihood row by row, as plain numbers: what predictions, densities on held-out rows and function space need. */
import type { Matrix, RandomStream } from "@hessonite/core";

export interface RowLikelihood {
  /** log p(y | f, σ) of one row; σ counts where the likelihood has a noise. */
  logDensity(f: Float64Array, y: Float64Array, noise: number): number;
  /** −∂ log p(y | f)/∂f at noise 1, C entries. */
  residual(f: Float64Array, y: Float64Array): Float64Array;
  /** S `[C, k]` with S Sᵀ = E −∂² log p/∂f², the output Hessian at noise 1. */
  outputFactor(f: Float64Array): Matrix;
  /** y drawn from p(y | f, σ). */
  sample(f: Float64Array, noise: number, stream: RandomStream): Float64Array;
}
