/**
 * Predictions with uncertainty as nodes of the model's own graph: the same formulas as in predictive/, for all rows at once.
 *
 * Values are `[rows, …]`; V is J Σ Jᵀ `[rows, C, C]`, f the prediction `[rows, C]`.
 */
import type { Extension } from "@hessonite/core";

type Builder = Extension["g"];
type Value = Extension["prediction"];

/** V_cc `[rows, C]` */
export function diagonalOf(g: Builder, v: Value): Value {
  const [, c] = v.shape as [number, number, number];
  const eye = Float64Array.from({ length: c * c }, (_, i) => Number(i % (c + 1) === 0));
  return g.sum(g.mul(v, g.constantTensor({ dtype: v.dtype, shape: [1, c, c], data: eye })), [2]);
}

/** f_c / √(1 + π/8 V_cc) */
export function shrunk(g: Builder, f: Value, variance: Value): Value {
  return g.div(f, g.unary("Sqrt", g.add(g.mul(variance, Math.PI / 8), 1)));
}

export function softmax(g: Builder, logits: Value): Value {
  return g.op("Softmax", [logits], { axis: logits.shape.length - 1 });
}

/** 1/(1 + e^{−f}) */
export function sigmoid(g: Builder, f: Value): Value {
  return g.div(1, g.add(1, g.unary("Exp", g.neg(f))));
}

/** −p log p − (1 − p) log(1 − p), entry by entry. */
export function labelEntropy(g: Builder, p: Value): Value {
  const plogp = (x: Value): Value => g.mul(x, g.unary("Log", g.where(g.greater(x, 0), x, 1)));
  return g.neg(g.add(plogp(p), plogp(g.sub(1, p))));
}

/** −Σ p log p `[rows]`; 0 log 0 is 0. */
export function entropy(g: Builder, p: Value): Value {
  const log = g.unary("Log", g.where(g.greater(p, 0), p, 1));
  return g.neg(g.sum(g.mul(p, log), [1]));
}

/**
 * L with L Lᵀ = V, column by column: l = V[:, j] / √V_jj, V ← V − l lᵀ. A pivot that rounding makes negative gives a zero column.
 *
 * @returns Lᵀ `[rows, C, C]`: column j of L in row j.
 */
export function transposedRoot(g: Builder, v: Value): Value {
  const [rows, c] = v.shape as [number, number, number];
  let rest = v;
  const columns: Value[] = [];
  for (let j = 0; j < c; j++) {
    const column = g.reshape(g.narrow(rest, 2, j, 1), [rows, c]);
    const pivot = g.narrow(column, 1, j, 1);
    const positive = g.greater(pivot, 0);
    const below = Float64Array.from({ length: c }, (_, i) => Number(i >= j)); // what is above is zero but for rounding
    const mask = g.constantTensor({ dtype: v.dtype, shape: [1, c], data: below });
    const root = g.unary("Sqrt", g.where(positive, pivot, 1));
    const l = g.mul(g.where(positive, g.div(column, root), 0), mask);
    columns.push(g.unsqueeze(l, 1));
    rest = g.sub(rest, g.mul(g.unsqueeze(l, 2), g.unsqueeze(l, 1)));
  }
  return g.concat(columns, 1);
}

/**
 * Mean softmax of f + L z over the given normals and their negatives.
 *
 * @param normals `[S/2, C]`
 */
export function meanSoftmax(
  g: Builder,
  f: Value,
  v: Value,
  normals: { readonly half: number; readonly data: Float64Array },
): Value {
  const c = f.shape[1]!;
  const z = g.constantTensor({ dtype: f.dtype, shape: [1, normals.half, c], data: normals.data });
  const moved = g.matmul(z, transposedRoot(g, v)); // [rows, S/2, C]
  const centre = g.unsqueeze(f, 1);
  const sides = [g.add(centre, moved), g.sub(centre, moved)].map((draws) => g.mean(softmax(g, draws), [1]));
  return g.mul(g.add(sides[0]!, sides[1]!), 0.5);
}
