/**
 * Products of every example's gradient with given vectors, without forming the gradients where that can be avoided.
 *
 *     D[q, n] = ⟨M_q, ∇_n⟩ = Σ_s g_{n,s}ᵀ M_q a_{n,s}        block by block, M_q [out, in]
 *
 * The data go by once for all vectors. With one position a row the cheapest of three orders is taken: (gᵀ M) a, g (M a), or
 * the row's gradient itself; with several, a row's gradient is formed, or each position is kept apart on demand.
 */
import type { Feed, Resident } from "../../engine/engine.ts";
import { UsageError } from "../../errors.ts";
import type { GraphBuilder } from "../../ir/builder.ts";
import { costOf } from "../../ir/cost.ts";
import type { Dtype } from "../../ir/dtype.ts";
import type { Graph, InputValue, Value } from "../../ir/graph.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { NumericArray } from "../../ir/tensor.ts";
import type { Binding } from "../binding.ts";
import type { BlockShape } from "../factors/blocks.ts";
import type { Problem } from "../problem.ts";
import { inDtype } from "../smallProducts.ts";
import { eachBatch, type WantedBatches } from "./eachBatch.ts";
import {
  type ExampleSides,
  exampleDtypes,
  exampleGraph,
  exampleGraphFeeds,
  exampleMatrices,
  exampleSides,
} from "./exampleSides.ts";

export interface ProductsOptions {
  /** A number a row, or one for each of its positions; "row" unless said. */
  readonly by?: "row" | "position";
  /** Blocks apart, or their sum; apart unless said. */
  readonly sumBlocks?: boolean;
  /** Which batches: a shard, or what was not done before; all unless said. */
  readonly batches?: WantedBatches;
  readonly signal?: AbortSignal;
}

export interface ExampleProducts {
  /** Number of the first of these rows among all rows. */
  readonly firstRow: number;
  readonly rows: number;
  /** Positions a row; 1 for products by row. */
  readonly positions: number;
  /** For each block (one, with `sumBlocks`) `[vectors, rows, positions]`. */
  readonly products: readonly NumericArray[];
}

/** K vectors block by block: `[K, out, in]` each, or of low rank. */
export interface BlockVectors {
  readonly count: number;
  readonly blocks: readonly NumericArray[];
  /** For each block r, where it holds `[K, r, out + in]`, the columns u and v side by side; null where it holds matrices. */
  readonly ranks?: readonly (number | null)[];
}

/**
 * @throws {UsageError} with `by: "position"`, if the blocks' layers see different numbers of positions.
 *
 * Cost: one gradient of each batch, and 2·K·P multiplications a row (a position, where each is kept apart).
 */
export async function* exampleProducts(
  problem: Problem,
  blocks: readonly BlockShape[],
  vectors: BlockVectors,
  { by = "row", sumBlocks = false, batches, signal }: ProductsOptions = {},
): AsyncGenerator<ExampleProducts> {
  const plan = planFor(problem, blocks, vectors, { by, sumBlocks });
  const atOnce = vectorsAtOnce(problem, plan, vectors.count);
  const parts = blocks.map(({ name }, i) => `${name} ${plan.ranks[i] ?? ""} ${plan.dtypes[i]}`);
  const name = `example products ${by} ${sumBlocks} ${atOnce} ${parts}`;
  const held = await hold(problem, plan, vectors, atOnce);
  try {
    yield* eachBatch(
      problem,
      signal,
      async (batch) => {
        const binding = problem.bind(batch);
        const lane = batch.index % problem.engine.lanes;
        const program = await problem.program(binding, name, () => productGraph(binding, plan, atOnce));
        const feeds = exampleGraphFeeds(binding, batch, program.graph);
        const chunks: NumericArray[][] = [];
        for (const residents of held[lane]!) {
          const all = new Map<InputValue, Feed>(feeds);
          for (const input of program.graph.inputs) {
            const block = vectorInputs(blocks).indexOf(input.name);
            if (block >= 0) all.set(input, residents[block]!);
          }
          const tensors = await program.run(all, { lane, ...(signal ? { signal } : {}) });
          chunks.push(tensors.map(({ data }) => data));
        }
        const shape = program.graph.outputs[0]!.shape;
        const positions = by === "position" ? shape[2]! : 1;
        const products = program.graph.outputs.map((_, i) =>
          gathered(
            chunks.map((chunk) => chunk[i]!),
            { count: vectors.count, atOnce, padded: shape[1]!, rows: batch.rows, positions },
          ),
        );
        return { firstRow: batch.firstRow, rows: batch.rows, positions, products };
      },
      batches,
    );
  } finally {
    await problem.engine.release(held.flat(2));
  }
}

interface Plan {
  readonly blocks: readonly BlockShape[];
  readonly by: "row" | "position";
  readonly sumBlocks: boolean;
  readonly ranks: readonly (number | null)[];
  /** What each block's products are computed in. */
  readonly dtypes: readonly Dtype[];
}

function planFor(
  { survey }: Problem,
  blocks: readonly BlockShape[],
  { count, ranks = blocks.map(() => null) }: BlockVectors,
  { by, sumBlocks }: Pick<Plan, "by" | "sumBlocks">,
): Plan {
  const dtypes = exampleDtypes(
    survey.binding,
    blocks,
    ({ out, in: width }, positions) => (count + positions) * out * width,
  );
  return { blocks, by, sumBlocks, ranks, dtypes };
}

/** Of one of a block's vectors, as it is stored. */
function vectorShape({ blocks, ranks }: Plan, block: number): readonly [number, number] {
  const { out, in: width } = blocks[block]!;
  const rank = ranks[block];
  return typeof rank === "number" ? [rank, out + width] : [out, width];
}

const vectorInputs = (blocks: readonly BlockShape[]): string[] => blocks.map((_, i) => `vectors of block ${i}`);

/** Products for `k` vectors: `[k, batch]`, or `[k, batch, shared]`, for each block or their sum. */
function productGraph(binding: Binding, plan: Plan, k: number): Graph {
  const { g, prediction } = binding;
  const { blocks, by, sumBlocks, ranks, dtypes } = plan;
  const inputs = blocks.map((_, i) => g.input(vectorInputs(blocks)[i]!, dtypes[i]!, [k, ...vectorShape(plan, i)]));
  const sides = exampleSides(binding, blocks, dtypes);
  if (by === "position") requireSamePositions(blocks, sides);
  const apart = sides.map((side, i) => {
    if (ranks[i] !== null) return ofLowRank(g, side, inputs[i]!, by);
    return by === "row" ? byRow(g, side, inputs[i]!) : byPosition(g, side, inputs[i]!);
  });
  const widest = dtypes.includes("float64") ? "float64" : prediction.dtype;
  const outputs = sumBlocks
    ? [apart.map((one) => inDtype(g, one, widest)).reduce((sum, one) => g.add(sum, one))]
    : apart;
  return exampleGraph(binding, outputs, inputs);
}

/** `[K, batch]` */
function byRow(g: GraphBuilder, sides: ExampleSides, m: Value): Value {
  const [k, out, width] = m.shape as [number, number, number];
  const [batch, shared] = sides.vectors.shape as [number, number];
  const whole = shared > 1 || !sides.inputs || out * width <= 4 * k * Math.min(out, width);
  if (!whole) return g.reshape(byPosition(g, sides, m), [k, batch]);
  const rows = g.reshape(exampleMatrices(g, sides), [batch, out * width]);
  return g.matmul(g.reshape(m, [k, out * width]), g.transpose(rows));
}

/** `[K, batch, shared]` */
function byPosition(g: GraphBuilder, { vectors, inputs }: ExampleSides, m: Value): Value {
  const [k, out, width] = m.shape as [number, number, number];
  const [batch, shared] = vectors.shape as [number, number];
  const v = g.reshape(vectors, [batch * shared, out]);
  if (!inputs) return g.reshape(g.matmul(g.reshape(m, [k, out]), g.transpose(v)), [k, batch, shared]);
  const a = g.reshape(inputs, [batch * shared, width]);
  const products =
    out >= width
      ? g.mul(g.matmul(g.unsqueeze(v, 0), m), g.unsqueeze(a, 0)) // (gᵀ M) a
      : g.mul(g.matmul(g.unsqueeze(a, 0), g.transpose(m)), g.unsqueeze(v, 0)); // g (M a)
  return g.reshape(g.sum(products, [2]), [k, batch, shared]);
}

/** Σ_r (gᵀu_r)(v_rᵀa): `[K, batch]`, or `[K, batch, shared]` by position. */
function ofLowRank(g: GraphBuilder, { vectors, inputs }: ExampleSides, uv: Value, by: Plan["by"]): Value {
  const [k, rank, length] = uv.shape as [number, number, number];
  const [batch, shared, out] = vectors.shape as [number, number, number];
  const along = (side: Value, start: number, size: number): Value => {
    const columns = g.reshape(g.narrow(uv, 2, start, size), [k * rank, size]);
    const products = g.matmul(g.reshape(side, [batch * shared, size]), g.transpose(columns));
    return g.reshape(products, [batch, shared, k, rank]);
  };
  const ones = g.fill(1, vectors.dtype, [batch, shared, 1]);
  const both = g.mul(along(vectors, 0, out), along(inputs ?? ones, out, length - out));
  return by === "row" ? g.transpose(g.sum(both, [1, 3])) : g.transpose(g.sum(both, [3]), [2, 0, 1]);
}

function requireSamePositions(blocks: readonly BlockShape[], sides: readonly ExampleSides[]): void {
  const positions = sides.map(({ vectors }) => vectors.shape[1]!);
  const other = positions.findIndex((n) => n !== positions[0]);
  if (other < 0) return;
  throw new UsageError("Cannot tell positions apart as the layers see different numbers of them", {
    at: blocks[other]!.name,
    expected: `${positions[0]} (as ${blocks[0]!.name})`,
    found: positions[other]!,
    try: "ask for products by row, or leave the layer out of the parameters",
  });
}

/** As many vectors as fit into half of the memory together with what their products need. */
function vectorsAtOnce(problem: Problem, plan: Plan, wanted: number): number {
  const size = plan.blocks.reduce((sum, _, i) => sum + sizeOf(vectorShape(plan, i)), 0);
  const bytes = (k: number): number => costOf(productGraph(problem.survey.binding, plan, k)).peakBytes + k * size * 4;
  let k = wanted;
  while (k > 1 && bytes(k) > problem.memory / 2) k = Math.ceil(k / 2);
  return k;
}

/** The vectors on every lane, in chunks of `atOnce`; the last one filled up with zeros. `[lane][chunk][block]` */
async function hold(
  { engine, survey }: Problem,
  plan: Plan,
  { count, blocks: data }: BlockVectors,
  atOnce: number,
): Promise<Resident[][][]> {
  const lanes = Math.min(engine.lanes, survey.batches);
  const chunks = Array.from({ length: Math.ceil(count / atOnce) }, (_, i) => i * atOnce);
  const chunk = (first: number, block: number): NumericArray => {
    const size = sizeOf(vectorShape(plan, block));
    const piece = data[block]!.slice(first * size, (first + atOnce) * size);
    if (piece.length === atOnce * size) return piece;
    const filled = new Float64Array(atOnce * size);
    filled.set(piece);
    return filled;
  };
  return Promise.all(
    Array.from({ length: lanes }, (_, lane) =>
      Promise.all(
        chunks.map((first) =>
          Promise.all(
            plan.blocks.map((_, i) =>
              engine.upload(
                { dtype: plan.dtypes[i]!, shape: [atOnce, ...vectorShape(plan, i)], data: chunk(first, i) },
                lane,
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

interface Gathering {
  readonly count: number;
  readonly atOnce: number;
  /** Rows of a padded batch. */
  readonly padded: number;
  readonly rows: number;
  readonly positions: number;
}

/** Chunks of vectors one after the other, rows without their padding. */
function gathered(
  chunks: readonly NumericArray[],
  { count, atOnce, padded, rows, positions }: Gathering,
): NumericArray {
  if (chunks.length === 1 && padded === rows) return chunks[0]!.subarray(0, sizeOf([count, rows, positions]));
  const out = new Float64Array(count * rows * positions);
  for (let q = 0; q < count; q++) {
    const from = (q % atOnce) * padded * positions;
    const chunk = chunks[Math.floor(q / atOnce)]!;
    out.set(chunk.subarray(from, from + rows * positions), q * rows * positions);
  }
  return out;
}
