/**
 * The linear datamodeling score: do summed scores predict what happens when the model is trained on subsets?
 *
 *     LDS = mean over queries of Spearman(− Σ_{i ∈ S} score(q, i), loss of q after training on S)        over subsets S
 *
 * Source: Park, Georgiev, Ilyas, Leclerc, Madry (2023), TRAK: attributing model behavior at scale, arXiv:2303.14186.
 */
import { MismatchError } from "@hessonite/core";
import { type BootstrapOptions, bootstrap, type Resampled } from "./bootstrap.ts";
import { correlation, ranksOf } from "./rankCorrelation.ts";

/** What happened when the model was trained again. */
export interface Retraining {
  readonly subsets: number;
  readonly rows: number;
  /** `[subsets, rows]`, not 0 for a row that was trained on. */
  readonly masks: ArrayLike<number>;
  readonly seeds: number;
  readonly queries: number;
  /** `[seeds, subsets, queries]` */
  readonly losses: ArrayLike<number>;
}

export interface DatamodelingScore {
  readonly score: number;
  readonly perQuery: Float64Array;
  /** Queries drawn again. */
  readonly overQueries: Resampled;
  /** Subsets drawn again. */
  readonly overSubsets: Resampled;
  /** What a perfect predictor would be expected to reach, given how seeds differ; absent with one seed. */
  readonly ceiling?: Ceiling;
}

export interface Ceiling {
  /** Mean correlation of two seeds' losses. */
  readonly betweenSeeds: number;
  /** Of the mean over seeds, by Spearman and Brown. */
  readonly reliability: number;
  /** √reliability */
  readonly score: number;
}

/**
 * @param scores `[queries, rows]`, positive where removing the row raises the query's loss.
 * @throws {MismatchError} if scores and masks do not fit together.
 */
export function datamodelingScore(
  scores: ArrayLike<number>,
  truth: Retraining,
  options: BootstrapOptions = {},
): DatamodelingScore {
  const { subsets, queries, rows, seeds } = truth;
  if (scores.length !== queries * rows) {
    throw new MismatchError("Cannot evaluate the scores as they do not fit the retrained losses", {
      expected: `${queries} queries × ${rows} rows`,
      found: `${scores.length} scores`,
    });
  }
  const predicted = predictions(scores, truth);
  const actual = Array.from({ length: queries }, (_, q) => meanLosses(truth, q));
  const all = Int32Array.from({ length: subsets }, (_, s) => s);
  const perQueryOn = (parts: Int32Array): Float64Array =>
    Float64Array.from({ length: queries }, (_, q) =>
      correlation(ranksOf(at(predicted[q]!, parts)), ranksOf(at(actual[q]!, parts))),
    );
  const perQuery = perQueryOn(all);
  return {
    score: meanOf(perQuery),
    perQuery,
    overQueries: bootstrap(queries, (parts) => meanOf(at(perQuery, parts)), options),
    overSubsets: bootstrap(subsets, (parts) => meanOf(perQueryOn(parts)), { resamples: 200, ...options }),
    ...(seeds > 1 && { ceiling: ceilingOf(truth) }),
  };
}

const at = (values: ArrayLike<number>, parts: Int32Array): Float64Array => Float64Array.from(parts, (i) => values[i]!);
const meanOf = (values: Float64Array): number => values.reduce((sum, x) => sum + x, 0) / values.length;

/** − Σ_{i ∈ S} score(q, i) for each query and subset. */
function predictions(scores: ArrayLike<number>, { subsets, queries, rows, masks }: Retraining): Float64Array[] {
  return Array.from({ length: queries }, (_, q) =>
    Float64Array.from({ length: subsets }, (__, s) => {
      let sum = 0;
      for (let i = 0; i < rows; i++) if (masks[s * rows + i]) sum -= scores[q * rows + i]!;
      return sum;
    }),
  );
}

function meanLosses(truth: Retraining, q: number): Float64Array {
  const { subsets, seeds } = truth;
  return Float64Array.from({ length: subsets }, (_, s) => {
    let sum = 0;
    for (let seed = 0; seed < seeds; seed++) sum += lossAt(truth, seed, s, q);
    return sum / seeds;
  });
}

function lossAt({ losses, subsets, queries }: Retraining, seed: number, subset: number, query: number): number {
  return losses[(seed * subsets + subset) * queries + query]!;
}

function ceilingOf(truth: Retraining): Ceiling {
  const { seeds, queries, subsets } = truth;
  const one = (seed: number, q: number): Float64Array =>
    ranksOf(Float64Array.from({ length: subsets }, (_, s) => lossAt(truth, seed, s, q)));
  let sum = 0;
  let pairs = 0;
  for (let q = 0; q < queries; q++) {
    const ranks = Array.from({ length: seeds }, (_, seed) => one(seed, q));
    for (let a = 0; a < seeds; a++) {
      for (let b = 0; b < a; b++, pairs++) sum += correlation(ranks[a]!, ranks[b]!);
    }
  }
  const betweenSeeds = sum / pairs;
  const reliability = (seeds * betweenSeeds) / (1 + (seeds - 1) * betweenSeeds);
  return { betweenSeeds, reliability, score: Math.sqrt(Math.max(0, reliability)) };
}
