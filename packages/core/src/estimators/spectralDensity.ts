/**
 * The spectral density of a self-adjoint operator, by stochastic Lanczos quadrature.
 *
 *     φ_σ(t) = (1/n) Σ_i N(t; λ_i, σ²)  ≈  (1/probes) Σ_z Σ_j w_j N(t; θ_j, σ²)
 *
 * φ_σ integrates to 1. Outliers far from the bulk spoil its resolution: they can be deflated, A ← A − Σ λ v vᵀ on the rest
 * of the space, and are then listed instead of drawn; φ_σ integrates to the bulk's part of the eigenvalues.
 *
 * Source: Lin, Saad & Yang (2016), Approximating spectral densities of large matrices, SIAM Review 58(1); Papyan (2020),
 * Traces of class/cross-class structure pervade deep learning spectra, JMLR 21(252), for deflation and the logarithm.
 */
import type { LinearOperator, Vector } from "../operators/linearOperator.ts";
import { deflated, type OutlierOptions, type Outliers, outliersOf } from "./deflation.ts";
import { type Density, type DensityOptions, densityOf } from "./density.ts";
import { lanczosQuadratures, type Quadrature, type QuadratureOptions, type Quadratures } from "./quadrature.ts";

export interface SpectralDensityOptions extends QuadratureOptions, DensityOptions {
  /** How many eigenvalues of largest magnitude to deflate, or "auto": those that a gap sets apart; 0 unless said. */
  readonly deflate?: OutlierOptions["count"];
}

export interface SpectralDensity extends Density {
  /** Of what was not deflated. */
  readonly quadratures: readonly Quadrature[];
  /** Eigenvalues that were deflated, largest magnitude first. */
  readonly outliers: Vector;
  readonly products: number;
  readonly seed: number;
}

/** @throws {UsageError} if A is not known to be self-adjoint. */
export async function spectralDensity(a: LinearOperator, options: SpectralDensityOptions): Promise<SpectralDensity> {
  const { quadratures, outliers, products } = await bulk(a, options);
  const { density, standardError, ...curve } = densityOf(quadratures, options);
  const part = 1 - outliers.values.length / a.shape[0];
  return {
    ...curve,
    density: density.map((x) => part * x),
    standardError: standardError.map((x) => part * x),
    quadratures,
    outliers: outliers.values,
    products,
    seed: options.seed ?? 0,
  };
}

export interface LogSpectralDensityOptions extends QuadratureOptions, DensityOptions {
  /** ε: eigenvalues nearer to zero than this are drawn there; 1e-6 of the largest unless said. */
  readonly floor?: number;
}

export interface LogSpectralDensity extends Density {
  /** ε */
  readonly floor: number;
  readonly quadratures: readonly Quadrature[];
  readonly products: number;
  readonly seed: number;
}

/**
 * The density of log₁₀(|λ| + ε) instead of λ: all orders of magnitude side by side, signs forgotten. Width and range are in
 * decades.
 */
export async function logSpectralDensity(
  a: LinearOperator,
  options: LogSpectralDensityOptions,
): Promise<LogSpectralDensity> {
  const { quadratures, products } = await lanczosQuadratures(a, options);
  const largest = quadratures.reduce((most, { nodes }) => nodes.reduce((m, x) => Math.max(m, Math.abs(x)), most), 0);
  const floor = options.floor ?? (1e-6 * largest || 1e-6);
  const logarithms = quadratures.map(({ nodes, weights }) => ({
    nodes: nodes.map((node) => Math.log10(Math.abs(node) + floor)),
    weights,
  }));
  return { ...densityOf(logarithms, options), floor, quadratures, products, seed: options.seed ?? 0 };
}

/** Quadratures of A without its outliers. */
async function bulk(
  a: LinearOperator,
  { deflate = 0, ...options }: SpectralDensityOptions,
): Promise<Quadratures & { readonly outliers: Outliers }> {
  const { seed = 0, signal } = options;
  const outliers = await outliersOf(a, { count: deflate, seed, ...(signal && { signal }) });
  const rest = await lanczosQuadratures(deflated(a, outliers), options, outliers.vectors);
  return { ...rest, outliers, products: outliers.products + rest.products };
}
