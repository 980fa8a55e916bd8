/**
 * Some of the weights uncertain, one by one; the others are certain, as the network has them.
 *
 *     Σ = E Σ_S Eᵀ        E places the |S| weights among all P
 *
 * Source: Daxberger et al. (2021), Bayesian deep learning via subnetwork inference, ICML.
 */
import { type BlockShape, type Matrix, matrix, type ParameterSpace, randomStream, UsageError } from "@hessonite/core";
import { certain, type Prior, type PriorGroups, type PriorKind } from "../prior.ts";
import { columnsAt, putColumns } from "./blockDiagonal.ts";
import { requireSameStructure } from "./merging.ts";
import type { Curvature, Posterior } from "./posterior.ts";

/** Which weights: those with the largest variance (diagonal posterior) or magnitude, by chance, or as given. */
export type Subnetwork =
  | { readonly by: "variance" | "magnitude"; readonly count: number }
  | { readonly by: "random"; readonly count: number; readonly seed?: number }
  | { readonly by: "given"; readonly indices: ArrayLike<number> };

/** What a choice may look at. */
export interface Weights {
  readonly mean: Float64Array;
  /** diag H */
  diagonal(): Promise<Float64Array>;
}

/**
 * Indices of the chosen weights in the flat vector, ascending.
 *
 * @throws {UsageError} if none are chosen, more than there are, or an index is out of range or comes twice.
 */
export async function chosenWeights(subnetwork: Subnetwork, { mean, diagonal }: Weights): Promise<Int32Array> {
  if (subnetwork.by === "given") return given(subnetwork.indices, mean.length);
  const { by, count } = subnetwork;
  if (!(Number.isInteger(count) && count > 0 && count <= mean.length)) {
    throw new UsageError("Cannot choose a subnetwork as there are not that many weights", {
      expected: `1 to ${mean.length}`,
      found: count,
    });
  }
  if (by === "random") {
    return randomStream(subnetwork.seed ?? 0, "subnetwork")
      .permutation(mean.length)
      .slice(0, count)
      .sort();
  }
  // The prior is one for all, so the largest variance is the least curvature.
  const rank = by === "magnitude" ? mean.map((x) => -Math.abs(x)) : await diagonal();
  const order = Array.from(rank.keys()).sort((i, j) => rank[i]! - rank[j]! || i - j);
  return Int32Array.from(order.slice(0, count)).sort();
}

function given(indices: ArrayLike<number>, size: number): Int32Array {
  const chosen = Int32Array.from(indices).sort();
  const at = Array.from(chosen).findIndex((index, i) => !(index >= 0 && index < size) || index === chosen[i - 1]);
  if (at < 0 && chosen.length > 0 && Array.from(indices).every(Number.isInteger)) return chosen;
  throw new UsageError("Cannot choose a subnetwork as its indices are not weights, each once", {
    expected: `one or more of 0 to ${size - 1}`,
    found: at < 0 ? "none" : chosen[at]!,
  });
}

/** The space that the chosen weights are by themselves: tensors with what was chosen of them. */
export function spaceOf(indices: Int32Array, { parameters }: ParameterSpace): ParameterSpace {
  let offset = 0;
  const own: ParameterSpace["parameters"][number][] = [];
  for (const { name, dtype, offset: start, size } of parameters) {
    const count = indices.filter((i) => i >= start && i < start + size).length;
    if (count > 0) own.push({ name, dtype, shape: [count], offset, size: count });
    offset += count;
  }
  return { parameters: own, size: indices.length };
}

/** Numbers that a root over all weights may have before it is left out. */
const mostRoot = 2 ** 24;

/**
 * @param inner Over the chosen weights alone.
 * @param size P
 * @param shapes How all weights lie in layers, if they do.
 */
export function embedded(
  inner: Curvature,
  indices: Int32Array,
  size: number,
  shapes?: readonly BlockShape[],
): Curvature {
  return {
    structure: inner.structure,
    size,
    subnetwork: { indices, inner },
    groups: (kind) => outerGroups(inner.groups(kind), indices, size, kind),
    async posterior(scale, prior) {
      const own: Prior = { groups: inner.groups(prior.groups.kind), precision: prior.precision };
      return placed(await inner.posterior(scale, own), indices, size, shapes);
    },
    ...(inner.merge && {
      async merge(other: Curvature) {
        requireSameStructure(inner.structure, other);
        const theirs = other.subnetwork;
        if (!theirs || theirs.indices.length !== indices.length || theirs.indices.some((x, i) => x !== indices[i])) {
          throw new UsageError("Cannot merge posteriors as their subnetworks are not the same weights");
        }
        return embedded(await inner.merge!(theirs.inner), indices, size, shapes);
      },
    }),
  };
}

function outerGroups({ group, sizes }: PriorGroups, indices: Int32Array, size: number, kind: PriorKind): PriorGroups {
  const outer = new Int32Array(size).fill(certain);
  indices.forEach((at, k) => {
    outer[at] = group[k]!;
  });
  return { kind, group: outer, sizes };
}

function placed(
  own: Posterior,
  indices: Int32Array,
  size: number,
  shapes: readonly BlockShape[] | undefined,
): Posterior {
  const n = indices.length;
  const rooted = shapes !== undefined && size * n <= mostRoot;
  let root: Matrix | undefined;
  return {
    logDeterminant: own.logDeterminant,
    ...(own.logDeterminantError && { logDeterminantError: own.logDeterminantError }),
    timesRoot: (rows) => own.timesRoot(columnsAt(rows, indices)),
    timesRootTransposed({ rows, columns, data }) {
      const inside = matrix(rows, n, columns === n ? data : columnsAt({ rows, columns, data }, indices).data);
      const out = matrix(rows, size);
      putColumns(own.timesRootTransposed(inside), indices, out);
      return out;
    },
    groupVariances: () => own.groupVariances(),
    variances() {
      const out = matrix(1, size);
      putColumns(matrix(1, n, own.variances()), indices, out);
      return out.data;
    },
    get inLayers() {
      if (!rooted) return undefined;
      root ??= rootOf(own, indices, size);
      return { shapes, covariance: { root } };
    },
  };
}

/** E R_S `[P, |S|]` */
function rootOf(own: Posterior, indices: Int32Array, size: number): Matrix {
  const n = indices.length;
  const eye = matrix(
    n,
    n,
    Float64Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0)),
  );
  const inside = own.timesRoot(eye);
  const out = matrix(size, n);
  indices.forEach((at, k) => out.data.set(inside.data.subarray(k * n, (k + 1) * n), at * n));
  return out;
}
