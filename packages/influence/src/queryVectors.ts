/** (H + δ)⁻¹ g_q of every query, block by block, a batch of queries at a time. */
import {
  type BlockFilter,
  type BlockShape,
  type BlockVectors,
  exampleGradientBlocks,
  MismatchError,
  type NumericArray,
  type Problem,
} from "@hessonite/core";
import { requireLabels } from "./curvature.ts";
import { type BatchKeeper, keptBatches, type WantedBatches } from "./keptBatches.ts";
import type { CurvatureOptions } from "./options.ts";
import { type SolveReport, worstOf } from "./solveReport.ts";

/** @throws {MismatchError} unless queries and training data are asked of the same parameters. */
export function requireSameSpace(train: Problem, query: Problem): void {
  const [a, b] = [train, query].map(({ space }) =>
    space.parameters.map(({ name, shape }) => `${name}[${shape}]`).join(" "),
  );
  if (a === b) return;
  throw new MismatchError("Cannot score queries as they are asked of other parameters than the training data", {
    expected: a!,
    found: b!,
  });
}

/** Vectors of some queries, and how well systems were solved for them. */
export interface Prepared {
  readonly vectors: BlockVectors;
  readonly solve?: SolveReport;
}

export interface PreparedBatch extends Prepared {
  /** Number of the first of these queries. */
  readonly firstRow: number;
}

export interface QueryOptions {
  /** Of the gradients; gradients as they are unless given. */
  readonly filters: readonly BlockFilter[] | undefined;
  /** What becomes of a batch's vectors. */
  finish(vectors: BlockVectors): Promise<Prepared>;
  readonly keeper?: BatchKeeper<PreparedBatch> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: CurvatureOptions["onProgress"];
}

/** All queries' vectors, `[Q, out, in]` for each block, or of low rank. */
export async function queryVectors(
  query: Problem,
  blocks: readonly BlockShape[],
  { filters, finish, keeper, signal, onProgress }: QueryOptions,
): Promise<Prepared> {
  requireLabels(query);
  const { rows } = query.survey;
  const options = { ...(filters && { filters }), ...(signal && { signal }) };
  async function* compute(batches: WantedBatches): AsyncGenerator<PreparedBatch> {
    for await (const batch of exampleGradientBlocks(query, blocks, { ...options, batches })) {
      const prepared = await finish({ count: batch.rows, blocks: batch.blocks });
      onProgress?.({ stage: "queries", done: batch.firstRow + batch.rows, total: rows });
      yield { firstRow: batch.firstRow, ...prepared };
    }
  }
  const all: NumericArray[] = [];
  const solves: SolveReport[] = [];
  let ranks: BlockVectors["ranks"];
  for await (const { firstRow, vectors, solve } of keptBatches(query, compute, keeper)) {
    vectors.blocks.forEach((data, i) => {
      const size = data.length / vectors.count;
      all[i] ??= sameKind(data, rows * size);
      all[i]!.set(data as never, firstRow * size);
    });
    ranks = vectors.ranks;
    if (solve) solves.push(solve);
  }
  return {
    vectors: { count: rows, blocks: all, ...(ranks && { ranks }) },
    ...(solves.length > 0 && { solve: worstOf(solves) }),
  };
}

function sameKind(data: NumericArray, length: number): NumericArray {
  return data instanceof Float64Array ? new Float64Array(length) : new Float32Array(length);
}
