/** What stays of an axis once channels are taken away. */
import type { Axis } from "../groups/atoms.ts";

export interface Kept {
  /** Indices that stay along an axis, ascending; null where all do. */
  indices(axis: Axis): readonly number[] | null;
  /** New length of an axis. */
  length(axis: Axis, before: number): number;
  /** True if something goes along one of the axes. */
  changes(axes: readonly Axis[]): boolean;
}

export function keptAfter(find: (atom: number) => number, removed: ReadonlySet<number>): Kept {
  const known = new Map<Int32Array, readonly number[] | null>();
  const indices = (axis: Axis): readonly number[] | null => {
    if (!axis) return null;
    const before = known.get(axis);
    if (before !== undefined) return before;
    const stay: number[] = [];
    axis.forEach((atom, i) => {
      if (!removed.has(find(atom))) stay.push(i);
    });
    const found = stay.length === axis.length ? null : stay;
    known.set(axis, found);
    return found;
  };
  return {
    indices,
    length: (axis, before) => indices(axis)?.length ?? before,
    changes: (axes) => axes.some((axis) => indices(axis) !== null),
  };
}
