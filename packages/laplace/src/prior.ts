/**
 * The prior: θ ~ N(0, D⁻¹) with D diagonal, one precision for all weights, for each layer, or for each weight.
 */
import { UsageError } from "@hessonite/core";

export const priorKinds = ["scalar", "layerwise", "diagonal"] as const;
export type PriorKind = (typeof priorKinds)[number];

/** The group of weights that are certain: those outside a subnetwork. */
export const certain = -1;

/** Groups of weights that share a precision. */
export interface PriorGroups {
  readonly kind: PriorKind;
  /** Number of its group for each of the P weights, or `certain`. */
  readonly group: Int32Array;
  /** Weights in each group. */
  readonly sizes: Float64Array;
}

/** A prior that fits a posterior: its groups, and the precision of each. */
export interface Prior {
  readonly groups: PriorGroups;
  /** One a group, each > 0. */
  readonly precision: Float64Array;
}

/** Groups from each weight's group number. */
export function groupsOf(kind: PriorKind, group: Int32Array): PriorGroups {
  const count = group.reduce((most, g) => Math.max(most, g + 1), 0);
  const sizes = new Float64Array(count);
  for (const g of group) if (g !== certain) sizes[g]! += 1;
  return { kind, group, sizes };
}

/** @throws {UsageError} unless there is one positive, finite precision a group. */
export function priorOf(groups: PriorGroups, precision: number | ArrayLike<number>): Prior {
  const given =
    typeof precision === "number"
      ? new Float64Array(groups.sizes.length).fill(precision)
      : Float64Array.from(precision);
  if (given.length !== groups.sizes.length) {
    throw new UsageError("Cannot use a prior as the number of its precisions is not that of the groups of weights", {
      at: `${groups.kind} prior`,
      expected: groups.sizes.length,
      found: given.length,
    });
  }
  const bad = given.findIndex((x) => !(x > 0 && Number.isFinite(x)));
  if (bad >= 0) {
    throw new UsageError("Cannot use a prior as a precision is not positive", {
      at: `${groups.kind} prior, group ${bad}`,
      expected: "a finite number above 0",
      found: given[bad]!,
    });
  }
  return { groups, precision: given };
}

/** D, one entry a weight; infinite where it is certain. */
export function precisions({ groups, precision }: Prior): Float64Array {
  return Float64Array.from(groups.group, (g) => (g === certain ? Number.POSITIVE_INFINITY : precision[g]!));
}

/** log det D */
export function logDeterminantOf({ groups, precision }: Prior): number {
  return precision.reduce((sum, x, g) => sum + groups.sizes[g]! * Math.log(x), 0);
}

/** Σ_{i in g} x_i for each group. */
export function sumByGroup({ group, sizes }: PriorGroups, x: Float64Array): Float64Array {
  const sums = new Float64Array(sizes.length);
  group.forEach((g, i) => {
    if (g !== certain) sums[g]! += x[i]!;
  });
  return sums;
}

/** @throws {UsageError} if a structure has no posterior for priors of this kind: one precision a weight needs full or diagonal. */
export function requirePriorKind(kind: PriorKind, allowed: readonly PriorKind[], structure: string): void {
  if (allowed.includes(kind)) return;
  throw new UsageError(`Cannot take a ${kind} prior as a ${structure} posterior has none`, {
    expected: `a ${allowed.join(" or ")} prior`,
    found: kind,
    try: kind === "diagonal" ? "a full or diagonal posterior" : "a scalar prior",
  });
}
