/** What influence scores are asked for, and the defaults. */
import type { LinearOperator } from "@hessonite/core";

/**
 * How H⁻¹ is approximated:
 * `identity` not at all (gradient products); `diagonal` by its diagonal; `kfac` by one Kronecker product a layer; `ekfac` by
 * that product's eigenbasis with the exact diagonal in it; `block-ggn` by each layer's exact Gauss–Newton matrix; `ggn` by
 * the whole exact one (both solved by conjugate gradients).
 */
export const strategies = ["identity", "diagonal", "kfac", "ekfac", "block-ggn", "ggn"] as const;
/** `operator`: any other matrix that is given as an operator. */
export type Strategy = (typeof strategies)[number] | "operator";

/**
 * δ in (H + δ)⁻¹, H the curvature of the mean loss: a number; `auto`, chosen for each block by evidence; or a fraction of the
 * mean eigenvalue (of each block; of the whole matrix for `ggn`).
 */
export type DampingChoice = number | "auto" | { readonly meanFraction: number };

/** How an eigenvalue is inverted: 1/(λ + δ); 1/λ above δ, else 0; or each Kronecker factor with a share of √δ. */
export const inversions = ["tikhonov", "pseudo-inverse", "factored"] as const;
export type Inversion = (typeof inversions)[number];

export interface CurvatureOptions {
  /** "ekfac" unless said. */
  readonly strategy?: Strategy;
  /** Labels in the Fisher matrix: exact expectation, drawn from the model, or as given; see core's FactorOptions. */
  readonly fisher?: "type-2" | "mc" | "empirical";
  /** Labels drawn a term with `mc`; 1 unless said. */
  readonly samples?: number;
  /** Of the drawn labels; 0 unless said. */
  readonly seed?: number;
  /** Whether a row's terms are summed before they are squared; "perDatum" unless said. */
  readonly convention?: "perDatum" | "perTerm";
  /** How shared positions enter KFAC's factors; "expand" unless said. */
  readonly approximation?: "expand" | "reduce";
  /** Weight and bias in one block or two; "joint" unless said. */
  readonly bias?: "joint" | "separate";
  /**
   * Grouped convolutions: a block for each group; or one for all, whose inputs are averaged over the groups. The reference
   * EK-FAC library has the latter, in gradients as in the curvature: they are then not the loss's. "exact" unless said.
   */
  readonly groups?: "exact" | "average";
  /** With strategy "operator": the matrix, of the training problem's loss as it is reduced there. */
  readonly operator?: LinearOperator;
  /**
   * `kfac` over S shared positions: "sum" is the curvature of a row's loss, "mean" is 1/S of it, as the reference EK-FAC
   * library has it. "sum" unless said.
   */
  readonly kfacPositions?: "sum" | "mean";
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly stage: string; readonly done: number; readonly total: number }) => void;
}

export interface ScoreOptions {
  /** The strategy's own default unless said. */
  readonly damping?: DampingChoice;
  /** "tikhonov" unless said. */
  readonly inversion?: Inversion;
  /** The reference library's scale: without the factor 1/N. */
  readonly raw?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: CurvatureOptions["onProgress"];
}

/** The default fraction of the mean eigenvalue, where no better choice is known. */
export const usualFraction = 0.1;
