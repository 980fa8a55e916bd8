/**
 * H as one block a layer, each diagonal in a Kronecker product of bases.
 *
 *     H_b = (Q_G ⊗ Q_A) diag(λ) (Q_G ⊗ Q_A)ᵀ        λ [out, in]: λᴳ λᴬ for KFAC, the exact diagonal for EK-FAC
 *
 * The damping is exact: s λ + δ, δ the precision of the block's prior. With separate biases a bias has a block G of its own.
 */
import { type BlockFilter, type BlockShape, type Matrix, matmul, matrix, UsageError } from "@hessonite/core";
import { groupsOf, type Prior, type PriorGroups, type PriorKind, requirePriorKind } from "../prior.ts";
import type { Curvature, Posterior } from "./posterior.ts";

/** A block in its eigenbasis. */
export interface EigenBlock {
  /** Its place in the flat vector. */
  readonly shape: BlockShape;
  readonly qg: Matrix;
  /** Absent for a vector, and for a table, whose input side is its own basis. */
  readonly qa?: Matrix;
  /** λ ≥ 0 `[out, in]` */
  readonly values: Matrix;
}

export interface BlockCurvature extends Curvature {
  readonly blocks: readonly EigenBlock[];
}

/** @throws {UsageError} unless the blocks cover all P weights. */
export function kroneckerCurvature(
  structure: "kronecker" | "ekfac",
  blocks: readonly EigenBlock[],
  size: number,
): BlockCurvature {
  const covered = blocks.reduce((sum, { shape }) => sum + shape.index.length, 0);
  if (covered !== size) {
    throw new UsageError("Cannot make a Kronecker posterior as some weights belong to no layer", {
      expected: `${size} weights`,
      found: `${covered} in layers`,
      try: "leave the others out of the weights, or take a full or diagonal posterior",
    });
  }
  return {
    structure,
    blocks,
    size,
    groups: (kind) => blockGroups(kind, blocks, size),
    posterior: async (scale, prior) => blockPosterior(blocks, size, scale, prior),
  };
}

function blockGroups(kind: PriorKind, blocks: readonly EigenBlock[], size: number): PriorGroups {
  requirePriorKind(kind, ["scalar", "layerwise"], "Kronecker");
  const group = new Int32Array(size);
  if (kind === "layerwise") {
    blocks.forEach(({ shape }, b) => {
      for (const at of shape.index) group[at] = b;
    });
  }
  return groupsOf(kind, group);
}

/** The precision of a block's prior: its weights share one. */
export function blockPrecision({ shape }: EigenBlock, { groups, precision }: Prior): number {
  return precision[groups.group[shape.index[0]!]!]!;
}

function blockPosterior(blocks: readonly EigenBlock[], size: number, scale: number, prior: Prior): Posterior {
  const placed = blocks.map((block) => {
    const delta = blockPrecision(block, prior);
    return {
      ...block,
      group: prior.groups.group[block.shape.index[0]!]!,
      precision: block.values.data.map((x) => scale * x + delta),
    };
  });
  const scattered = (rows: number, map: (block: (typeof placed)[number]) => (row: number) => Float64Array): Matrix => {
    const out = matrix(rows, size);
    for (const block of placed) {
      const values = map(block);
      for (let row = 0; row < rows; row++)
        place(block.shape.index, values(row), out.data.subarray(row * size, (row + 1) * size));
    }
    return out;
  };
  return {
    inLayers: {
      shapes: placed.map(({ shape }) => shape),
      covariance: { filters: placed.map(filterOf) },
    },
    logDeterminant: placed.reduce((sum, { precision }) => precision.reduce((s, x) => s + Math.log(x), sum), 0),
    timesRoot: ({ rows, data }) =>
      scattered(
        rows,
        (block) => (row) =>
          scaledBy(block.precision, intoBasis(block, gather(block.shape, data.subarray(row * size, (row + 1) * size)))),
      ),
    timesRootTransposed: ({ rows, data }) =>
      scattered(rows, (block) => (row) => {
        const inside = gather(block.shape, data.subarray(row * size, (row + 1) * size));
        return outOfBasis(block, matrix(inside.rows, inside.columns, scaledBy(block.precision, inside))).data;
      }),
    groupVariances() {
      const sums = new Float64Array(prior.precision.length);
      for (const { group, precision } of placed) sums[group]! += precision.reduce((sum, x) => sum + 1 / x, 0);
      return sums;
    },
    variances: () =>
      scattered(
        1,
        (block) => () =>
          diagonalOutOfBasis(
            block,
            block.precision.map((x) => 1 / x),
          ),
      ).data,
  };
}

function scaledBy(precision: Float64Array, { data }: Matrix): Float64Array {
  return data.map((x, k) => x / Math.sqrt(precision[k]!));
}

/** A block's entries of a flat vector as `[out, in]`. */
function gather({ out, in: width, index }: BlockShape, v: Float64Array): Matrix {
  return matrix(
    out,
    width,
    Float64Array.from(index, (at) => v[at]!),
  );
}

function place(index: Int32Array, values: Float64Array, out: Float64Array): void {
  index.forEach((at, k) => {
    out[at] = values[k]!;
  });
}

/** Q_Gᵀ M Q_A */
function intoBasis({ qg, qa }: EigenBlock, m: Matrix): Matrix {
  const left = matmul(qg, m, { a: true });
  return qa ? matmul(left, qa) : left;
}

/** Q_G M Q_Aᵀ */
function outOfBasis({ qg, qa }: EigenBlock, m: Matrix): Matrix {
  const left = matmul(qg, m);
  return qa ? matmul(left, qa, { b: true }) : left;
}

/** Σ_kl v_kl Q_G[o,k]² Q_A[i,l]² */
function diagonalOutOfBasis({ qg, qa, values }: EigenBlock, v: Float64Array): Float64Array {
  const squared = (q: Matrix): Matrix =>
    matrix(
      q.rows,
      q.columns,
      q.data.map((x) => x * x),
    );
  const left = matmul(squared(qg), matrix(values.rows, values.columns, v));
  return (qa ? matmul(left, squared(qa), { b: true }) : left).data;
}

/** A block's part of Σ: its bases, and the weights' variances in them. */
function filterOf({ qg, qa, values, precision }: EigenBlock & { readonly precision: Float64Array }): BlockFilter {
  const variances = precision.map((x) => 1 / x);
  return { qg, ...(qa ? { qa } : {}), weights: matrix(values.rows, values.columns, variances) };
}
