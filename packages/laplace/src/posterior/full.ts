/**
 * H as it is, P × P.
 *
 * With one precision for all weights an eigendecomposition of H serves every prior and noise; with several, each has a
 * Cholesky factorisation of its own.
 */
import {
  type BlockShape,
  cholesky,
  choleskyInverse,
  type Eigendecomposition,
  eigh,
  logDeterminant,
  type Matrix,
  matmul,
  matrix,
  type ParameterSpace,
  scaleColumns,
  solveTriangular,
  transposeMatrix,
  UsageError,
} from "@hessonite/core";
import { type Prior, precisions, sumByGroup } from "../prior.ts";
import { added, requireSameStructure } from "./merging.ts";
import { parameterGroups } from "./parameterGroups.ts";
import type { Curvature, Posterior } from "./posterior.ts";

/** The most weights that a dense block may have: as many numbers squared are kept, and operations cubed spent. */
export const mostFull = 8192;

/** Most negative eigenvalue that counts as rounding, relative to the largest. */
export const rounding = 1e-5;

export interface FullCurvature extends Curvature {
  /** H */
  readonly matrix: Matrix;
}

/**
 * @param h `[P, P]`, symmetric.
 * @param shapes How the weights lie in layers, if they all do.
 */
export function fullCurvature(h: Matrix, space: ParameterSpace, shapes?: readonly BlockShape[]): FullCurvature {
  let eigen: Promise<Eigendecomposition> | undefined;
  return {
    structure: "full",
    matrix: h,
    size: h.rows,
    groups: (kind) => parameterGroups(kind, space),
    async posterior(scale, prior) {
      if (prior.precision.length > 1) return laidOut(await choleskyPosterior(h, scale, prior), shapes, h.rows);
      eigen ??= eigh(h).then(semidefinite);
      return laidOut(eigenPosterior(await eigen, scale, prior), shapes, h.rows);
    },
    async merge(other) {
      requireSameStructure("full", other);
      return fullCurvature({ ...h, data: added(h.data, (other as FullCurvature).matrix.data) }, space, shapes);
    },
  };
}

/** Negative eigenvalues are rounding and become 0. @throws {UsageError} if they are more than that. */
function semidefinite({ values, vectors }: Eigendecomposition): Eigendecomposition {
  const [least = 0, largest = 0] = [values[0], values.at(-1)];
  if (least < -rounding * Math.max(largest, Number.MIN_VALUE)) throw indefinite(least);
  return { values: values.map((x) => Math.max(x, 0)), vectors };
}

export function indefinite(found: number | string): UsageError {
  return new UsageError("Cannot make a posterior as the curvature is indefinite", {
    expected: "no direction in which the loss curves downwards",
    found: typeof found === "number" ? `an eigenvalue of ${found.toPrecision(3)}` : found,
    try: "a likelihood that is convex in the outputs, or a larger prior precision",
  });
}

/** R = V diag(1/√(sλ + δ)) */
function eigenPosterior({ values, vectors }: Eigendecomposition, scale: number, prior: Prior): Posterior {
  const delta = prior.precision[0]!;
  const precision = values.map((x) => scale * x + delta);
  const root = precision.map((x) => 1 / Math.sqrt(x));
  const scaled = scaleColumns(vectors, root);
  const variances = (): Float64Array =>
    Float64Array.from({ length: scaled.rows }, (_, i) =>
      squaredNorm(scaled.data.subarray(i * scaled.columns, (i + 1) * scaled.columns)),
    );
  return {
    logDeterminant: precision.reduce((sum, x) => sum + Math.log(x), 0),
    timesRoot: (rows) => matmul(rows, scaled),
    timesRootTransposed: (normals) => matmul(normals, scaled, { b: true }),
    groupVariances: () => Float64Array.of(precision.reduce((sum, x) => sum + 1 / x, 0)),
    variances,
  };
}

const squaredNorm = (x: Float64Array): number => x.reduce((sum, v) => sum + v * v, 0);

/** R = L⁻ᵀ with L Lᵀ = s H + D */
async function choleskyPosterior(h: Matrix, scale: number, prior: Prior): Promise<Posterior> {
  const d = precisions(prior);
  const n = h.rows;
  const precision = matrix(
    n,
    n,
    h.data.map((x, at) => scale * x + (at % (n + 1) === 0 ? d[at / (n + 1)]! : 0)),
  );
  const factor = await cholesky(precision, { maxJitter: 0 }).catch(() => {
    throw indefinite("a precision matrix that is not positive definite");
  });
  const { lower } = factor;
  let variances: Float64Array | undefined;
  const diagonal = (): Float64Array => {
    variances ??= diagonalOfInverse(choleskyInverse(factor));
    return variances;
  };
  return {
    logDeterminant: logDeterminant(factor),
    timesRoot: (rows) => transposeMatrix(solveTriangular(lower, transposeMatrix(rows))),
    timesRootTransposed: (normals) =>
      transposeMatrix(solveTriangular(lower, transposeMatrix(normals), { transposed: true })),
    groupVariances: () => sumByGroup(prior.groups, diagonal()),
    variances: diagonal,
  };
}

function diagonalOfInverse({ rows, data }: Matrix): Float64Array {
  return Float64Array.from({ length: rows }, (_, i) => data[i * rows + i]!);
}

/** With its root as a matrix, made when it is asked for. */
function laidOut(posterior: Posterior, shapes: readonly BlockShape[] | undefined, size: number): Posterior {
  if (!shapes) return posterior;
  let root: Matrix | undefined;
  return {
    ...posterior,
    get inLayers() {
      root ??= posterior.timesRoot(identityOf(size));
      return { shapes, covariance: { root } };
    },
  };
}

function identityOf(n: number): Matrix {
  return matrix(
    n,
    n,
    Float64Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0)),
  );
}
