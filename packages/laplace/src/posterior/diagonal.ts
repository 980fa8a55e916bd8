/** H as its diagonal: weights independent of each other. */
import { type BlockShape, type Matrix, matrix, type ParameterSpace } from "@hessonite/core";
import { type Prior, precisions, sumByGroup } from "../prior.ts";
import { added, requireSameStructure } from "./merging.ts";
import { parameterGroups } from "./parameterGroups.ts";
import type { Curvature, Posterior } from "./posterior.ts";

export interface DiagonalCurvature extends Curvature {
  readonly diagonal: Float64Array;
}

/**
 * @param diagonal diag H, one entry a weight.
 * @param shapes How the weights lie in layers, if they all do.
 */
export function diagonalCurvature(
  diagonal: Float64Array,
  space: ParameterSpace,
  shapes?: readonly BlockShape[],
): DiagonalCurvature {
  return {
    structure: "diagonal",
    diagonal,
    size: diagonal.length,
    groups: (kind) => parameterGroups(kind, space),
    posterior: async (scale, prior) => diagonalPosterior(diagonal, scale, prior, shapes),
    async merge(other) {
      requireSameStructure("diagonal", other);
      return diagonalCurvature(added(diagonal, (other as DiagonalCurvature).diagonal), space, shapes);
    },
  };
}

function diagonalPosterior(
  diagonal: Float64Array,
  scale: number,
  prior: Prior,
  shapes: readonly BlockShape[] | undefined,
): Posterior {
  const precision = precisions(prior).map((d, i) => d + scale * diagonal[i]!);
  const root = precision.map((x) => 1 / Math.sqrt(x));
  const variances = (): Float64Array => precision.map((x) => 1 / x);
  const scaled = (m: Matrix): Matrix =>
    matrix(
      m.rows,
      m.columns,
      m.data.map((x, at) => x * root[at % m.columns]!),
    );
  return {
    ...(shapes && {
      inLayers: { shapes, covariance: { filters: shapes.map((shape) => ({ weights: entries(shape, precision) })) } },
    }),
    logDeterminant: precision.reduce((sum, x) => sum + Math.log(x), 0),
    timesRoot: scaled,
    timesRootTransposed: scaled,
    groupVariances: () => sumByGroup(prior.groups, variances()),
    variances,
  };
}

/** A block's variances. */
function entries({ out, in: width, index }: BlockShape, precision: Float64Array): Matrix {
  return matrix(
    out,
    width,
    Float64Array.from(index, (at) => 1 / precision[at]!),
  );
}
