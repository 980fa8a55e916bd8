/** How well systems were solved. */
import type { Outcome } from "@hessonite/core";

export interface SolveReport {
  readonly outcome: Outcome;
  /** The most iterations of a system. */
  readonly iterations: number;
  /** The largest ‖b − (G + δ) x‖ / ‖b‖. */
  readonly residual: number;
  /** Products with G, of one vector each. */
  readonly products: number;
}

/** From best to worst. */
export const outcomes: readonly Outcome[] = ["converged", "least squares", "iteration limit", "breakdown"];

/** Of several groups of systems together. */
export function worstOf(reports: readonly SolveReport[]): SolveReport {
  const worst = (a: Outcome, b: Outcome): Outcome => (outcomes.indexOf(b) > outcomes.indexOf(a) ? b : a);
  return {
    outcome: reports.map(({ outcome }) => outcome).reduce(worst, "converged"),
    iterations: Math.max(0, ...reports.map(({ iterations }) => iterations)),
    residual: Math.max(0, ...reports.map(({ residual }) => residual)),
    products: reports.reduce((sum, { products }) => sum + products, 0),
  };
}
