/** An operator as a plain function, for solvers that take one. */
import type { LinearOperator, Vector } from "./linearOperator.ts";

/**
 * v ↦ A v, of any array of numbers; the result is the caller's.
 *
 * @example
 * ```ts
 * const times = toFunction(diagonal(Float64Array.of(1, 2)));
 * expect([...(await times([3, 4]))]).toEqual([3, 8]);
 * ```
 */
export function toFunction(a: LinearOperator): (v: ArrayLike<number>) => Promise<Vector> {
  return (v) => a.apply(Float64Array.from(v));
}
