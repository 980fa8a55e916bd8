/** Pieces of a pruning result that the terminal and the report both show. */
import type { MethodResult } from "@hessonite/prune";

export type Point = MethodResult["points"][number];

/** The level to use; where none is within the drop, the first. */
export function chosenOf({ points, chosen }: MethodResult): { readonly point: Point; readonly kept: boolean } {
  const point = points[chosen ?? 0];
  if (!point) throw new Error("internal: a method without levels");
  return { point, kept: chosen !== null };
}

/** `95.0 %` */
export function asPercent(share: number): string {
  return `${(100 * share).toFixed(Math.abs(share) < 0.01 && share !== 0 ? 2 : 1)} %`;
}
