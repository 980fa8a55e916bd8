/** diag(d) as an operator. */
import { type LinearOperator, positiveSemidefinite, type Vector } from "@hessonite/core";

export function diagonalMetric(diagonal: Vector): LinearOperator {
  const self: LinearOperator = {
    name: "diagonal",
    shape: [diagonal.length, diagonal.length],
    structure: positiveSemidefinite,
    adjoint: () => self,
    apply: async (v) => v.map((x, k) => x * (diagonal[k % diagonal.length] ?? 0)),
    exact: { diagonal: () => diagonal, trace: () => diagonal.reduce((sum, x) => sum + x, 0) },
  };
  return self;
}
