/**
 * A layer's weights rounded to a grid: each to the nearest, or one after the other with its error made up for by those still to
 * come: columns from left to right (GPTQ), or in each row the cheapest next (OBQ).
 *
 * What is exactly 0 is pruned: it stays 0, and its share of the error is passed on too.
 *
 * Source: Frantar et al. (2023), GPTQ, arXiv:2210.17323.
 */
import { type Matrix, matrix } from "@hessonite/core";
import { prepareLayer } from "../layerwise/layer.ts";
import { parsePattern, unitsOf } from "../layerwise/pattern.ts";
import { sparsegptSweep } from "../layerwise/sparsegpt.ts";
import { type Grid, gridOf, roundedTo } from "./grid.ts";
import { obqSweep } from "./obq.ts";

export const roundingOrders = ["columns", "cheapest"] as const;
export type RoundingOrder = (typeof roundingOrders)[number];

export interface RoundOptions {
  readonly bits: 4 | 8;
  /** Neighbours that share a scale; a row unless said. */
  readonly block?: number;
  /** H = 2 XᵀX / n of the inputs (layerHessian); without it each weight goes to the nearest level. */
  readonly hessian?: Matrix;
  /** Added to its diagonal, relative to its mean; 0.01 unless said, as usual for rounding. */
  readonly damping?: number;
  /** Columns unless said. */
  readonly order?: RoundingOrder;
  /** Of the columns, those that are rounded: any behind them (a bias's) stay off the grid. All unless said. */
  readonly inputs?: number;
}

export interface RoundedLayer {
  readonly grid: Grid;
  /** On the grid, but for what lies behind the inputs. */
  readonly weights: Matrix;
}

/**
 * @param layer `[out, in]`, or `[out, in + 1]` with the bias last.
 * @throws {UsageError | MismatchError} if H does not fit, or something is not finite.
 *
 * @example
 * ```ts
 * const x = fromRows([[1, 0.9], [0.9, 1], [-1, -0.8]]);
 * const { weights } = roundLayer(fromRows([[0.7, 0.31]]), { bits: 4, hessian: layerHessian(x) });
 * expect(weights.data[1]! / 0.1).toBeCloseTo(Math.round(weights.data[1]! / 0.1), 6); // levels are 0.7 / 7 apart
 * ```
 */
export function roundLayer(layer: Matrix, options: RoundOptions): RoundedLayer {
  const { bits, inputs = layer.columns, block = inputs, hessian, damping = 0.01, order = "columns" } = options;
  const grid = gridOf(firstColumns(layer, inputs), bits, block);
  const round = (weight: number, row: number, column: number): number =>
    column < inputs ? roundedTo(grid, weight, row, column) : weight;
  if (!hessian) return { grid, weights: rounded(layer, round) };
  const prepared = prepareLayer(layer, hessian, { damping });
  const gone = Uint8Array.from(layer.data, (w, at) => Number(w === 0 && at % layer.columns < inputs));
  if (order === "cheapest") return { grid, weights: obqSweep(prepared, round, gone, inputs) };
  const units = unitsOf(parsePattern("element"), layer);
  return { grid, weights: sparsegptSweep(prepared, units, { sparsity: 0, gone, round }).weights };
}

function firstColumns(m: Matrix, columns: number): Matrix {
  return matrix(
    m.rows,
    columns,
    m.data.filter((_, at) => at % m.columns < columns),
  );
}

function rounded(m: Matrix, round: (weight: number, row: number, column: number) => number): Matrix {
  return { ...m, data: m.data.map((w, at) => round(w, Math.floor(at / m.columns), at % m.columns)) };
}
