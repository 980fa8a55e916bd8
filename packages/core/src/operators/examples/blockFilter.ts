/**
 * A function of a block's curvature, applied to gradients: a diagonal in an orthonormal basis.
 *
 *     M ↦ Q_G ((Q_Gᵀ M Q_A) ⊙ W) Q_Aᵀ        W [out, in], e.g. 1/(λ + δ)
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Dtype } from "../../ir/dtype.ts";
import type { InputValue, Value } from "../../ir/graph.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { Matrix } from "../../linalg/matrix.ts";
import type { ExampleSides } from "./exampleSides.ts";
import { exampleMatrices } from "./exampleSides.ts";

export interface BlockFilter {
  /** Bases of the two sides; a side without one is its own. */
  readonly qg?: Matrix;
  readonly qa?: Matrix;
  /** W; all ones unless given. */
  readonly weights?: Matrix;
}

/** The inputs of a program that a filter takes, and their values. */
export interface FilterInputs {
  readonly qg?: InputValue;
  readonly qa?: InputValue;
  readonly weights?: InputValue;
}

const parts = ["qg", "qa", "weights"] as const;

/** An input for each part that the filter has, named `filter <block> <part>`. */
export function filterInputs(g: GraphBuilder, filter: BlockFilter, block: number, dtype: Dtype): FilterInputs {
  return Object.fromEntries(
    parts.flatMap((part) => {
      const m = filter[part];
      return m ? [[part, g.input(nameOf(block, part), dtype, [m.rows, m.columns])]] : [];
    }),
  );
}

/** The values of all filters' inputs by name. */
export function filterValues(filters: readonly BlockFilter[]): Map<string, Tensor> {
  return new Map(
    filters.flatMap((filter, block) =>
      parts.flatMap((part): [string, Tensor][] => {
        const m = filter[part];
        return m ? [[nameOf(block, part), { dtype: "float64", shape: [m.rows, m.columns], data: m.data }]] : [];
      }),
    ),
  );
}

/** Which parts each filter has: programs of the same form are shared. */
export function filterForm(filters: readonly BlockFilter[]): string {
  return filters.map((filter) => parts.map((part) => (filter[part] ? part[0] : "-")).join("")).join(" ");
}

const nameOf = (block: number, part: string): string => `filter ${block} ${part}`;

/** The filtered gradient of each row, `[batch, out, in]`. */
export function filteredMatrices(g: GraphBuilder, sides: ExampleSides, filter: FilterInputs): Value {
  const inside = weighted(g, exampleMatrices(g, rotated(g, sides, filter)), filter);
  const { qg, qa } = filter;
  const left = qg ? g.matmul(g.unsqueeze(qg, 0), inside) : inside;
  return qa ? g.matmul(left, g.transpose(qa)) : left;
}

/** Σ W ⊙ (Q_Gᵀ M Q_A)² of each row, `[batch]`: the squared length of a row's gradient in the filter's metric. */
export function filteredSquares(g: GraphBuilder, sides: ExampleSides, filter: FilterInputs): Value {
  const turned = rotated(g, sides, filter);
  const { vectors, inputs } = turned;
  const [batch, shared, out] = vectors.shape as [number, number, number];
  if (inputs && shared === 1 && filter.weights) {
    // (g aᵀ)² = g² (a²)ᵀ: no matrix of a row is formed.
    const a2 = g.square(g.reshape(inputs, [batch, inputs.shape.at(-1)!]));
    const g2 = g.square(g.reshape(vectors, [batch, out]));
    return g.sum(g.mul(g.matmul(g2, filter.weights), a2), [1]);
  }
  return g.sum(weighted(g, g.square(exampleMatrices(g, turned)), filter), [1, 2]);
}

/** Both sides in the filter's basis: rotating them costs less than rotating their products. */
function rotated(g: GraphBuilder, { vectors, inputs }: ExampleSides, { qg, qa }: FilterInputs): ExampleSides {
  const turn = (x: Value, q: Value | undefined): Value => (q ? g.matmul(x, q) : x);
  return { vectors: turn(vectors, qg), ...(inputs ? { inputs: turn(inputs, qa) } : {}) };
}

function weighted(g: GraphBuilder, m: Value, { weights }: FilterInputs): Value {
  return weights ? g.mul(m, weights) : m;
}
