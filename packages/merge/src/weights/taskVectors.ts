/**
 * Merges of task vectors τ_i = θ_i − θ_0, sparsified and with their signs agreed on, or neither.
 *
 *     θ = θ_0 + λ · Σ_i w_i m_i τ̃_i  (/ Σ_i w_i m_i where normalised)
 *
 * τ̃_i is τ_i sparsified; m_i is 1 everywhere, or with sign consensus 1 where w_i τ̃_i has the sign of Σ_j w_j τ̃_j.
 *
 * | method          | sparsified by | consensus | normalised | source |
 * |-----------------|---------------|-----------|------------|--------|
 * | task arithmetic | –             | no        | no         | Ilharco et al. (2023), arXiv:2212.04089 |
 * | TIES            | magnitude     | yes       | yes        | Yadav et al. (2023), arXiv:2306.01708 |
 * | DARE            | random        | optional  | no         | Yu et al. (2023), arXiv:2311.03099 |
 * | DELLA           | rank          | optional  | with consensus | Deep et al. (2024), arXiv:2406.11617 |
 * | breadcrumbs     | outliers      | optional  | no         | Davari & Belilovsky (2023), arXiv:2312.06795 |
 */
import { randomStream, type Tensor } from "@hessonite/core";
import { combine, difference, plusScaled, weightsFor } from "./entries.ts";
import { type Rescale, sparsifyAtRandom, sparsifyByMagnitude, sparsifyByRank, sparsifyOutliers } from "./sparsify.ts";

export interface TaskVectorOptions {
  /** w, one a model; 1 unless given. */
  readonly weights?: readonly number[];
  /** λ; 1 unless given. */
  readonly scale?: number;
  readonly normalize?: boolean;
}

export interface SparseOptions extends TaskVectorOptions {
  /** Share of entries kept, one for all or one a model; 1 unless given. */
  readonly density?: number | readonly number[];
  /** Only entries whose sign is that of the sum take part. */
  readonly consensus?: boolean;
  readonly rescale?: Rescale;
}

export interface RandomOptions extends SparseOptions {
  /** Which entries are kept follows from the seed and this name; give the tensor's. */
  readonly seed: number;
  readonly name?: string;
}

/** θ_0 + λ Σ w τ */
export function taskArithmetic(base: Tensor, tensors: readonly Tensor[], options: TaskVectorOptions = {}): Tensor {
  return mergeTaskVectors(base, tensors, { ...options, consensus: false }, (tau) => tau);
}

/** Trimmed by magnitude, signs agreed on, the mean of those that agree. */
export function ties(base: Tensor, tensors: readonly Tensor[], options: SparseOptions = {}): Tensor {
  const { rescale = "none", ...others } = options;
  return mergeTaskVectors(base, tensors, { consensus: true, normalize: true, ...others }, (tau, density) =>
    sparsifyByMagnitude(tau, { density, rescale }),
  );
}

/** Entries dropped at random, the others divided by the density. */
export function dare(base: Tensor, tensors: readonly Tensor[], options: RandomOptions): Tensor {
  const { rescale = "expected", seed, name = "", ...others } = options;
  return mergeTaskVectors(base, tensors, { consensus: false, ...others }, (tau, density, model) =>
    sparsifyAtRandom(tau, { density, rescale }, randomStream(seed, `dare ${name} ${model}`)),
  );
}

/** Entries dropped at random, small ones of a row more often; the others divided by their probability. */
export function della(
  base: Tensor,
  tensors: readonly Tensor[],
  options: RandomOptions & { readonly epsilon?: number },
): Tensor {
  const { rescale = "expected", seed, name = "", epsilon = 0.15, consensus = true, ...others } = options;
  return mergeTaskVectors(base, tensors, { consensus, normalize: consensus, ...others }, (tau, density, model) =>
    sparsifyByRank(tau, { density, epsilon, rescale }, randomStream(seed, `della ${name} ${model}`)),
  );
}

/** The largest entries dropped with the smallest. */
export function breadcrumbs(
  base: Tensor,
  tensors: readonly Tensor[],
  options: SparseOptions & { readonly gamma?: number } = {},
): Tensor {
  const { rescale = "none", gamma = 0.01, ...others } = options;
  return mergeTaskVectors(base, tensors, { consensus: false, ...others }, (tau, density) =>
    sparsifyOutliers(tau, { density, gamma, rescale }),
  );
}

type Sparsify = (tau: Tensor, density: number, model: number) => Tensor;

function mergeTaskVectors(
  base: Tensor,
  tensors: readonly Tensor[],
  options: SparseOptions,
  sparsify: Sparsify,
): Tensor {
  const { scale = 1, normalize = false, consensus = false, density = 1 } = options;
  const weights = weightsFor(tensors, options.weights);
  const densities = typeof density === "number" ? tensors.map(() => density) : weightsFor(tensors, density);
  const vectors = tensors.map((tensor, i) => sparsify(difference(tensor, base), densities[i] ?? 1, i));
  const mixed = combine(vectors, (entries) => mix(entries, weights, consensus, normalize));
  return plusScaled(base, scale, mixed);
}

/** Sums of weights nearer to 0 than this do not divide. */
const tiny = 1e-8;

function mix(entries: Float64Array, weights: readonly number[], consensus: boolean, normalize: boolean): number {
  const weighted = entries.map((x, i) => (weights[i] ?? 0) * x);
  const total = weighted.reduce((sum, x) => sum + x, 0);
  const sign = total >= 0 ? 1 : -1;
  const agrees = weighted.map((x) => Number(!consensus || Math.sign(x) === sign));
  const sum = weighted.reduce((s, x, i) => s + x * (agrees[i] ?? 0), 0);
  if (!normalize) return sum;
  const divisor = agrees.reduce((s, m, i) => s + m * (weights[i] ?? 0), 0);
  return Math.abs(divisor) < tiny ? sum : sum / divisor;
}
