/** An operator under another name. */
import type { LinearOperator } from "./linearOperator.ts";

export function renamed(a: LinearOperator, name: string): LinearOperator {
  const self: LinearOperator = {
    ...a,
    name,
    apply: (v, options) => a.apply(v, options),
    adjoint: () => (a.structure.selfAdjoint ? self : a.adjoint()),
  };
  return self;
}
