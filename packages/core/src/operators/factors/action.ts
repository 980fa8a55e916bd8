/** Symmetric maps on one block's entries, seen as a matrix M `[out, in]`: what Kronecker structure makes cheap. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Value } from "../../ir/graph.ts";
import { diagonalOf, frobeniusNorm, type Matrix, matmul, matrix, trace, transpose } from "../../linalg/matrix.ts";

export interface BlockAction {
  /** M ↦ … , same shape; M is not written to. */
  apply(m: Matrix): Matrix;
  readonly trace: number;
  readonly squaredFrobeniusNorm: number;
  /** `[out, in]` */
  diagonal(): Matrix;
  /** What it is made of, by names: g, a; or qg, qa, values. */
  readonly factors: Readonly<Record<string, Factor>>;
  /** The same map as nodes of a graph: of m `[out, in]`. */
  emit(g: GraphBuilder, m: Value): Value;
}

/** A symmetric factor: dense, or diagonal. */
export type Factor = Matrix | Float64Array;

const isDiagonal = (factor: Factor): factor is Float64Array => factor instanceof Float64Array;
const traceOf = (factor: Factor): number => (isDiagonal(factor) ? factor.reduce((a, b) => a + b, 0) : trace(factor));
const squaredNormOf = (factor: Factor): number =>
  isDiagonal(factor) ? factor.reduce((sum, x) => sum + x * x, 0) : frobeniusNorm(factor) ** 2;
const diagonalOfFactor = (factor: Factor): Float64Array => (isDiagonal(factor) ? factor : diagonalOf(factor));

/** M A for symmetric A. */
function timesRight(m: Matrix, a: Factor): Matrix {
  if (!isDiagonal(a)) return matmul(m, a);
  return matrix(
    m.rows,
    m.columns,
    Float64Array.from(m.data, (x, k) => x * a[k % m.columns]!),
  );
}

/** G ⊗ A on row-major vec(M): M ↦ G M A; without A, M is a column and M ↦ G M. */
export function kroneckerAction(g: Matrix, a: Factor | undefined): BlockAction {
  const right = a ?? Float64Array.of(1);
  return {
    apply: (m) => timesRight(matmul(g, m), right),
    trace: trace(g) * traceOf(right),
    squaredFrobeniusNorm: frobeniusNorm(g) ** 2 * squaredNormOf(right),
    diagonal: () => outer(diagonalOf(g), diagonalOfFactor(right)),
    factors: { g, ...(a && { a }) },
    emit(builder, m) {
      const left = builder.matmul(constant(builder, m, g), m);
      if (!a) return left;
      return isDiagonal(a) ? builder.mul(left, constant(builder, m, a)) : builder.matmul(left, constant(builder, m, a));
    },
  };
}

/** A factor as a constant, of the type of `like`. */
function constant(g: GraphBuilder, { dtype }: Value, factor: Factor): Value {
  const shape = isDiagonal(factor) ? [factor.length] : [factor.rows, factor.columns];
  return g.constantTensor({ dtype, shape, data: isDiagonal(factor) ? factor : factor.data });
}

/** Orthonormal bases of both sides; a side without one is its own basis. */
export interface KroneckerBasis {
  readonly qg: Matrix;
  /** Absent for a vector and for a table, whose input side is diagonal already. */
  readonly qa?: Matrix;
}

/** (Q_G ⊗ Q_A) diag(λ) (Q_G ⊗ Q_A)ᵀ with λ `[out, in]`. */
export function eigenAction({ qg, qa }: KroneckerBasis, values: Matrix): BlockAction {
  const into = (m: Matrix): Matrix => {
    const left = matmul(qg, m, { a: true });
    return qa ? matmul(left, qa) : left;
  };
  const outOf = (m: Matrix): Matrix => {
    const left = matmul(qg, m);
    return qa ? matmul(left, qa, { b: true }) : left;
  };
  return {
    apply(m) {
      const inside = into(m);
      for (let k = 0; k < inside.data.length; k++) inside.data[k]! *= values.data[k]!;
      return outOf(inside);
    },
    trace: values.data.reduce((a, b) => a + b, 0),
    squaredFrobeniusNorm: values.data.reduce((sum, x) => sum + x * x, 0),
    factors: { qg, ...(qa && { qa }), values },
    emit(g, m) {
      const [left, right] = [constant(g, m, qg), qa && constant(g, m, qa)];
      const into = g.matmul(g.transpose(left), m);
      const inside = g.mul(right ? g.matmul(into, right) : into, constant(g, m, values));
      const outOf = g.matmul(left, inside);
      return right ? g.matmul(outOf, g.transpose(right)) : outOf;
    },
    diagonal() {
      // Σ_kl λ_kl Q_G[o,k]² Q_A[i,l]²
      const squared = (q: Matrix): Matrix =>
        matrix(
          q.rows,
          q.columns,
          q.data.map((x) => x * x),
        );
      const left = matmul(squared(qg), values);
      return qa ? matmul(left, transpose(squared(qa))) : left;
    },
  };
}

/** u vᵀ */
export function outer(u: Float64Array, v: Float64Array): Matrix {
  return matrix(
    u.length,
    v.length,
    Float64Array.from({ length: u.length * v.length }, (_, k) => u[Math.floor(k / v.length)]! * v[k % v.length]!),
  );
}
