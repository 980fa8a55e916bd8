/**
 * A weight as two thin matrices, by the curvature of what it feeds.
 *
 *     minimise ½ tr(G Δ A Δᵀ),  Δ = W − L R,  L [out, r], R [r, in]
 *
 * In the basis where the quadratic is round, M = G^½ᵀ W A^½ with G = G^½ G^½ᵀ and A likewise, the best L R keeps the r largest
 * singular directions, and the loss is half the sum of the other squared singular values. EigenDamage prunes columns of the core
 * Q_Gᵀ W Q_A in the Kronecker factors' eigenbasis, which leaves two thin matrices too; of all of that rank these cost least.
 *
 * Sources: Wang, Grosse, Fidler & Zhang (2019), EigenDamage, arXiv:1905.05934; Eckart & Young (1936).
 */
import {
  choleskySync,
  eigh,
  gram,
  type Matrix,
  matmul,
  matrix,
  solveTriangular,
  transposeMatrix,
} from "@hessonite/core";

export interface LowRank {
  /** Loss at each rank, from 0 to min(out, in). */
  readonly losses: Float64Array;
  /** L and R of a rank. */
  cut(rank: number): { readonly left: Matrix; readonly right: Matrix };
}

/**
 * @param a Second moment of the inputs `[in, in]`, positive definite.
 * @param g That of the gradients by the outputs `[out, out]`; 2I, the squared error, unless given.
 *
 * Cost: the eigendecomposition of the smaller side, and its products with W.
 */
export async function lowRank(w: Matrix, a: Matrix, g?: Matrix, signal?: AbortSignal): Promise<LowRank> {
  const rootG = g ? choleskySync(g).lower : undefined;
  const weighted = rootG ? matmul(rootG, w, { a: true }) : scaledBy(w, Math.SQRT2);
  const rootA = choleskySync(a).lower;
  const m = matmul(weighted, rootA);
  const byRows = w.rows <= w.columns;
  const { values, vectors } = await eigh(gram(m, { of: byRows ? "rows" : "columns" }), signal ? { signal } : {});
  return {
    losses: fromLargest(values),
    cut(rank) {
      const u = last(vectors, rank);
      if (byRows) {
        // L = G^-½ᵀ U,  R = Uᵀ G^½ᵀ W
        const left = rootG ? solveTriangular(rootG, u, { transposed: true }) : scaledBy(u, 1 / Math.SQRT2);
        return { left, right: matmul(u, weighted, { a: true }) };
      }
      // L = W A^½ V,  R = Vᵀ A^-½
      const right = transposeMatrix(solveTriangular(rootA, u, { transposed: true }));
      return { left: matmul(w, matmul(rootA, u)), right };
    },
  };
}

/** Half the sum of all but the r largest, for each r. @param values Ascending squares. */
function fromLargest(values: Float64Array): Float64Array {
  const count = values.length;
  const losses = new Float64Array(count + 1);
  let sum = 0;
  for (let k = 0; k < count; k++) {
    sum += Math.max(0, values[k]!) / 2;
    losses[count - 1 - k] = sum;
  }
  return losses;
}

function scaledBy(m: Matrix, factor: number): Matrix {
  return { ...m, data: m.data.map((v) => factor * v) };
}

/** The last columns. */
function last(m: Matrix, count: number): Matrix {
  const found = matrix(m.rows, count);
  for (let r = 0; r < m.rows; r++)
    found.data.set(m.data.subarray((r + 1) * m.columns - count, (r + 1) * m.columns), r * count);
  return found;
}
