/**
 * A layer: a parameter, and how data meet it.
 *
 * One canonical layout for all kinds. A weight is `[groups, out, in]`; each of its uses is seen as
 *
 *     z_{n,s} = W a_{n,s} + b        n a row of the batch, s one of S shared positions (tokens, pixels)
 *
 * with `a [batch, shared, groups, in]` and, pulled back from the prediction, `g = ∂/∂z [batch, shared, groups, out]`. A
 * weight's gradient is Σ_s g aᵀ. A vector (bias, scale, shift) has no `a`: its gradient is Σ_s g.
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Value } from "../../ir/graph.ts";

export interface LayerUse {
  /** Input `[batch, shared, groups, in]`; absent for a vector, and for a table, whose input is one-hot. */
  readonly input?: Value;
  /** For a table: which row each position takes, `[batch, shared]`. */
  readonly index?: Value;
  /** Where the layer's output is: cotangents are asked for here. */
  readonly tap: Value;
  /** From the cotangent of `tap` to g `[batch, shared, groups, out]`. */
  gradient(g: GraphBuilder, ct: Value): Value;
  /** S of this use. */
  readonly shared: number;
  /** Position in the space of the bias that is added here. */
  readonly bias?: number;
}

export interface Layer {
  readonly kind: "matrix" | "table" | "vector";
  /** The parameter's name. */
  readonly name: string;
  /** Position in the space. */
  readonly parameter: number;
  readonly groups: number;
  readonly out: number;
  /** 1 for a vector. */
  readonly in: number;
  /** Flat index in the parameter of each canonical entry `[groups, out, in]`; null where they agree. */
  readonly index: Int32Array | null;
  /** In the order of the forward pass; several for a tied weight. */
  readonly uses: readonly LayerUse[];
  /** The bias, if every use that has one has the same. */
  readonly bias?: number;
}
