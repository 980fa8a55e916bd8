/**
 * A few eigenpairs of a large self-adjoint operator: block Lanczos with full re-orthogonalisation and thick restarts.
 *
 * A basis V of at most `basisSize` rows grows by blocks of products. The eigenpairs of the projection V A Vᵀ are the
 * Ritz pairs; a restart keeps the wanted ones and the residual block, and nothing is lost. Blocks find eigenvalues of
 * a multiplicity up to their size at once; a direction that runs dry is replaced by a random one, so that zero and
 * low-rank operators give the right answer. Where more pairs are wanted than a block has vectors, a fresh random block
 * looks for copies that were missed before the pairs are returned.
 *
 * Source: Wu & Simon (2000), Thick-restart Lanczos, SIAM J. Matrix Anal. 22(2); block form as in Golub & Underwood.
 */
import { UsageError } from "../errors.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import { type Eigendecomposition, eighSync } from "./eigh.ts";
import { freshDirection, projectOut } from "./orthogonalize.ts";
import { requireSelfAdjoint, requireStart } from "./requirements.ts";
import { axpy, maxAbs, norm, normals, row } from "./vector.ts";

/** Which end of the spectrum: largest first, smallest first, or largest in absolute value first. */
export type SpectrumEnd = "top" | "bottom" | "magnitude";

export interface EigenpairsOptions {
  readonly count: number;
  readonly which?: SpectrumEnd;
  /** Residual ‖A v − λ v‖ at which a pair counts as converged, relative to the largest |λ| seen. */
  readonly relativeTolerance?: number;
  /** Products spent at most. */
  readonly maxProducts?: number;
  /** Vectors a product; 1 finds multiple eigenvalues only late. */
  readonly blockSize?: number;
  /** Rows kept in memory, of n entries each. */
  readonly basisSize?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (products: number, converged: number) => void;
}

export interface Eigenpairs {
  /** In the order of `which`. */
  readonly values: Float64Array;
  /** Eigenvector i in row i, orthonormal. */
  readonly vectors: Float64Array;
  /** ‖A v − λ v‖ of each pair. */
  readonly residuals: Float64Array;
  readonly outcome: "converged" | "iteration limit";
  readonly products: number;
}

/** `count` eigenpairs at one end of the spectrum of A. */
export async function eigenpairs(a: LinearOperator, options: EigenpairsOptions): Promise<Eigenpairs> {
  const plan = planFor(a, options);
  const space = beginSpace(plan);
  let settled: Eigenpairs | undefined;
  let probed = false;
  for (;;) {
    while (space.pending > 0 && space.size + space.pending <= plan.basisSize) await expand(a, space, plan);
    const ritz = ritzPairs(space, plan);
    if (settled && !outranked(settled, ritz, plan)) return { ...settled, products: space.products };
    const converged = ritz.residuals.filter((r) => r <= plan.relativeTolerance * ritz.scale).length;
    plan.onProgress?.(space.products, converged);
    const done = converged === plan.count || space.pending === 0;
    if (done && mayHideCopies(space, plan)) {
      settled = result(space, ritz, plan, true);
      probed = true;
      probe(space, ritz, plan);
    } else if (done || space.products >= plan.maxProducts) {
      const found = result(space, ritz, plan, done);
      return probed ? measured(a, found, plan) : found;
    } else {
      settled = undefined;
      restart(space, ritz, plan);
    }
  }
}

type Plan = Required<Omit<EigenpairsOptions, "signal" | "onProgress">> &
  Pick<EigenpairsOptions, "signal" | "onProgress"> & { readonly n: number };

function planFor(a: LinearOperator, options: EigenpairsOptions): Plan {
  requireSelfAdjoint(a, "find eigenpairs");
  const n = requireStart(a, new Float64Array(0), 0);
  const { count, which = "top", relativeTolerance = 1e-8, seed = 0 } = options;
  if (!(count >= 1 && count <= n)) {
    throw new UsageError(`Cannot find eigenpairs of ${a.name} as there are not that many`, {
      expected: `1 to ${n}`,
      found: count,
    });
  }
  const blockSize = Math.min(options.blockSize ?? Math.min(count, 4), n);
  const least = Math.min(n, count + 2 * blockSize);
  const basisSize = Math.max(least, Math.min(n, options.basisSize ?? Math.max(2 * count + 4 * blockSize, 24)));
  const maxProducts = options.maxProducts ?? Math.max(1000, 40 * basisSize);
  return { ...options, count, which, relativeTolerance, seed, n, blockSize, basisSize, maxProducts };
}

interface Space {
  /** Orthonormal rows: `size` that A has been applied to, then `pending` of the next block. */
  readonly basis: Float64Array;
  /** V A Vᵀ, [basisSize, basisSize]. */
  readonly projection: Float64Array;
  /** How the last block's residuals are made of the pending rows: [pending, last block], or empty. */
  coupling: Float64Array[];
  size: number;
  pending: number;
  products: number;
}

function beginSpace({ n, blockSize, basisSize, seed }: Plan): Space {
  const basis = new Float64Array((basisSize + blockSize) * n);
  for (let i = 0; i < blockSize; i++) {
    const x = normals(n, seed, `eigenpairs start ${i}`);
    basis.set(i === 0 ? x.map((xi) => xi / norm(x)) : freshDirection(basis, i, n, seed), i * n);
  }
  return {
    basis,
    projection: new Float64Array(basisSize * basisSize),
    coupling: [],
    size: 0,
    pending: blockSize,
    products: 0,
  };
}

/** Applies A to the pending block and makes the next one from what is new. */
async function expand(a: LinearOperator, space: Space, plan: Plan): Promise<void> {
  plan.signal?.throwIfAborted();
  const { n, basisSize } = plan;
  const [start, block] = [space.size, space.pending];
  const known = start + block;
  const products = await a.apply(space.basis.slice(start * n, known * n), {
    k: block,
    ...(plan.signal && { signal: plan.signal }),
  });
  space.products += block;
  space.size = known;
  for (let j = 0; j < block; j++) {
    const components = projectOut(row(products, j, n), space.basis, known);
    for (const [i, c] of components.entries()) {
      if (i > start + j) continue;
      space.projection[i * basisSize + start + j] = c;
      space.projection[(start + j) * basisSize + i] = c;
    }
  }
  nextBlock(space, products, block, plan);
}

/** Orthonormal rows that span the residuals, and the triangle that leads back to them. */
function nextBlock(
  space: Space,
  residuals: Float64Array,
  block: number,
  { n, blockSize, seed, basisSize }: Plan,
): void {
  const scale = maxAbs(space.projection.subarray(0, space.size * basisSize));
  const room = Math.min(blockSize, n - space.size);
  space.pending = 0;
  space.coupling = Array.from({ length: block }, () => new Float64Array(room));
  for (let j = 0; j < block; j++) {
    const x = row(residuals, j, n);
    const components = projectOut(x, space.basis, space.size + space.pending);
    for (let i = 0; i < space.pending; i++) space.coupling[j]![i] = components[space.size + i]!;
    const length = norm(x);
    if (space.pending === room || length <= 10 * Number.EPSILON * Math.sqrt(n) * scale) continue;
    space.coupling[j]![space.pending] = length;
    space.basis.set(
      x.map((xi) => xi / length),
      (space.size + space.pending) * n,
    );
    space.pending++;
  }
  while (space.pending < room) {
    const count = space.size + space.pending;
    space.basis.set(freshDirection(space.basis, count, n, seed), count * n);
    space.pending++;
  }
}

interface Ritz extends Eigendecomposition {
  /** Columns of `vectors`, wanted first. */
  readonly order: number[];
  /** Of the wanted pairs. */
  readonly residuals: Float64Array;
  readonly scale: number;
}

function ritzPairs(space: Space, { basisSize, which, count }: Plan): Ritz {
  const m = space.size;
  const data = new Float64Array(m * m);
  for (let i = 0; i < m; i++) data.set(space.projection.subarray(i * basisSize, i * basisSize + m), i * m);
  const { values, vectors } = eighSync({ rows: m, columns: m, data });
  const rank = {
    top: (i: number) => -values[i]!,
    bottom: (i: number) => values[i]!,
    magnitude: (i: number) => -Math.abs(values[i]!),
  }[which];
  const order = Array.from({ length: m }, (_, i) => i).sort((i, j) => rank(i) - rank(j));
  const residuals = Float64Array.from(order.slice(0, count), (column) => residualNorm(space, vectors.data, m, column));
  return { values, vectors, order, residuals, scale: maxAbs(values) };
}

/** ‖A v − θ v‖ of a Ritz vector: only the last block's part of it leaves the space. */
function residualNorm({ coupling, pending }: Space, vectors: Float64Array, m: number, column: number): number {
  const rest = new Float64Array(pending);
  for (const [j, coefficients] of coupling.entries()) {
    const s = vectors[(m - coupling.length + j) * m + column]!;
    for (let i = 0; i < pending; i++) rest[i]! += s * coefficients[i]!;
  }
  return norm(rest);
}

/** Keeps the Ritz vectors nearest to the wanted end, and the pending block after them. */
function restart(space: Space, ritz: Ritz, { n, basisSize, count, blockSize }: Plan): void {
  const kept = Math.min(Math.max(count, Math.floor((count + space.size) / 2)), basisSize - blockSize, space.size);
  const wanted = ritz.order.slice(0, kept);
  const pending = space.basis.slice(space.size * n, (space.size + space.pending) * n);
  space.basis.set(ritzVectors(space, ritz, wanted, n));
  space.basis.set(pending, kept * n);
  space.projection.fill(0);
  for (const [i, column] of wanted.entries()) space.projection[i * basisSize + i] = ritz.values[column]!;
  space.size = kept;
}

/** A block of b vectors sees at most b copies of an eigenvalue: with more pairs wanted, others may rank before them. */
function mayHideCopies({ pending, products }: Space, { count, blockSize, basisSize, maxProducts }: Plan): boolean {
  return pending > 0 && count > blockSize && products + basisSize - count <= maxProducts;
}

/** Goes on from the wanted pairs and a fresh random block, orthogonal to them. */
function probe(space: Space, ritz: Ritz, plan: Plan): void {
  const { n, count, blockSize, seed } = plan;
  restart(space, { ...ritz, order: ritz.order.slice(0, count) }, plan);
  space.size = count;
  space.coupling = [];
  space.pending = Math.min(blockSize, n - count);
  for (let i = count; i < count + space.pending; i++) {
    space.basis.set(freshDirection(space.basis, i, n, seed + space.products), i * n);
  }
}

/** Whether a pair has come up that belongs among those that had settled. */
function outranked(settled: Eigenpairs, { values, order, scale }: Ritz, { relativeTolerance }: Plan): boolean {
  return settled.values.some((value, i) => Math.abs(values[order[i]!]! - value) > 10 * relativeTolerance * scale);
}

/** The pairs with their residuals measured: a probe forgets what was left of those it went on from. */
async function measured(a: LinearOperator, found: Eigenpairs, { n, count, signal }: Plan): Promise<Eigenpairs> {
  const products = await a.apply(found.vectors, { k: count, ...(signal && { signal }) });
  const residuals = found.values.map((value, i) => {
    const rest = row(products, i, n);
    axpy(-value, row(found.vectors, i, n), rest);
    return norm(rest);
  });
  return { ...found, residuals, products: found.products + count };
}

/** Vᵀ s for each of the columns, as rows. */
function ritzVectors({ basis, size }: Space, { vectors }: Ritz, columns: readonly number[], n: number): Float64Array {
  const result = new Float64Array(columns.length * n);
  for (const [to, column] of columns.entries()) {
    const x = row(result, to, n);
    for (let i = 0; i < size; i++) {
      const s = vectors.data[i * size + column]!;
      const b = row(basis, i, n);
      for (let j = 0; j < n; j++) x[j]! += s * b[j]!;
    }
  }
  return result;
}

function result(space: Space, ritz: Ritz, { n, count }: Plan, converged: boolean): Eigenpairs {
  const wanted = ritz.order.slice(0, count);
  return {
    values: Float64Array.from(wanted, (i) => ritz.values[i]!),
    vectors: ritzVectors(space, ritz, wanted, n),
    residuals: ritz.residuals,
    outcome: converged ? "converged" : "iteration limit",
    products: space.products,
  };
}
