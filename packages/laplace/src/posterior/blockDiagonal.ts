/**
 * H as its blocks on the layers, each dense; what lies between layers is left out.
 *
 * With one precision a block its eigendecomposition serves every prior and noise.
 */
import {
  type LinearOperator,
  type Matrix,
  MismatchError,
  matrix,
  type ParameterSpace,
  submatrix,
  toDense,
  UsageError,
} from "@hessonite/core";
import { groupsOf, type Prior, type PriorGroups, type PriorKind, requirePriorKind } from "../prior.ts";
import { fullCurvature, mostFull } from "./full.ts";
import { requireSameStructure } from "./merging.ts";
import type { Curvature, Posterior } from "./posterior.ts";

/** A layer's part of H. */
export interface DenseBlock {
  /** Places of its weights in the flat vector. */
  readonly index: Int32Array;
  /** `[weights, weights]` */
  readonly h: Matrix;
}

export interface BlockDiagonalCurvature extends Curvature {
  readonly blocks: readonly DenseBlock[];
}

/** Each block's columns are products with unit vectors. @throws {UsageError} if a block is too large. */
export async function measureBlocks(
  product: LinearOperator,
  indices: readonly Int32Array[],
  factor: number,
  signal?: AbortSignal,
): Promise<DenseBlock[]> {
  const largest = Math.max(...indices.map(({ length }) => length));
  if (largest > mostFull) {
    throw new UsageError("Cannot make a block-diagonal posterior as a layer's weights are too many", {
      expected: `at most ${mostFull}`,
      found: largest,
      try: "the last layer alone, or a Kronecker or low-rank posterior",
    });
  }
  const blocks: DenseBlock[] = [];
  for (const index of indices) {
    const n = index.length;
    const dense = await toDense(submatrix(product, index), signal ? { signal } : {});
    const h = dense.map((x, at) => 0.5 * factor * (x + dense[(at % n) * n + Math.floor(at / n)]!));
    blocks.push({ index, h: matrix(n, n, h) });
  }
  return blocks;
}

export function blockDiagonalCurvature(blocks: readonly DenseBlock[], size: number): BlockDiagonalCurvature {
  const parts = blocks.map(({ index, h }) => ({ index, curvature: fullCurvature(h, oneParameter(index.length)) }));
  return {
    structure: "block-diagonal",
    blocks,
    size,
    groups: (kind) => blockGroups(kind, blocks, size),
    async posterior(scale, prior) {
      const placed: Placed[] = [];
      for (const { index, curvature } of parts) {
        const group = prior.groups.group[index[0]!]!;
        const own = { groups: curvature.groups("scalar"), precision: prior.precision.slice(group, group + 1) };
        placed.push({ index, group, posterior: await curvature.posterior(scale, own) });
      }
      return togetherOf(placed, size, prior);
    },
    async merge(other) {
      requireSameStructure("block-diagonal", other);
      const others = (other as BlockDiagonalCurvature).blocks;
      requireSameBlocks(blocks, others);
      const sums = blocks.map(({ index, h }, b) => ({
        index,
        h: { ...h, data: h.data.map((x, i) => x + others[b]!.h.data[i]!) },
      }));
      return blockDiagonalCurvature(sums, size);
    },
  };
}

function requireSameBlocks(ours: readonly DenseBlock[], theirs: readonly DenseBlock[]): void {
  const places = (blocks: readonly DenseBlock[]): string => blocks.map(({ index }) => index.length).join(" + ");
  const same = ours.every(({ index }, b) => index.every((at, k) => theirs[b]?.index[k] === at));
  if (same && places(ours) === places(theirs)) return;
  throw new MismatchError("Cannot merge posteriors as their blocks are not of the same weights", {
    expected: `blocks of ${places(ours)} weights`,
    found: places(theirs),
  });
}

const oneParameter = (size: number): ParameterSpace => ({
  size,
  parameters: [{ name: "block", shape: [size], dtype: "float64", offset: 0, size }],
});

function blockGroups(kind: PriorKind, blocks: readonly DenseBlock[], size: number): PriorGroups {
  requirePriorKind(kind, ["scalar", "layerwise"], "block-diagonal");
  const group = new Int32Array(size);
  if (kind === "layerwise") blocks.forEach(({ index }, b) => index.forEach((at) => (group[at] = b)));
  return groupsOf(kind, group);
}

interface Placed {
  readonly index: Int32Array;
  readonly group: number;
  readonly posterior: Posterior;
}

function togetherOf(parts: readonly Placed[], size: number, prior: Prior): Posterior {
  const each = (m: Matrix, map: (own: Matrix, posterior: Posterior) => Matrix): Matrix => {
    const out = matrix(m.rows, size);
    for (const { index, posterior } of parts) putColumns(map(columnsAt(m, index), posterior), index, out);
    return out;
  };
  return {
    logDeterminant: parts.reduce((sum, { posterior }) => sum + posterior.logDeterminant, 0),
    timesRoot: (rows) => each(rows, (own, posterior) => posterior.timesRoot(own)),
    timesRootTransposed: (normals) => each(normals, (own, posterior) => posterior.timesRootTransposed(own)),
    groupVariances() {
      const sums = new Float64Array(prior.precision.length);
      for (const { group, posterior } of parts) sums[group]! += posterior.groupVariances()[0]!;
      return sums;
    },
    variances() {
      const out = matrix(1, size);
      for (const { index, posterior } of parts) putColumns(matrix(1, index.length, posterior.variances()), index, out);
      return out.data;
    },
  };
}

/** M[:, index] */
export function columnsAt({ rows, columns, data }: Matrix, index: Int32Array): Matrix {
  const out = matrix(rows, index.length);
  for (let row = 0; row < rows; row++)
    index.forEach((at, k) => {
      out.data[row * index.length + k] = data[row * columns + at]!;
    });
  return out;
}

/** out[:, index] ← M */
export function putColumns({ rows, columns, data }: Matrix, index: Int32Array, out: Matrix): void {
  for (let row = 0; row < rows; row++)
    index.forEach((at, k) => {
      out.data[row * out.columns + at] = data[row * columns + k]!;
    });
}
