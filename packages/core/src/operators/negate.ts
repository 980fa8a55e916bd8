/** −A */
import type { LinearOperator } from "./linearOperator.ts";
import { scale } from "./scale.ts";

export function negate(a: LinearOperator): LinearOperator {
  return scale(-1, a);
}
