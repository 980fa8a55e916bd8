/** Output Hessians that are diagonal: their factors as numbers, and as nodes of a graph. */
import { type Loss, type Matrix, matrix } from "@hessonite/core";

export type Builder = Parameters<Loss["terms"]>[0];
export type Value = Parameters<Loss["terms"]>[1];

/** diag(√h) `[C, C]` */
export function rootOfDiagonal(h: Float64Array): Matrix {
  const c = h.length;
  return matrix(
    c,
    c,
    Float64Array.from({ length: c * c }, (_, i) => (i % (c + 1) === 0 ? Math.sqrt(h[i % c]!) : 0)),
  );
}

/** The columns `[C, …]` of a diagonal factor with these entries. */
export function columns(g: Builder, entries: Value): Value {
  const c = entries.shape.length > 1 ? entries.shape.at(-1)! : 1;
  const eye = Float64Array.from({ length: c * c }, (_, i) => Number(i % (c + 1) === 0));
  const shape = entries.shape.length > 1 ? [c, ...entries.shape.slice(0, -1).map(() => 1), c] : [1, 1];
  return g.mul(g.constantTensor({ dtype: entries.dtype, shape, data: eye }), g.unsqueeze(entries, 0));
}
