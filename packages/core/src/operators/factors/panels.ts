/**
 * XᵀX as panels of its lower triangle: rows [from, to) of the product, columns [0, to).
 *
 * A product that is symmetric needs half of its entries; panels of a few hundred rows come near to half of the arithmetic and
 * of the memory that outputs take, at the speed of large products.
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Value } from "../../ir/graph.ts";
import { type Matrix, matrix } from "../../linalg/matrix.ts";

/** Rows of a panel, at least; fewer would run below the speed of large products. */
const leastRows = 192;
const mostPanels = 8;

export interface Panel {
  readonly from: number;
  readonly to: number;
}

export function panelsOf(n: number): Panel[] {
  const count = Math.max(1, Math.min(mostPanels, Math.floor(n / leastRows)));
  return Array.from({ length: count }, (_, i) => ({
    from: Math.round((i * n) / count),
    to: Math.round(((i + 1) * n) / count),
  }));
}

/** The panels `[G, to − from, to]` of Σ_rows x yᵀ for X, Y `[G, rows, n]` with a symmetric product. */
export function gramPanels(g: GraphBuilder, x: Value, y: Value): Value[] {
  return panelsOf(x.shape[2]!).map(({ from, to }) =>
    g.matmul(g.transpose(g.narrow(y, 2, from, to - from)), g.narrow(x, 2, 0, to)),
  );
}

/** Rows of the result that are written side by side: a line of the cache. */
const rowsAtOnce = 8;

/**
 * The symmetric matrix of one group from the sums of its panels, times `factor`.
 *
 * @param into A matrix of this size to overwrite, in place of a fresh one.
 */
export function fromPanels(
  sums: readonly Float64Array[],
  n: number,
  group: number,
  factor: number,
  into?: Matrix,
): Matrix {
  const data = into?.data.length === n * n ? into.data : new Float64Array(n * n);
  for (const [p, { from, to }] of panelsOf(n).entries()) {
    const panel = sums[p]!;
    const start = group * (to - from) * to;
    for (let top = from; top < to; top += rowsAtOnce) mirrorRows(panel, start, from, to, top, n, factor, data);
  }
  return matrix(n, n, data);
}

/** Rows `top …` of a panel that begins at `start`, to both sides of the diagonal. */
function mirrorRows(
  panel: Float64Array,
  start: number,
  from: number,
  to: number,
  top: number,
  n: number,
  factor: number,
  data: Float64Array,
): void {
  const end = Math.min(to, top + rowsAtOnce);
  for (let j = 0; j < end; j++) {
    for (let i = Math.max(top, j); i < end; i++) {
      const value = factor * panel[start + (i - from) * to + j]!;
      data[i * n + j] = value;
      data[j * n + i] = value;
    }
  }
}
