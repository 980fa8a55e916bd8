/**
 * float64 for small products, whatever the engine's precision.
 *
 * A layer that sees fewer rows than it has inputs knows directions without curvature. What lies along them is divided by the
 * damping alone, 1e-8 say: of that, float32 leaves no digit. Where there is little to multiply, float64 costs nothing that counts.
 */
import type { GraphBuilder } from "../ir/builder.ts";
import type { Dtype } from "../ir/dtype.ts";
import type { Value } from "../ir/graph.ts";

/** Multiplications up to which a product is small: a few milliseconds. */
const littleWork = 2 ** 24;

/** What to compute a product of so many multiplications in. */
export function productDtype(multiplications: number, otherwise: Dtype): Dtype {
  return multiplications <= littleWork ? "float64" : otherwise;
}

/** `x` in `dtype`; itself where it is. */
export function inDtype(g: GraphBuilder, x: Value, dtype: Dtype): Value {
  return x.dtype === dtype ? x : g.cast(x, dtype);
}
