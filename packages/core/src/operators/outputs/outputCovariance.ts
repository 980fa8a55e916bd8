/**
 * The covariance of every row's prediction where the weights have a covariance Σ:
 *
 *     J_n Σ J_nᵀ [C, C],   J_n = ∂f_n/∂θ [C, P]
 *
 * Σ is blockDiagonal((Q_G ⊗ Q_A) diag(W) (Q_G ⊗ Q_A)ᵀ), or R Rᵀ with a dense root R.
 *
 * In the first case and with one position a row no Jacobian is formed: J's block is g_c aᵀ for each output c, so that with g̃ = Q_Gᵀ g, ã = Q_Aᵀ a
 *
 *     (J Σ Jᵀ)_{cd} = Σ_o g̃_{c,o} g̃_{d,o} (W ã²)_o
 */
import { pullBack } from "../../autodiff/pullBack.ts";
import { dense } from "../../autodiff/rule.ts";
import { vmap } from "../../autodiff/vmap.ts";
import { type GraphBuilder, graphOf } from "../../ir/builder.ts";
import { type Graph, type InputValue, reachable, type Value } from "../../ir/graph.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { NumericArray, Tensor } from "../../ir/tensor.ts";
import { type Matrix, matrix } from "../../linalg/matrix.ts";
import type { Binding } from "../binding.ts";
import {
  type BlockFilter,
  type FilterInputs,
  filterForm,
  filterInputs,
  filterValues,
} from "../examples/blockFilter.ts";
import { eachBatch } from "../examples/eachBatch.ts";
import type { BlockShape } from "../factors/blocks.ts";
import { type BlockSides, blockSides, gradientMatrices } from "../factors/gradientMatrices.ts";
import type { SeenLayer } from "../factors/statistics.ts";
import { dataFeeds } from "../feeds.ts";
import { captureLayers } from "../layers/capture.ts";
import type { Problem } from "../problem.ts";

export interface OutputCovariances {
  /** Number of the first of these rows among all rows. */
  readonly firstRow: number;
  readonly rows: number;
  /** C, entries of a row's prediction. */
  readonly outputs: number;
  /** `[rows, C]` */
  readonly predictions: NumericArray;
  /** `[rows, C, C]` */
  readonly covariances: NumericArray;
}

/** Σ: bases and W of each block, the weights' variances in them; or R `[P, P']`, rows in the space's order. */
export type WeightCovariance = { readonly filters: readonly BlockFilter[] } | { readonly root: Matrix };

/**
 * Predictions and their covariances in the data's order, a batch at a time. Neither loss nor target is involved.
 *
 * Cost: C pull-backs of each batch, and the rotations.
 */
export async function* outputCovariances(
  problem: Problem,
  blocks: readonly BlockShape[],
  covariance: WeightCovariance,
  { signal }: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<OutputCovariances> {
  const { values, form } = covarianceForm(blocks, covariance);
  const name = `output covariance ${blocks.map((block) => block.name).join(" ")} ${form}`;
  const outputs = sizeOf(problem.survey.binding.prediction.shape.slice(1));
  yield* eachBatch(problem, signal, async (batch) => {
    const binding = problem.bind(batch);
    const program = await problem.program(binding, name, () => covarianceGraph(binding, blocks, covariance));
    const known = dataFeeds(binding, batch);
    const feeds = new Map(
      program.graph.inputs.flatMap((input): [InputValue, Tensor][] => {
        const value = known.get(input) ?? values.get(input.name);
        return value ? [[input, value]] : []; // parameters are in the program already
      }),
    );
    const [f, v] = await program.run(feeds, {
      lane: batch.index % problem.engine.lanes,
      ...(signal ? { signal } : {}),
    });
    const { rows, firstRow } = batch;
    return {
      firstRow,
      rows,
      outputs,
      predictions: f!.data.subarray(0, rows * outputs),
      covariances: v!.data.subarray(0, rows * outputs * outputs),
    };
  });
}

function covarianceGraph(binding: Binding, blocks: readonly BlockShape[], covariance: WeightCovariance): Graph {
  const { prediction, inputs, parameters } = binding;
  const { value, extra } = outputCovariance(binding, blocks, covariance);
  const outputs = [prediction, value];
  const needed = new Set<Value>(reachable(outputs));
  const all = [...inputs.values(), ...extra, ...parameters];
  return graphOf(
    all.filter((input) => needed.has(input)),
    outputs,
  );
}

const rootName = "root of the weights' covariance";

/** The values that a covariance feeds by input name, and what distinguishes programs. */
export function covarianceForm(
  blocks: readonly BlockShape[],
  covariance: WeightCovariance,
): { readonly values: ReadonlyMap<string, Tensor>; readonly form: string } {
  if ("filters" in covariance) {
    return { values: filterValues(covariance.filters), form: filterForm(covariance.filters) };
  }
  const { rows, columns, data } = inBlocks(blocks, covariance.root);
  return { values: new Map([[rootName, { dtype: "float64", shape: [rows, columns], data }]]), form: `root ${columns}` };
}

/** R with its rows in the blocks' order. */
function inBlocks(blocks: readonly BlockShape[], { columns, data }: Matrix): Matrix {
  const order = blocks.flatMap(({ index }) => Array.from(index));
  const out = matrix(order.length, columns);
  order.forEach((row, i) => {
    out.data.set(data.subarray(row * columns, (row + 1) * columns), i * columns);
  });
  return out;
}

/** J Σ Jᵀ of every row, `[batch, C, C]`, and the inputs that Σ is fed by. */
export function outputCovariance(
  binding: Binding,
  blocks: readonly BlockShape[],
  covariance: WeightCovariance,
): { readonly value: Value; readonly extra: readonly InputValue[] } {
  const { g, prediction } = binding;
  const layers = outputLayers(binding);
  const sides = blocks.map((block) => blockSides(g, block, layers[block.layer]!));
  if ("filters" in covariance) {
    const taken = covariance.filters.map((filter, i) => filterInputs(g, filter, i, prediction.dtype));
    const parts = sides.map((side, i) => blockCovariance(g, side, taken[i]!));
    const extra = taken.flatMap((one) => Object.values(one) as InputValue[]);
    return { value: parts.reduce((sum, part) => g.add(sum, part)), extra };
  }
  const size = blocks.reduce((sum, { index }) => sum + index.length, 0);
  const root = g.input(rootName, prediction.dtype, [size, covariance.root.columns]);
  const jacobian = g.concat(
    sides.map((side) => flatJacobian(g, side)),
    2,
  );
  const rooted = g.matmul(jacobian, root);
  return { value: g.matmul(rooted, g.transpose(rooted)), extra: [root] };
}

/** What the layers see when each output is pulled back by itself: vectors `[C, batch, shared, groups, out]`. */
function outputLayers(binding: Binding): SeenLayer[] {
  const { g, prediction, rows } = binding;
  const perRow = prediction.shape.slice(1);
  const count = sizeOf(perRow);
  const unit = g.input("unit", prediction.dtype, [1, ...perRow]);
  const layers = captureLayers(binding);
  const taps = [...new Set(layers.flatMap((layer) => layer.uses.map((use) => use.tap)))];
  const pulled = pullBack(g, [prediction], [g.expand(unit, [rows, ...perRow])], taps);
  const cotangents = new Map(taps.map((tap, i) => [tap, dense(g, pulled[i], tap)]));
  const single = layers.flatMap((layer) => layer.uses.map((use) => use.gradient(g, cotangents.get(use.tap)!)));
  const eye = Float64Array.from({ length: count * count }, (_, i) => Number(i % (count + 1) === 0));
  const units = g.constantTensor({ dtype: prediction.dtype, shape: [count, 1, ...perRow], data: eye });
  const stacked = vmap(g, single, new Map<Value, Value>([[unit, units]]), count);
  let next = 0;
  return layers.map((layer) => ({ layer, uses: layer.uses.map((use) => ({ use, vectors: stacked[next++]! })) }));
}

/** One block's part, `[batch, C, C]`. */
function blockCovariance(g: GraphBuilder, { vectors, inputs }: BlockSides, { qg, qa, weights }: FilterInputs): Value {
  const turn = (x: Value, q: Value | undefined): Value => (q ? g.matmul(x, q) : x);
  const v = turn(vectors, qg);
  const [c, batch, shared, out] = v.shape as [number, number, number, number];
  const a = inputs && turn(inputs, qa);
  if (!a || shared > 1) {
    const width = a?.shape.at(-1) ?? 1;
    const j = flatJacobian(g, a ? { vectors: v, inputs: a } : { vectors: v });
    return quadratic(g, j, weights ? g.reshape(weights, [1, out * width]) : undefined);
  }
  const squares = g.square(g.reshape(a, [batch, a.shape.at(-1)!]));
  const perOut = weights ? g.matmul(squares, g.transpose(weights)) : g.expand(g.sum(squares, [1], true), [batch, out]);
  return quadratic(g, rowsFirst(g, g.reshape(v, [c, batch, out])), perOut);
}

/** A block's part of J, `[batch, C, out · in]`. */
function flatJacobian(g: GraphBuilder, sides: BlockSides): Value {
  const [c, batch] = sides.vectors.shape as [number, number];
  const matrices = gradientMatrices(g, sides);
  return rowsFirst(g, g.reshape(matrices, [c, batch, sizeOf(matrices.shape.slice(1))]));
}

/** `[C, batch, n]` → `[batch, C, n]` */
const rowsFirst = (g: GraphBuilder, x: Value): Value => g.transpose(x, [1, 0, 2]);

/** J diag(w) Jᵀ for J `[batch, C, n]`, w `[batch, n]` or `[1, n]`. */
function quadratic(g: GraphBuilder, j: Value, w: Value | undefined): Value {
  return g.matmul(w ? g.mul(j, g.unsqueeze(w, 1)) : j, g.transpose(j));
}
