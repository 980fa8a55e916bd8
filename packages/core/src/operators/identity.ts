/** The identity on n entries. Damping is `sum(a, scale(delta, identity(n)))`. */
import type { LinearOperator } from "./linearOperator.ts";
import { makeOperator } from "./makeOperator.ts";
import { scale } from "./scale.ts";

export function identity(n: number): LinearOperator {
  const self = makeOperator({
    name: "I",
    shape: [n, n],
    structure: { selfAdjoint: true, positiveSemidefinite: true, orthonormalColumns: true, selects: true },
    multiply: (v) => v.slice(),
    exact: {
      trace: () => n,
      diagonal: () => new Float64Array(n).fill(1),
      squaredFrobeniusNorm: () => n,
      logDeterminant: (damping) => n * Math.log(1 + damping),
      inverse: (damping) => scale(1 / (1 + damping), self),
      power: (power, damping) => scale((1 + damping) ** power, self),
      eigenvalues: () => new Float64Array(n).fill(1),
      scalar: () => 1,
    },
  });
  return self;
}
