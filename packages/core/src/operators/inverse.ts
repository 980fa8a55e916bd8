/**
 * (A + δ I)⁻¹ as an operator: by what A knows of itself, else by an iterative method.
 *
 * Scalings, damping by `sum`, block-diagonal operators, isometric congruences, Kronecker products, eigendecompositions,
 * diagonals and low rank plus diagonal know their inverse, and pass the question on to their parts.
 */
import { type IterativeInverseOptions, iterativeInverse, requireDamping } from "./iterativeInverse.ts";
import type { DampingRule, LinearOperator } from "./linearOperator.ts";
import { requireSquare } from "./makeOperator.ts";

export interface InverseOptions extends IterativeInverseOptions {
  /** How Kronecker products within A are damped; "exact" unless said. */
  readonly rule?: DampingRule;
}

/**
 * @throws {MismatchError} unless A is square.
 * @throws {UsageError} if the damping is negative, or A is singular and knows it.
 *
 * @example
 * ```ts
 * const a = lowRankPlusDiagonal({ diagonal: Float64Array.of(1, 1), directions: fromRows([[1, 1]]) });
 * const x = await (await inverse(a)).apply(Float64Array.of(3, 3)); // A = [[2, 1], [1, 2]]
 * expect(x[0]).toBeCloseTo(1);
 * ```
 */
export async function inverse(a: LinearOperator, options: InverseOptions = {}): Promise<LinearOperator> {
  const { rule, ...iterative } = options;
  const { damping = 0, method } = iterative;
  requireSquare(a, "invert");
  requireDamping(a, damping);
  if (method === undefined && a.exact?.inverse) return a.exact.inverse(damping, rule);
  return iterativeInverse(a, iterative);
}
