/**
 * A Gaussian over the weights around the trained ones, known by a root of its covariance.
 *
 *     Σ = (s H + D)⁻¹ = R Rᵀ        H curvature of −log p at noise 1, s = 1/(σ² T), D the prior's precisions
 *
 * Everything else follows: J Σ Kᵀ = (J R)(K R)ᵀ, a draw is R z, and diag Σ gives all gradients of the evidence.
 */
import type { BlockShape, Matrix, WeightCovariance } from "@hessonite/core";
import type { Prior, PriorGroups, PriorKind } from "../prior.ts";

export interface Posterior {
  /** log det(s H + D), over the weights that are uncertain */
  readonly logDeterminant: number;
  /** How far `logDeterminant` may be off; absent where it is exact. */
  readonly logDeterminantError?: LogDeterminantError;
  /** J ↦ J R for rows J `[m, P]`. @throws {UsageError} where no root is known: see `timesCovariance`. */
  timesRoot(rows: Matrix): Matrix;
  /** Z ↦ Z Rᵀ for rows of standard normals `[k, P]`. */
  timesRootTransposed(normals: Matrix): Matrix;
  /** Σ_{i in g} Σ_ii for each of the prior's groups. */
  groupVariances(): Float64Array;
  /** diag Σ */
  variances(): Float64Array;
  /** Σ as programs take it, where weights lie in layers: what makes outputs' covariances cheap, and files of their own. */
  readonly inLayers?: InLayers | undefined;
  /** J ↦ J Σ, where Σ is known by solving alone. */
  timesCovariance?(rows: Matrix, signal?: AbortSignal): Promise<Matrix>;
}

/** Of an estimate by random probes, each a quadrature. */
export interface LogDeterminantError {
  /** Over the probes. */
  readonly standardError: number;
  /** What the mean over these probes is between, whatever the spectrum: the quadratures' own errors. */
  readonly lower: number;
  readonly upper: number;
}

export interface InLayers {
  readonly shapes: readonly BlockShape[];
  /** Each block in Kronecker bases, or a dense root of all. */
  readonly covariance: WeightCovariance;
}

export const structures = [
  "full",
  "block-diagonal",
  "kronecker",
  "ekfac",
  "diagonal",
  "low-rank",
  "function-space",
  "matrix-free",
] as const;
export type StructureName = (typeof structures)[number];

/** H in one of the structures. */
export interface Curvature {
  readonly structure: StructureName;
  /** P */
  readonly size: number;
  /** @throws {UsageError} if the structure has no posterior for such a prior. */
  groups(kind: PriorKind): PriorGroups;
  /** The posterior at s = `scale`. */
  posterior(scale: number, prior: Prior): Promise<Posterior>;
  /** H of this part of the data and the other's; absent where parts do not add up. */
  merge?(other: Curvature): Promise<Curvature>;
  /** Present where some weights are certain. */
  readonly subnetwork?: Embedding;
  /** Present where products are computed with the model. */
  release?(): Promise<void>;
}

/** A curvature over some of the weights. */
export interface Embedding {
  /** Of the weights that are uncertain, ascending. */
  readonly indices: Int32Array;
  readonly inner: Curvature;
}
