/**
 * H by its largest eigenpairs: H ≈ U diag(λ) Uᵀ, U [P, k]; the prior alone elsewhere.
 */
import { type Matrix, type ParameterSpace, scaleColumns } from "@hessonite/core";
import { requirePriorKind } from "../prior.ts";
import { factoredPosteriors } from "./factored.ts";
import { parameterGroups } from "./parameterGroups.ts";
import type { Curvature } from "./posterior.ts";

export interface LowRankCurvature extends Curvature {
  readonly values: Float64Array;
  /** U `[P, k]` */
  readonly vectors: Matrix;
}

export function lowRankCurvature(values: Float64Array, vectors: Matrix, space: ParameterSpace): LowRankCurvature {
  return {
    structure: "low-rank",
    values,
    vectors,
    size: vectors.rows,
    groups(kind) {
      requirePriorKind(kind, ["scalar", "layerwise"], "low-rank");
      return parameterGroups(kind, space);
    },
    posterior: factoredPosteriors(scaleColumns(vectors, values.map(Math.sqrt))),
  };
}
