/**
 * What every layer sees of every example, for the gradient of the example's own loss.
 *
 *     ∇_n W = Σ_s g_{n,s} a_{n,s}ᵀ        g = ∂(Σ_t s_t ℓ_t)/∂z
 *
 * One backward pass serves a whole batch, as rows do not depend on each other.
 */
import { gradient } from "../../autodiff/pullBack.ts";
import { type GraphBuilder, graphOf } from "../../ir/builder.ts";
import type { Dtype } from "../../ir/dtype.ts";
import { type Graph, type InputValue, reachable, type Value } from "../../ir/graph.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { PreparedBatch } from "../batches.ts";
import type { Binding } from "../binding.ts";
import type { BlockShape } from "../factors/blocks.ts";
import { blockSides } from "../factors/gradientMatrices.ts";
import { sharedPositions } from "../factors/sides.ts";
import type { SeenLayer } from "../factors/statistics.ts";
import { lossFeeds } from "../feeds.ts";
import { captureLayers } from "../layers/capture.ts";
import { inDtype, productDtype } from "../smallProducts.ts";

/** Both sides of a block: `g [batch, shared, out]`; `a [batch, shared, in]`, absent for a vector. */
export interface ExampleSides {
  readonly vectors: Value;
  readonly inputs?: Value;
}

/**
 * What each block's products are computed in.
 *
 * @param perRow Multiplications for a row of a block whose layer sees so many positions in it.
 */
export function exampleDtypes(
  binding: Binding,
  blocks: readonly BlockShape[],
  perRow: (block: BlockShape, positions: number) => number,
): Dtype[] {
  const positions = captureLayers(binding).map(sharedPositions);
  return blocks.map((block) =>
    productDtype(binding.rows * perRow(block, positions[block.layer]!), binding.prediction.dtype),
  );
}

/** The sides of each block, in the blocks' order, each in its dtype. */
export function exampleSides(
  binding: Binding,
  blocks: readonly BlockShape[],
  dtypes: readonly Dtype[],
): ExampleSides[] {
  const { g, loss } = binding;
  const layers = captureLayers(binding);
  const taps = [...new Set(layers.flatMap((layer) => layer.uses.map((use) => use.tap)))];
  const slopes = new Map(gradient(g, loss, taps).map((ct, i) => [taps[i]!, ct]));
  const seen = layers.map(
    (layer): SeenLayer => ({
      layer,
      uses: layer.uses.map((use) => ({ use, vectors: g.unsqueeze(use.gradient(g, slopes.get(use.tap)!), 0) })),
    }),
  );
  return blocks.map((block, i) => {
    const { vectors, inputs } = blockSides(g, block, seen[block.layer]!);
    const wanted = (x: Value): Value => inDtype(g, x, dtypes[i]!);
    return {
      vectors: wanted(g.reshape(vectors, vectors.shape.slice(1))),
      ...(inputs ? { inputs: wanted(inputs) } : {}),
    };
  });
}

/** M = Σ_s g aᵀ of each row: `[batch, out, in]`; a vector's is `[batch, out, 1]`. */
export function exampleMatrices(g: GraphBuilder, { vectors, inputs }: ExampleSides): Value {
  const [batch, shared, out] = vectors.shape as [number, number, number];
  if (!inputs) return g.reshape(shared === 1 ? vectors : g.sum(vectors, [1]), [batch, out, 1]);
  if (shared === 1) return g.mul(g.reshape(vectors, [batch, out, 1]), inputs);
  return g.matmul(g.transpose(vectors), inputs);
}

/** The graph of `outputs`, which see data, target, weights, parameters and `extra`. */
export function exampleGraph(
  { inputs, target, weights, parameters }: Binding,
  outputs: readonly Value[],
  extra: readonly InputValue[],
): Graph {
  const needed = new Set<Value>(reachable(outputs));
  const all = [...inputs.values(), target, weights, ...extra, ...parameters];
  return graphOf(
    all.filter((input) => needed.has(input)),
    outputs,
  );
}

/** Feeds of a program that was made by `exampleGraph`, without its extra inputs. */
export function exampleGraphFeeds(binding: Binding, batch: PreparedBatch, graph: Graph): Map<InputValue, Tensor> {
  const taken = new Set(graph.inputs);
  return new Map([...lossFeeds(binding, batch)].filter(([input]) => taken.has(input)));
}
