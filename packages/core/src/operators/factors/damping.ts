/** Inverses of Kronecker blocks with damping, in the three forms that are in use. */
import { UsageError } from "../../errors.ts";
import { inverseSPD } from "../../linalg/cholesky.ts";
import { diagonalOf, type Matrix, matrix, plusDiagonal } from "../../linalg/matrix.ts";
import { heuristicDampings } from "../kronecker.ts";
import { type BlockAction, eigenAction, type Factor, type KroneckerBasis, kroneckerAction, outer } from "./action.ts";
import type { KroneckerBlock } from "./kroneckerFactors.ts";

/**
 * `factored`: (G + δI)⁻¹ ⊗ (A + δI)⁻¹, the same δ on both.
 * `exact`: (G ⊗ A + δI)⁻¹.
 * `heuristic`: G + (√δ/π) I and A + (√δ·π) I with π = √(mean diag A / mean diag G), each at least 1e-8.
 * A block without A is (G + δI)⁻¹ in all three.
 */
export type Damping = "factored" | "exact" | "heuristic";

/** @throws {UsageError} unless the damping is a positive number. */
export function requireDamping(damping: number): void {
  if (damping > 0 && Number.isFinite(damping)) return;
  throw new UsageError("Cannot invert with this damping as it is not a positive number", { found: damping });
}

/** One block's damped inverse. `basis` is needed for "exact" alone. */
export async function dampedInverse(
  { g, a }: KroneckerBlock,
  damping: number,
  form: Damping,
  basis: () => Promise<{ readonly basis: KroneckerBasis; readonly g: Float64Array; readonly a: Float64Array }>,
): Promise<BlockAction> {
  if (!a) return kroneckerAction(await inverseOf(g, damping), undefined);
  if (form === "exact") {
    const { basis: q, g: valuesG, a: valuesA } = await basis();
    const product = outer(valuesG, valuesA);
    return eigenAction(
      q,
      matrix(
        product.rows,
        product.columns,
        product.data.map((x) => 1 / (Math.max(x, 0) + damping)),
      ),
    );
  }
  const [onG, onA] = form === "factored" ? [damping, damping] : heuristic(g, a, damping);
  const inverseA = a instanceof Float64Array ? a.map((x) => 1 / (x + onA)) : await inverseOf(a, onA);
  return kroneckerAction(await inverseOf(g, onG), inverseA);
}

async function inverseOf(m: Matrix, damping: number): Promise<Matrix> {
  return (await inverseSPD(plusDiagonal(m, damping))).inverse;
}

function heuristic(g: Matrix, a: Factor, damping: number): [number, number] {
  const mean = (d: Float64Array): number => d.reduce((sum, x) => sum + x, 0) / d.length;
  return heuristicDampings(mean(diagonalOf(g)), mean(a instanceof Float64Array ? a : diagonalOf(a)), damping);
}
