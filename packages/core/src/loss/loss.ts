/**
 * What a loss is to us: a sum of terms ℓ_t(f_t, y_t), and what curvature needs to know of one term.
 *
 *     L(θ) = scale · Σ_t s_t ℓ_t(f_t(θ), y_t)        scale = 1 for "sum", 1 / Σ_t s_t n_t for "mean"
 *
 * f_t are the C predictions of the term (logits), s_t its weight (1 unless the data say otherwise, 0 for padding and
 * ignored labels), n_t its share of the mean's divisor. A row's weight is a multiplicity: weight 2 is the row twice. A term with class or positive weights counts as several, and so do
 * its curvature matrices. Formulas and sources: docs/maths/scaling.md.
 *
 * All methods but `prepare` emit graph nodes for all terms of a batch at once.
 */
import type { GraphBuilder } from "../ir/builder.ts";
import type { Dtype } from "../ir/dtype.ts";
import type { Value } from "../ir/graph.ts";
import type { Shape } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";

export type Reduction = "mean" | "sum";

export interface Loss {
  /** "cross-entropy", "mse", "bce-with-logits", "custom". */
  readonly name: string;
  readonly reduction: Reduction;
  /** ∂²ℓ/∂f² is positive semidefinite for every f. */
  readonly convex: boolean;
  /** Shape of the terms, for predictions of this shape. */
  termShape(prediction: Shape): Shape;
  /** Axis of the prediction along which a term's C entries lie; null where a term is the whole prediction row. */
  classAxis(prediction: Shape): number | null;
  /** dtype and shape of the target input, for predictions of this shape. */
  targetInput(prediction: Shape): { readonly dtype: Dtype; readonly shape: Shape };
  /** ℓ_t, `termShape`. */
  terms(g: GraphBuilder, f: Value, y: Value): Value;
  /** For the Fisher matrices and Kronecker factors; absent for a custom loss. */
  readonly likelihood?: Likelihood;
  /**
   * Checks a batch's targets and brings them into the form of the target input.
   *
   * @param where For messages: which data, which batch.
   * @throws {MismatchError} if shape or dtype do not fit the prediction.
   * @throws {UsageError} if a label is out of range or not finite; the message names its row.
   */
  prepare(target: Tensor, prediction: Shape, where: string): PreparedTarget;
  /** The same loss without the terms of this label, unless it has one already that does not count. */
  readonly ignoring?: (label: number) => Loss;
  /**
   * What `prepare` finds out, as nodes over a target of the input's form, for programs that are fed it as it is. Absent
   * where nothing depends on the target: all terms count, with the same share.
   */
  readonly counting?: (g: GraphBuilder, prediction: Value, y: Value) => Counting;
}

/** Of every term: the target where it counts (anything valid elsewhere), s_t in {0, 1}, and n_t. */
export interface Counting {
  readonly target: Value;
  readonly weights: Value;
  readonly shares: Value;
}

/** What the negative log-likelihood behind a loss offers. All have the prediction's shape where not said otherwise. */
export interface Likelihood {
  /** ĝ_t with ĝ ĝᵀ = the term's empirical Fisher matrix: the gradient of ℓ_t, for weighted terms over √multiplicity. */
  score(g: GraphBuilder, f: Value, y: Value): Value;
  /** S `[C, …prediction]`: columns with Σ_c S_c S_cᵀ = ∂²ℓ/∂f². */
  factor(g: GraphBuilder, f: Value, y: Value): Value;
  /** ĝ_t for a label drawn from the model by `noise`: E ĝ ĝᵀ = ∂²ℓ/∂f². */
  sampledScore(g: GraphBuilder, f: Value, y: Value, noise: Value): Value;
  readonly noise: "uniform" | "normal";
  /** Shape of the noise for one sample. */
  noiseShape(prediction: Shape): Shape;
}

export interface PreparedTarget {
  readonly target: Tensor;
  /** Weight of every term, or undefined if all are 1. */
  readonly weights?: Float64Array;
  /** n_t: a term's share of what a mean divides by, one for each term or the same for all. */
  readonly shares: Float64Array | number;
}
