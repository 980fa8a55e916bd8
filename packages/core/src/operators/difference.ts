/** A − B. Semidefiniteness is not known of it, whatever is known of A and B. */
import type { LinearOperator } from "./linearOperator.ts";
import { bracketed, requireSameShape } from "./makeOperator.ts";
import { negate } from "./negate.ts";
import { renamed } from "./renamed.ts";
import { sum } from "./sum.ts";

/** @throws {MismatchError} unless both have one shape. */
export function difference(a: LinearOperator, b: LinearOperator): LinearOperator {
  requireSameShape([a, b], "subtract");
  return renamed(sum(a, negate(b)), `${a.name} − ${bracketed(b.name)}`);
}
