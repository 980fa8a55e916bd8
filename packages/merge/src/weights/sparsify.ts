/**
 * Task vectors with most of their entries set to 0.
 *
 *     magnitude   keeps the ⌊density · n⌋ largest |x|
 *     outliers    drops the ⌊gamma · n⌋ largest |x|, then the smallest, until ⌊density · n⌋ are left
 *     random      keeps each entry with probability density
 *     byRank      keeps an entry with a probability that grows with its rank in its row, from density − ε to density + ε
 *
 * What is kept may be rescaled: by 1/probability ("expected": the mean over masks is then x), or so that a norm is what it was:
 * Σ|x| ("l1", what mergekit's recipes do), √Σx² ("l2") or max |x| ("linf").
 *
 * Sources: Yadav et al. (2023), TIES-Merging, arXiv:2306.01708; Davari & Belilovsky (2023), Model breadcrumbs,
 * arXiv:2312.06795; Yu et al. (2023), DARE, arXiv:2311.03099; Deep et al. (2024), DELLA, arXiv:2406.11617.
 */
import { type RandomStream, type Tensor, UsageError } from "@hessonite/core";
import { length, map, requireFraction } from "./entries.ts";

export type Rescale = "expected" | "l1" | "l2" | "linf" | "none";

export interface SparsifyOptions {
  /** The share of entries that is kept; 1 keeps all. */
  readonly density: number;
  readonly rescale?: Rescale;
}

/** Keeps the largest entries. Equal ones: the earlier. */
export function sparsifyByMagnitude(x: Tensor, { density, rescale = "none" }: SparsifyOptions): Tensor {
  requireFraction(density, "density");
  if (density === 1) return x;
  const kept = new Set(byMagnitude(x).slice(0, count(x, density)));
  return masked(
    x,
    (k) => kept.has(k),
    () => density,
    rescale,
  );
}

/** Drops the largest entries and keeps the next largest. */
export function sparsifyOutliers(
  x: Tensor,
  { density, gamma = 0.01, rescale = "none" }: SparsifyOptions & { readonly gamma?: number },
): Tensor {
  requireFraction(density, "density");
  requireFraction(gamma, "gamma");
  if (density === 1) return x;
  const n = x.data.length;
  const target = count(x, density);
  const dropped = Math.min(Math.floor(gamma * n), n - target);
  const kept = new Set(byMagnitude(x).slice(dropped, dropped + target));
  return masked(
    x,
    (k) => kept.has(k),
    () => density,
    rescale,
  );
}

/** Keeps entries at random. */
export function sparsifyAtRandom(
  x: Tensor,
  { density, rescale = "expected" }: SparsifyOptions,
  random: RandomStream,
): Tensor {
  requireFraction(density, "density");
  if (density === 1) return x;
  const keep = Array.from(x.data, () => random.uniform() < density);
  return masked(
    x,
    (k) => keep[k] === true,
    () => density,
    rescale,
  );
}

/** Keeps entries at random, large ones of a row more often. A vector is one row. */
export function sparsifyByRank(
  x: Tensor,
  { density, epsilon = 0.15, rescale = "expected" }: SparsifyOptions & { readonly epsilon?: number },
  random: RandomStream,
): Tensor {
  requireFraction(density, "density");
  if (density === 1) return x;
  if (!(density - epsilon > 0 && density + epsilon < 1)) {
    throw new UsageError("Cannot sparsify by rank as density ± epsilon leaves the range of a probability", {
      expected: "0 < density − epsilon, density + epsilon < 1",
      found: `${density} ± ${epsilon}`,
    });
  }
  const probability = rankProbabilities(x, density, epsilon);
  const keep = probability.map((p) => random.uniform() < p);
  return masked(
    x,
    (k) => keep[k] === true,
    (k) => probability[k] ?? 1,
    rescale,
  );
}

/** The probability with which `sparsifyByRank` keeps each entry. */
export function rankProbabilities(x: Tensor, density: number, epsilon: number): number[] {
  const [rows = 1, ...rest] = x.shape.length < 2 ? [1, x.data.length] : x.shape;
  const width = rest.reduce((n, d) => n * d, 1);
  return Array.from({ length: rows }, (_, row) => {
    const own = Array.from(x.data.subarray(row * width, (row + 1) * width), Math.abs);
    const order = own.map((_, k) => k).sort((a, b) => (own[a] ?? 0) - (own[b] ?? 0));
    const ranks = new Map(order.map((k, rank) => [k, rank]));
    return own.map((_, k) => density - epsilon + (2 * epsilon * (ranks.get(k) ?? 0)) / Math.max(1, width - 1));
  }).flat();
}

/** @throws {UsageError} if nothing would be kept. */
function count(x: Tensor, density: number): number {
  const kept = Math.floor(density * x.data.length);
  if (kept > 0) return kept;
  throw new UsageError("Cannot sparsify a tensor as no entry would be kept", {
    found: `density ${density} of ${x.data.length} entries`,
    try: "a larger density",
  });
}

/** Indices by falling |x|, earlier ones first among equals. */
function byMagnitude({ data }: Tensor): number[] {
  const size = Array.from(data, Math.abs);
  return size.map((_, k) => k).sort((a, b) => (size[b] ?? 0) - (size[a] ?? 0));
}

/** Norms below this are not rescaled. */
const tiny = 1e-7;

const norms: Readonly<Record<"l1" | "l2" | "linf", (x: ArrayLike<number>) => number>> = {
  l1: (x) => Array.from(x).reduce((total, entry) => total + Math.abs(entry), 0),
  l2: (x) => length(x),
  linf: (x) => Array.from(x).reduce((most, entry) => Math.max(most, Math.abs(entry)), 0),
};

function masked(x: Tensor, keep: (k: number) => boolean, probability: (k: number) => number, rescale: Rescale): Tensor {
  const kept = map(x, (entry, k) => (keep(k) ? entry : 0));
  if (rescale === "none") return kept;
  if (rescale === "expected") return map(kept, (entry, k) => entry / probability(k));
  const norm = norms[rescale];
  const [before, after] = [norm(x.data), norm(kept.data)];
  return before < tiny || after < tiny ? kept : map(kept, (entry) => (entry * before) / after);
}
