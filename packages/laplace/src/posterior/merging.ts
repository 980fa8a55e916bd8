/** What curvatures of two parts of the data must have in common to be added up. */
import { MismatchError } from "@hessonite/core";
import type { Curvature, StructureName } from "./posterior.ts";

/** @throws {MismatchError} unless the other is of this structure. */
export function requireSameStructure(structure: StructureName, other: Curvature): void {
  if (other.structure === structure) return;
  throw new MismatchError("Cannot merge posteriors as their structures differ", {
    expected: structure,
    found: other.structure,
  });
}

/** Entry by entry. */
export function added(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((x, i) => x + b[i]!);
}
