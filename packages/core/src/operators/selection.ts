/**
 * The choice of entries: S v = (v[i₀], v[i₁], …). Its transpose puts entries back, zeros elsewhere.
 *
 *     S A Sᵀ is the principal submatrix of A on the indices; Sᵀ B S is B on these entries of a longer vector
 */
import { UsageError } from "../errors.ts";
import type { LinearOperator } from "./linearOperator.ts";
import { makeOperator } from "./makeOperator.ts";

/**
 * @param indices Of a vector of `n` entries, in the order wanted, each at most once. Not copied.
 * @throws {UsageError} if an index is out of range or comes twice.
 */
export function selection(indices: ArrayLike<number>, n: number, name = "S"): LinearOperator {
  const chosen = Int32Array.from(indices);
  requireDistinct(chosen, n, name);
  const count = chosen.length;
  const whole = count === n; // a permutation
  return makeOperator({
    name,
    shape: [count, n],
    structure: {
      selfAdjoint: false,
      positiveSemidefinite: false,
      selects: true,
      ...(whole && { orthonormalColumns: true }),
    },
    transposedStructure: { selfAdjoint: false, positiveSemidefinite: false, selects: true, orthonormalColumns: true },
    multiply(v, k) {
      const result = new Float64Array(k * count);
      for (let i = 0; i < k; i++) chosen.forEach((from, to) => (result[i * count + to] = v[i * n + from] ?? 0));
      return result;
    },
    multiplyTransposed(u, k) {
      const result = new Float64Array(k * n);
      for (let i = 0; i < k; i++) chosen.forEach((to, from) => (result[i * n + to] = u[i * count + from] ?? 0));
      return result;
    },
    exact: { squaredFrobeniusNorm: () => count },
  });
}

function requireDistinct(indices: Int32Array, n: number, name: string): void {
  const seen = new Uint8Array(n);
  for (const [at, index] of indices.entries()) {
    if (index >= 0 && index < n && seen[index] === 0) {
      seen[index] = 1;
      continue;
    }
    throw new UsageError(`Cannot select entries by ${name} as an index is out of range or comes twice`, {
      at: `position ${at}`,
      expected: `each of 0 to ${n - 1} at most once`,
      found: index,
    });
  }
}
