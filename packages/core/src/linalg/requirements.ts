/** What Krylov methods ask of an operator and of their vectors. */
import { MismatchError, UsageError } from "../errors.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";

/** @throws {UsageError} unless A = Aᵀ is known. */
export function requireSelfAdjoint(a: LinearOperator, action: string): void {
  if (!a.structure.selfAdjoint) {
    throw new UsageError(`Cannot ${action} on ${a.name} as it is not known to be self-adjoint`, {
      try: "LSMR for a general operator, or an operator whose structure says selfAdjoint",
    });
  }
}

/** The side of a square operator that `k` rows of `vectors` fit. */
export function requireStart(a: LinearOperator, vectors: Float64Array, k: number): number {
  const [rows, n] = a.shape;
  if (rows !== n) {
    throw new MismatchError(`Cannot iterate on ${a.name} as it is not square`, { found: `${rows} × ${n}` });
  }
  return requireRows(a, vectors, k, n);
}

/** @throws {MismatchError} unless `vectors` holds `k` rows of `n` entries. */
export function requireRows(a: LinearOperator, vectors: Float64Array, k: number, n: number): number {
  if (vectors.length !== k * n) {
    throw new MismatchError(`Cannot iterate on ${a.name} as the vectors do not have its length`, {
      expected: `${k} × ${n} entries`,
      found: vectors.length,
    });
  }
  return n;
}
