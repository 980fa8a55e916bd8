/**
 * A matrix Q with orthonormal columns, dense or the Kronecker product of two: what eigendecomposed operators turn by.
 *
 *     (A ⊗ B) vec(V) = vec(A V Bᵀ)      V: [a, b], vec row by row
 */
import { type Matrix, matmulAside } from "../linalg/matrix.ts";
import type { Vector } from "./linearOperator.ts";

export interface OrthonormalColumns {
  /** n, entries of a column. */
  readonly rows: number;
  /** r ≤ n. */
  readonly columns: number;
  /** Q c for each of k rows c. */
  forward(c: Vector, k: number): Promise<Vector>;
  /** Qᵀ v for each of k rows v. */
  back(v: Vector, k: number): Promise<Vector>;
  /** Σ_j Q_ij² x_j */
  squaredTimes(x: Vector): Promise<Vector>;
}

/** The columns of Q. */
export function denseColumns(q: Matrix): OrthonormalColumns {
  const { rows, columns } = q;
  return {
    rows,
    columns,
    forward: async (c, k) => (await matmulAside({ rows: k, columns, data: c }, q, { flip: { b: true } })).data,
    back: async (v, k) => (await matmulAside({ rows: k, columns: rows, data: v }, q)).data,
    squaredTimes: async (x) =>
      (await matmulAside({ rows: 1, columns, data: x }, squares(q), { flip: { b: true } })).data,
  };
}

/** The columns of A ⊗ B. */
export function kroneckerColumns(a: Matrix, b: Matrix): OrthonormalColumns {
  return {
    rows: a.rows * b.rows,
    columns: a.columns * b.columns,
    forward: (c, k) => kroneckerRows(a, b, c, k, "forward"),
    back: (v, k) => kroneckerRows(a, b, v, k, "back"),
    squaredTimes: (x) => kroneckerRows(squares(a), squares(b), x, 1, "forward"),
  };
}

/** (A ⊗ B) v, or with the factors transposed ("back"), for each of k rows v: vec(A V Bᵀ). */
export async function kroneckerRows(
  a: Matrix,
  b: Matrix,
  v: Vector,
  k: number,
  direction: "forward" | "back",
): Promise<Vector> {
  const forward = direction === "forward";
  const [fromA, toA] = forward ? [a.columns, a.rows] : [a.rows, a.columns];
  const [fromB, toB] = forward ? [b.columns, b.rows] : [b.rows, b.columns];
  const right = await matmulAside({ rows: k * fromA, columns: fromB, data: v }, b, { flip: { b: forward } });
  const result = new Float64Array(k * toA * toB);
  for (let i = 0; i < k; i++) {
    const block = right.data.subarray(i * fromA * toB, (i + 1) * fromA * toB);
    const left = await matmulAside(a, { rows: fromA, columns: toB, data: block }, { flip: { a: !forward } });
    result.set(left.data, i * toA * toB);
  }
  return result;
}

function squares(m: Matrix): Matrix {
  return { ...m, data: m.data.map((x) => x * x) };
}
