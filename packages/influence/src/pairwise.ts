/**
 * The influence of every training row on every query.
 *
 *     score(q, i) = (1/N) · g_qᵀ (H + δ)⁻¹ g_i
 *
 * positive where removing row i raises the query's loss: removal moves the parameters by + H⁻¹ g_i / N. (Up-weighting a row
 * has the opposite sign.) The training data go by once for all queries.
 *
 * Source: Grosse et al. (2023), Studying large language model generalization with influence functions, arXiv:2308.03296.
 */
import {
  type BlockVectors,
  exampleProducts,
  type NumericArray,
  type Problem,
  type ProductsOptions,
} from "@hessonite/core";
import { type Aggregation, aggregated } from "./aggregate.ts";
import { isExact } from "./choices.ts";
import type { Curvature } from "./curvature.ts";
import { type ResolvedDamping, resolveDamping } from "./damping.ts";
import { requireFiniteScores } from "./finiteScores.ts";
import { inverseFilter } from "./inverseFilter.ts";
import { type BatchKeeper, keptBatches, type WantedBatches } from "./keptBatches.ts";
import { lowRank } from "./lowRank.ts";
import { type Prepared, type PreparedBatch, queryVectors, requireSameSpace } from "./queryVectors.ts";
import { collectScores } from "./sinks/collectScores.ts";
import type { ScoreSlice } from "./sinks/sink.ts";
import { type SolveOptions, systemsOf } from "./solvedVectors.ts";
import type { SolveReport } from "./solveReport.ts";

export interface PairwiseOptions extends SolveOptions {
  /** The sum over blocks, each block apart, or each position of the training row apart; "sum" unless said. */
  readonly detail?: "sum" | "module" | "token";
  /** Queries apart, or as one; "none" unless said. */
  readonly aggregate?: Aggregation;
  /** Approximates each query's matrices by this rank; exact unless said. */
  readonly queryRank?: number;
  /** Which training batches; all unless said. */
  readonly batches?: ProductsOptions["batches"];
}

/** Keep what is made on the way, so that a run that was stopped goes on. */
export interface PairwiseKeepers {
  /** Vectors of a batch of queries. */
  readonly queries?: BatchKeeper<PreparedBatch> | undefined;
  /** The vector of all of them as one. */
  readonly aggregate?: { load(): Promise<Prepared | undefined>; save(prepared: Prepared): Promise<void> } | undefined;
  /** Scores of a batch of training rows. */
  readonly slices?: BatchKeeper<ScoreSlice> | undefined;
}

export interface PairwiseRun {
  readonly queries: number;
  readonly damping: ResolvedDamping;
  /** How well the systems were solved; with `ggn` and `block-ggn`. */
  readonly solve?: SolveReport;
  /** Scores as training batches go by. */
  slices(): AsyncGenerator<ScoreSlice>;
}

/** Preconditions the queries; scores come from `slices`. */
export async function pairwiseRun(
  curvature: Curvature,
  { train, query }: { readonly train: Problem; readonly query: Problem },
  options: PairwiseOptions = {},
  keepers: PairwiseKeepers = {},
): Promise<PairwiseRun> {
  requireSameSpace(train, query);
  const { raw = false, detail = "sum", signal } = options;
  const damping = await resolveDamping(curvature, options.damping);
  const shapes = curvature.blocks.map((block) => block.shape);
  const { vectors, solve } = await preconditioned(curvature, { train, query }, damping, options, keepers);
  const factor = raw ? 1 : 1 / curvature.rows;
  return {
    queries: vectors.count,
    damping,
    ...(solve && { solve }),
    slices: () => keptBatches(train, compute, keepers.slices, options.batches),
  };

  async function* compute(batches: WantedBatches): AsyncGenerator<ScoreSlice> {
    const products = exampleProducts(train, shapes, vectors, {
      by: detail === "token" ? "position" : "row",
      sumBlocks: detail !== "module",
      batches,
      ...(signal && { signal }),
    });
    for await (const { firstRow, rows, positions, products: found } of products) {
      const scores = factor === 1 ? found : found.map((data) => data.map((x) => factor * x) as NumericArray);
      scores.forEach((data) => requireFiniteScores(data, { queries: vectors.count, rows, positions, firstRow }));
      options.onProgress?.({ stage: "scores", done: firstRow + rows, total: train.survey.rows });
      yield { firstRow, rows, positions, scores };
    }
  }
}

/** (H + δ)⁻¹ g_q, queries as one where that is asked for, of low rank likewise. */
async function preconditioned(
  curvature: Curvature,
  { train, query }: { readonly train: Problem; readonly query: Problem },
  damping: ResolvedDamping,
  options: PairwiseOptions,
  { queries: keeper, aggregate: whole }: PairwiseKeepers,
): Promise<Prepared> {
  const { strategy, blocks } = curvature;
  const { inversion = "tikhonov", aggregate = "none", queryRank, signal, onProgress } = options;
  const shapes = blocks.map((block) => block.shape);
  await using systems = isExact(strategy) ? systemsOf(curvature, train, damping, options) : undefined;
  const finish = async (vectors: BlockVectors): Promise<Prepared> => {
    const solved: Prepared = systems ? await systems.solve(vectors) : { vectors };
    return queryRank === undefined ? solved : { ...solved, vectors: await lowRank(solved.vectors, shapes, queryRank) };
  };
  const filters =
    systems || strategy === "identity"
      ? undefined
      : blocks.map((block, i) => inverseFilter(block, damping.blocks[i]!.damping, inversion));
  const common = { filters, keeper, signal, onProgress };
  if (aggregate === "none") return queryVectors(query, shapes, { ...common, finish });
  const before = await whole?.load();
  if (before) return before;
  const each = await queryVectors(query, shapes, { ...common, finish: async (vectors) => ({ vectors }) });
  const prepared = await finish(aggregated(each.vectors, aggregate));
  await whole?.save(prepared);
  return prepared;
}

export interface PairwiseScores {
  readonly queries: number;
  readonly rows: number;
  readonly positions: number;
  /** `[queries, rows, positions]`: one, or one for each module. */
  readonly scores: readonly Float64Array[];
  /** Names of the modules, with detail "module". */
  readonly modules?: readonly string[];
  readonly damping: ResolvedDamping;
  readonly solve?: SolveReport;
}

/** All scores in memory; rows of batches that were not asked for are 0. */
export async function pairwiseScores(
  curvature: Curvature,
  problems: { readonly train: Problem; readonly query: Problem },
  options: PairwiseOptions = {},
): Promise<PairwiseScores> {
  const { rows } = problems.train.survey;
  const run = await pairwiseRun(curvature, problems, options);
  const collected = collectScores(run.queries, rows);
  for await (const slice of run.slices()) collected.add(slice);
  const { positions, scores } = collected.result();
  const modules = options.detail === "module" ? { modules: curvature.blocks.map(({ shape }) => shape.name) } : {};
  return {
    queries: run.queries,
    rows,
    positions,
    scores,
    ...modules,
    damping: run.damping,
    ...(run.solve && { solve: run.solve }),
  };
}
