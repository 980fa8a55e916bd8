/** diag(d), known by its entries. */
import { diagonalMatrix } from "../linalg/matrix.ts";
import { dot, sum } from "../linalg/vector.ts";
import { type LinearOperator, positiveSemidefinite, selfAdjoint, type Vector } from "./linearOperator.ts";
import { makeOperator } from "./makeOperator.ts";
import { logAbsSum, raised } from "./spectrum.ts";

/** @param entries The diagonal; not copied, and not to be changed. */
export function diagonal(entries: Vector, name = "diagonal"): LinearOperator {
  const n = entries.length;
  return makeOperator({
    name,
    shape: [n, n],
    structure: entries.every((x) => x >= 0) ? positiveSemidefinite : selfAdjoint,
    multiply: (v) => v.map((x, at) => x * (entries[at % n] ?? 0)),
    exact: {
      trace: () => sum(entries),
      diagonal: () => entries.slice(),
      squaredFrobeniusNorm: () => dot(entries, entries),
      logDeterminant: (damping) => logAbsSum(entries, damping),
      inverse: (damping) => diagonal(raised(entries, -1, damping, name), `${name}⁻¹`),
      power: (power, damping) => diagonal(raised(entries, power, damping, name), `${name}^${power}`),
      eigenvalues: () => entries.slice(),
      dense: () => diagonalMatrix(entries).data,
    },
  });
}
