/**
 * Outliers: a few eigenvalues of large magnitude, apart from the bulk of a spectrum, and the operator without them.
 *
 *     A' = (I − VᵀV) A (I − VᵀV)      V: the outliers' eigenvectors as rows
 */
import { UsageError } from "../errors.ts";
import { eigenpairs } from "../linalg/eigenpairs.ts";
import { lanczos } from "../linalg/lanczos.ts";
import { projectOut } from "../linalg/orthogonalize.ts";
import { tridiagonalEigen } from "../linalg/tridiagonal.ts";
import { row } from "../linalg/vector.ts";
import type { LinearOperator, Vector } from "../operators/linearOperator.ts";
import { makeOperator } from "../operators/makeOperator.ts";
import { probeRows } from "./probes.ts";

export interface OutlierOptions {
  /** How many, or "auto": those of the 16 largest that are set apart from the rest, see `setApart`. */
  readonly count: number | "auto";
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

export interface Outliers {
  /** Largest magnitude first. */
  readonly values: Vector;
  /** Orthonormal, one a row. */
  readonly vectors: Vector;
  readonly products: number;
}

/** A gap that sets apart: this part of the next size by itself, or the smaller part if far wider than those that follow. */
const gap = { alone: 0.25, beside: 0.05, timesTheNext: 6, next: 6 };
/** The most that "auto" takes, the part of the Ritz values it may take, and the products it looks with. */
const most = 16;
const mostShare = 1 / 3;
const lookingSteps = 48;
const relativeTolerance = 1e-6;

/** @throws {UsageError} if A is not known to be self-adjoint, or the count is not a whole number below its side. */
export async function outliersOf(a: LinearOperator, options: OutlierOptions): Promise<Outliers> {
  const n = a.shape[0];
  const { seed = 0, signal } = options;
  const pass = { ...(signal && { signal }) };
  const looked = options.count === "auto" ? await look(a, seed, pass) : { count: options.count, products: 0 };
  const { count } = looked;
  if (!(Number.isInteger(count) && count >= 0 && count < n)) {
    throw new UsageError(`Cannot deflate ${a.name} by that many eigenvalues`, {
      expected: `0 to ${n - 1}`,
      found: count,
    });
  }
  if (count === 0) return { values: new Float64Array(0), vectors: new Float64Array(0), products: looked.products };
  const found = await eigenpairs(a, { count, which: "magnitude", relativeTolerance, seed, ...pass });
  return { values: found.values, vectors: found.vectors, products: looked.products + found.products };
}

/** A' as above; A itself if there are no outliers. */
export function deflated(a: LinearOperator, { values, vectors }: Outliers): LinearOperator {
  if (values.length === 0) return a;
  const n = a.shape[0];
  const project = (rows: Vector, k: number): Vector => {
    for (let i = 0; i < k; i++) projectOut(row(rows, i, n), vectors, values.length);
    return rows;
  };
  return makeOperator({
    name: `${a.name} without ${values.length} outliers`,
    shape: a.shape,
    structure: { selfAdjoint: a.structure.selfAdjoint, positiveSemidefinite: a.structure.positiveSemidefinite },
    multiply: async (v, k, options) => project(await a.apply(project(v.slice(), k), options), k),
  });
}

/** How many Ritz values of one Lanczos run are set apart. */
async function look(
  a: LinearOperator,
  seed: number,
  pass: { readonly signal?: AbortSignal },
): Promise<{ readonly count: number; readonly products: number }> {
  const n = a.shape[0];
  const [run] = await lanczos(a, probeRows("normal", n, seed, 0, 1), { steps: Math.min(lookingSteps, n), ...pass });
  const ritz = run ? tridiagonalEigen(run.tridiagonal).values : new Float64Array(0);
  return { count: Math.min(setApart(Array.from(ritz, Math.abs)), n - 1), products: ritz.length };
}

/**
 * How many of the largest are apart from the rest: all before the last gap that is a quarter of the size below it, or a
 * twentieth and six times the mean of the gaps that follow, as those between Ritz values within a bulk are of one kind.
 */
export function setApart(magnitudes: readonly number[]): number {
  const sizes = [...magnitudes].sort((x, y) => y - x);
  const gaps = sizes.slice(1).map((size, i) => sizes[i]! - size);
  const apart = gaps.slice(0, Math.min(most, Math.floor(mostShare * sizes.length))).map((width, i) => {
    const below = sizes[i + 1]!;
    const following = gaps.slice(i + 1, i + 1 + gap.next);
    const mean = following.reduce((sum, x) => sum + x, 0) / gap.next;
    const stands = following.length === gap.next && width > gap.timesTheNext * mean;
    return width > gap.alone * below || (width > gap.beside * below && stands);
  });
  return apart.lastIndexOf(true) + 1;
}
