/** Σ_i w_i A_i of operators of one shape, and one of them confined to some entries. */
import { type LinearOperator, positiveSemidefinite, type Vector } from "../operators/linearOperator.ts";

/** Positive semidefinite if all weights are ≥ 0 and all operators are. */
export function weightedOperators(
  operators: readonly LinearOperator[],
  weights: readonly number[],
  name: string,
): LinearOperator {
  const shape = operators[0]!.shape;
  const self: LinearOperator = {
    name,
    shape,
    structure: positiveSemidefinite,
    adjoint: () => self,
    async apply(v, options) {
      const total = new Float64Array(v.length);
      for (const [i, operator] of operators.entries()) {
        const part = await operator.apply(v, options);
        for (let k = 0; k < total.length; k++) total[k]! += weights[i]! * part[k]!;
      }
      return total;
    },
  };
  return self;
}

/** M A M with M the diagonal of `mask` (0 or 1): entries that are masked out are neither read nor written. */
export function confined(a: LinearOperator, mask: Uint8Array | undefined): LinearOperator {
  if (!mask) return a;
  const self: LinearOperator = {
    ...a,
    adjoint: () => self,
    apply: async (v, options) => masked(await a.apply(masked(v, mask), options), mask),
  };
  return self;
}

/** v with masked entries 0, a new vector. */
export function masked(v: Vector, mask: Uint8Array | undefined): Vector {
  return mask ? v.map((x, k) => (mask[k % mask.length] ? x : 0)) : v;
}
