/**
 * Indices of axes that have to stay or go together.
 *
 * An atom is one index of one axis of one tensor. Atoms that an operator pairs are joined; the sets that result are the
 * channels of the model. A set may be locked, with the reason why it has to stay.
 */

/** An atom for each index along an axis; null for an axis that has to stay as it is. */
export type Axis = Int32Array | null;

/** One entry an axis. */
export type Axes = readonly Axis[];

export interface Atoms {
  fresh(count: number): Int32Array;
  /** The atom that stands for the set. */
  find(atom: number): number;
  join(a: number, b: number): void;
  lock(atom: number, reason: string): void;
  /** Why the set has to stay; undefined if it need not. */
  reason(atom: number): string | undefined;
  readonly count: number;
}

export function makeAtoms(): Atoms {
  const parent: number[] = [];
  const reasons = new Map<number, string>();
  const find = (atom: number): number => {
    let root = atom;
    while (parent[root] !== root) root = parent[root]!;
    for (let at = atom; parent[at] !== root; ) {
      const next = parent[at]!;
      parent[at] = root;
      at = next;
    }
    return root;
  };
  return {
    fresh(count) {
      const first = parent.length;
      for (let i = 0; i < count; i++) parent.push(first + i);
      return Int32Array.from({ length: count }, (_, i) => first + i);
    },
    find,
    join(a, b) {
      const [x, y] = [find(a), find(b)];
      if (x === y) return;
      const [low, high] = x < y ? [x, y] : [y, x];
      parent[high] = low;
      const reason = reasons.get(high);
      if (reason !== undefined && !reasons.has(low)) reasons.set(low, reason);
    },
    lock(atom, reason) {
      const root = find(atom);
      if (!reasons.has(root)) reasons.set(root, reason);
    },
    reason: (atom) => reasons.get(find(atom)),
    get count() {
      return parent.length;
    },
  };
}
