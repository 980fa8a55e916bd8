/** The gradients of single examples block by block, as they are or filtered by a function of the curvature. */
import type { NumericArray, Tensor } from "../../ir/tensor.ts";
import type { PreparedBatch } from "../batches.ts";
import type { BlockShape } from "../factors/blocks.ts";
import type { Problem } from "../problem.ts";
import {
  type BlockFilter,
  filteredMatrices,
  filteredSquares,
  filterForm,
  filterInputs,
  filterValues,
} from "./blockFilter.ts";
import { eachBatch, type WantedBatches } from "./eachBatch.ts";
import { exampleDtypes, exampleGraph, exampleGraphFeeds, exampleMatrices, exampleSides } from "./exampleSides.ts";

export interface GradientBlocks {
  /** Number of the first of these rows among all rows. */
  readonly firstRow: number;
  readonly rows: number;
  /** For each block `[rows, out, in]`, row-major. */
  readonly blocks: readonly NumericArray[];
}

export interface ExamplesOptions {
  /** One a block; gradients as they are unless given. */
  readonly filters?: readonly BlockFilter[];
  /** Which batches: a shard, or what was not done before; all unless said. */
  readonly batches?: WantedBatches;
  readonly signal?: AbortSignal;
}

/**
 * Gradients of the examples' losses Σ_t s_t ℓ_t in the data's order, a batch at a time.
 *
 * Cost: one gradient of each batch, and the rotations.
 */
export async function* exampleGradientBlocks(
  problem: Problem,
  blocks: readonly BlockShape[],
  { filters, batches, signal }: ExamplesOptions = {},
): AsyncGenerator<GradientBlocks> {
  const run = filteredRun(problem, blocks, filters, "gradient blocks");
  const work = async (batch: PreparedBatch): Promise<GradientBlocks> => {
    const { rows, firstRow } = batch;
    const tensors = await run(batch, signal);
    return {
      firstRow,
      rows,
      blocks: blocks.map((block, i) => tensors[i]!.data.subarray(0, rows * block.out * block.in)),
    };
  };
  yield* eachBatch(problem, signal, work, batches);
}

export interface GradientSquares {
  readonly firstRow: number;
  readonly rows: number;
  /** For each block `[rows]`. */
  readonly blocks: readonly NumericArray[];
}

/**
 * ∇_nᵀ F ∇_n of every example and block, F the block's filter.
 *
 * Cost: one gradient of each batch, and the rotations; where a layer sees one position a row, no row's gradient is formed.
 */
export async function* exampleGradientSquares(
  problem: Problem,
  blocks: readonly BlockShape[],
  { filters, batches, signal }: ExamplesOptions = {},
): AsyncGenerator<GradientSquares> {
  const run = filteredRun(problem, blocks, filters, "gradient squares");
  const work = async (batch: PreparedBatch): Promise<GradientSquares> => {
    const { rows, firstRow } = batch;
    const tensors = await run(batch, signal);
    return { firstRow, rows, blocks: tensors.map(({ data }) => data.subarray(0, rows)) };
  };
  yield* eachBatch(problem, signal, work, batches);
}

/** A row's gradient, turned into a basis of either side and back. */
const multiplications = ({ out, in: width }: BlockShape, positions: number): number =>
  out * width * (positions + 2 * (out + width));

/** Runs one of the two programs on a batch. */
function filteredRun(
  problem: Problem,
  blocks: readonly BlockShape[],
  filters: readonly BlockFilter[] | undefined,
  what: "gradient blocks" | "gradient squares",
): (batch: PreparedBatch, signal: AbortSignal | undefined) => Promise<Tensor[]> {
  const values = filterValues(filters ?? []);
  const emit = what === "gradient blocks" ? filteredMatrices : filteredSquares;
  const name = `${what} ${blocks.map((block) => block.name).join(" ")} ${filters ? filterForm(filters) : ""}`;
  return async (batch, signal) => {
    const binding = problem.bind(batch);
    const program = await problem.program(binding, name, () => {
      const { g } = binding;
      const dtypes = exampleDtypes(binding, blocks, multiplications);
      const taken = blocks.map((_, i) => filterInputs(g, filters?.[i] ?? {}, i, dtypes[i]!));
      const outputs = exampleSides(binding, blocks, dtypes).map((sides, i) =>
        filters || what === "gradient squares" ? emit(g, sides, taken[i]!) : exampleMatrices(g, sides),
      );
      return exampleGraph(
        binding,
        outputs,
        taken.flatMap((inputs) => Object.values(inputs)),
      );
    });
    const feeds = exampleGraphFeeds(binding, batch, program.graph);
    for (const input of program.graph.inputs) {
      const value = values.get(input.name);
      if (value) feeds.set(input, value);
    }
    return program.run(feeds, { lane: batch.index % problem.engine.lanes, ...(signal ? { signal } : {}) });
  };
}
