/**
 * The influence of every training row on its own loss.
 *
 *     self(i) = (1/N) · g_iᵀ (H + δ)⁻¹ g_i
 *
 * Large for rows that the model could not have known from the others: a mislabelled row is one of them.
 */
import { exampleGradientBlocks, exampleGradientSquares, type NumericArray, type Problem } from "@hessonite/core";
import { isExact } from "./choices.ts";
import type { Curvature } from "./curvature.ts";
import { type ResolvedDamping, resolveDamping } from "./damping.ts";
import { requireFiniteScores } from "./finiteScores.ts";
import { inverseFilter } from "./inverseFilter.ts";
import { type BatchKeeper, keptBatches, type WantedBatches } from "./keptBatches.ts";
import type { ScoreOptions } from "./options.ts";
import { systemsOf } from "./solvedVectors.ts";

export interface SelfInfluence {
  /** `[rows]` */
  readonly scores: Float64Array;
  /** For each block `[rows]`. */
  readonly modules: readonly { readonly name: string; readonly scores: Float64Array }[];
  readonly damping: ResolvedDamping;
}

/** g_iᵀ (H + δ)⁻¹ g_i of the rows of a batch, for each block. */
export interface Squares {
  readonly firstRow: number;
  readonly blocks: readonly NumericArray[];
}

export async function selfInfluence(
  curvature: Curvature,
  train: Problem,
  options: ScoreOptions = {},
  keeper?: BatchKeeper<Squares>,
): Promise<SelfInfluence> {
  const { raw = false } = options;
  const damping = await resolveDamping(curvature, options.damping);
  const { rows } = train.survey;
  const factor = raw ? 1 : 1 / curvature.rows;
  const modules = curvature.blocks.map(({ shape }) => ({ name: shape.name, scores: new Float64Array(rows) }));
  const squares = isExact(curvature.strategy) ? solvedSquares : filteredSquares;
  async function* compute(batches: WantedBatches): AsyncGenerator<Squares> {
    for await (const slice of squares(curvature, train, damping, options, batches)) {
      options.onProgress?.({ stage: "self-influence", done: slice.firstRow + slice.blocks[0]!.length, total: rows });
      yield slice;
    }
  }
  for await (const { firstRow, blocks } of keptBatches(train, compute, keeper)) {
    blocks.forEach((data, i) => {
      modules[i]!.scores.set(
        Float64Array.from(data, (x) => factor * x),
        firstRow,
      );
    });
  }
  const scores = new Float64Array(rows).map((_, row) => modules.reduce((sum, module) => sum + module.scores[row]!, 0));
  requireFiniteScores(scores, { queries: 1, rows, positions: 1, firstRow: 0 });
  return { scores, modules, damping };
}

async function* filteredSquares(
  { blocks }: Curvature,
  train: Problem,
  damping: ResolvedDamping,
  { inversion = "tikhonov", signal }: ScoreOptions,
  batches: WantedBatches,
): AsyncGenerator<Squares> {
  const filters = blocks.map((block, i) => inverseFilter(block, damping.blocks[i]!.damping, inversion));
  yield* exampleGradientSquares(
    train,
    blocks.map(({ shape }) => shape),
    { filters, batches, ...(signal && { signal }) },
  );
}

/** One system a row: for small data. */
async function* solvedSquares(
  curvature: Curvature,
  train: Problem,
  damping: ResolvedDamping,
  options: ScoreOptions,
  batches: WantedBatches,
): AsyncGenerator<Squares> {
  const shapes = curvature.blocks.map(({ shape }) => shape);
  await using systems = systemsOf(curvature, train, damping, options);
  for await (const { firstRow, rows, blocks } of exampleGradientBlocks(train, shapes, { batches })) {
    const { vectors } = await systems.solve({ count: rows, blocks });
    yield {
      firstRow,
      blocks: blocks.map((data, i) => {
        const size = shapes[i]!.index.length;
        return new Float64Array(rows).map((_, row) => {
          let sum = 0;
          for (let k = row * size; k < (row + 1) * size; k++) sum += data[k]! * vectors.blocks[i]![k]!;
          return sum;
        });
      }),
    };
  }
}
