/** The gradients of one block's weight, one matrix for each pulled-back vector and row: M = Σ_s g aᵀ. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Value } from "../../ir/graph.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { Layer } from "../layers/layer.ts";
import type { BlockShape } from "./blocks.ts";
import { inputSide, joinUses, outputSide, type SideOptions } from "./sides.ts";
import type { SeenLayer } from "./statistics.ts";

/** Both sides of a block: vectors `[K, batch, shared, out]`; inputs `[batch, shared, in]`, absent for a vector. */
export interface BlockSides {
  readonly vectors: Value;
  readonly inputs?: Value;
}

/** A block over all groups of a layer sees their inputs' mean: see `FactorRequest.groups`. */
export function blockSides(g: GraphBuilder, block: BlockShape, { uses, layer }: SeenLayer): BlockSides {
  const isBias = block.kind === "vector" && layer.kind !== "vector";
  const counted = isBias ? uses.filter(({ use }) => use.bias !== undefined) : uses;
  const options: SideOptions = { averageGroups: block.group === null, joint: block.joint };
  const vectors = ofGroup(
    g,
    joinUses(
      g,
      counted.map((seen) => outputSide(g, seen, options)),
      2,
    ),
    block,
  );
  if (block.kind === "vector") return { vectors };
  const inputs =
    block.kind === "table"
      ? oneHot(
          g,
          counted.map(({ use }) => use.index!),
          layer,
          vectors.dtype,
        )
      : ofGroup(
          g,
          joinUses(
            g,
            counted.map(({ use }) => inputSide(g, use, options)),
            1,
          ),
          block,
        );
  return { vectors, inputs };
}

/** M `[K·batch, out, in]`; a vector's is `[K·batch, out, 1]`. */
export function gradientMatrices(g: GraphBuilder, { vectors, inputs }: BlockSides): Value {
  const [k, batch, shared, out] = vectors.shape as [number, number, number, number];
  if (!inputs) return g.reshape(g.sum(vectors, [2]), [k * batch, out, 1]);
  const width = inputs.shape.at(-1)!;
  const products = g.matmul(g.transpose(vectors), g.reshape(inputs, [1, batch, shared, width]));
  return g.reshape(products, [k * batch, out, width]);
}

/** One group of `[…, G, n]`, or the only one: `[…, n]`. */
function ofGroup(g: GraphBuilder, x: Value, { group }: BlockShape): Value {
  const axis = x.shape.length - 2;
  const one = g.narrow(x, axis, group ?? 0, 1);
  return g.reshape(one, [...x.shape.slice(0, axis), x.shape.at(-1)!]);
}

/** `[batch, shared, vocabulary]` */
function oneHot(g: GraphBuilder, indices: readonly Value[], layer: Layer, dtype: Value["dtype"]): Value {
  const index = joinUses(g, indices, 1);
  const counting = g.cast(g.ints(Array.from({ length: layer.in }, (_, i) => i)), index.dtype);
  return g.cast(g.equal(g.unsqueeze(index, 2), counting), dtype);
}

/** Rows of either side as one matrix. */
export function asMatrix(g: GraphBuilder, x: Value): Value {
  const width = x.shape.at(-1)!;
  return g.reshape(x, [sizeOf(x.shape) / width, width]);
}
