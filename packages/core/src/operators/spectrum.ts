/** Functions of a spectrum that operators with known eigenvalues share. */
import { UsageError } from "../errors.ts";
import { diagonalOf, type Matrix, requireSquare, transpose } from "../linalg/matrix.ts";
import type { Vector } from "./linearOperator.ts";

/** Σ log |λ + δ| */
export function logAbsSum(values: Vector, damping: number): number {
  return values.reduce((sum, value) => sum + Math.log(Math.abs(value + damping)), 0);
}

/**
 * (λ + δ)^p for each eigenvalue.
 *
 * @throws {UsageError} if that does not exist: zero to a negative power, a negative number to a fraction.
 */
export function raised(values: Vector, power: number, damping: number, name: string): Vector {
  const result = values.map((value) => (value + damping) ** power);
  const at = result.findIndex((x) => !Number.isFinite(x));
  if (at < 0) return result;
  throw new UsageError(`Cannot raise ${name} to the power ${power} as an eigenvalue has none`, {
    found: (values[at] ?? 0) + damping,
    try:
      (values[at] ?? 0) < 0
        ? "a positive semidefinite operator, or damping above its negative eigenvalues"
        : "a positive damping",
  });
}

/** Least share of the largest |λ| at which a negative eigenvalue is no rounding. */
const roundingShare = 1e-10;

/**
 * The eigenvalues of a matrix that is meant to be semidefinite, with rounding below zero removed.
 *
 * @throws {UsageError} if one is negative beyond rounding.
 */
export function semidefinite(values: Vector, name: string): Vector {
  const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const least = values.reduce((l, x) => Math.min(l, x), 0);
  if (least < -roundingShare * largest) {
    throw new UsageError(`Cannot treat ${name} as positive semidefinite as it has a negative eigenvalue`, {
      found: least,
      "largest eigenvalue": largest,
    });
  }
  return values.map((value) => Math.max(0, value));
}

/** max |A_ij − A_ji| */
export function asymmetry(matrix: Matrix): number {
  const mirrored = transpose(matrix).data;
  return matrix.data.reduce((most, x, at) => Math.max(most, Math.abs(x - (mirrored[at] ?? 0))), 0);
}

/**
 * What can be seen of semidefiniteness without factoring: symmetry up to rounding, and no negative diagonal.
 *
 * @throws {UsageError} if the matrix cannot be semidefinite.
 */
export function requireSemidefiniteLook(matrix: Matrix, name: string): void {
  requireSquare(matrix);
  const entries = diagonalOf(matrix);
  const least = entries.reduce((l, x) => Math.min(l, x), 0);
  const largest = matrix.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const lopsided = asymmetry(matrix);
  if (lopsided > roundingShare * largest) {
    throw new UsageError(`Cannot treat ${name} as positive semidefinite as it is not symmetric`, {
      found: `a difference of ${lopsided} across the diagonal`,
      try: "½ (A + Aᵀ), if only rounding is in the way",
    });
  }
  if (least < -roundingShare * largest) {
    throw new UsageError(`Cannot treat ${name} as positive semidefinite as its diagonal has a negative entry`, {
      found: least,
    });
  }
}
