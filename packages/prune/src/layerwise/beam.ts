/** Beam search over pruned sets: at every number of pruned units the best `width` sets that were met. */
import type { Matrix } from "@hessonite/core";
import type { Units } from "./pattern.ts";
import { columnsOf, sweepUnit } from "./refine.ts";
import { changeOf, copyTableau, type Tableau, tableauOf } from "./tableau.ts";

interface Child {
  readonly parent: Tableau;
  readonly unit: number;
  readonly loss: number;
}

/**
 * The best tableau found with 0, 1, … `steps` units pruned.
 *
 * Cost: `beam` sweeps of the tableau (d² each) and as many copies a step: for layers of few inputs.
 */
export function* beamSearch(
  inverse: Matrix,
  rows: Matrix,
  shape: Pick<Units, "width" | "quota">,
  { beam, steps }: { readonly beam: number; readonly steps: number },
): Generator<Tableau> {
  let states: Tableau[] = [tableauOf(inverse, rows)];
  yield copyTableau(states[0]!);
  for (let step = 0; step < steps; step++) {
    const children = states.flatMap((parent) => childrenOf(parent, shape));
    states = distinct(children, shape.width, beam);
    if (states.length === 0) return;
    yield copyTableau(states[0]!);
  }
}

function childrenOf(parent: Tableau, { width, quota }: Pick<Units, "width" | "quota">): Child[] {
  const children: Child[] = [];
  for (let unit = 0; unit < parent.d / width; unit++) {
    if (parent.out[unit * width] || (quota && full(parent.out, unit, quota))) continue;
    children.push({ parent, unit, loss: parent.loss + changeOf(parent, columnsOf(unit, width)) });
  }
  return children;
}

function full(out: Uint8Array, unit: number, { zeros, of }: NonNullable<Units["quota"]>): boolean {
  const first = Math.floor(unit / of) * of;
  let pruned = 0;
  for (let u = first; u < first + of; u++) pruned += out[u]!;
  return pruned >= zeros;
}

/** The `count` children of least loss, each set once, as tableaus. */
function distinct(children: readonly Child[], width: number, count: number): Tableau[] {
  const seen = new Set<string>();
  const chosen: Tableau[] = [];
  for (const { parent, unit } of [...children].sort((a, b) => a.loss - b.loss)) {
    const set = parent.out.slice();
    set.fill(1, unit * width, (unit + 1) * width);
    const key = set.join("");
    if (seen.has(key)) continue;
    seen.add(key);
    const child = copyTableau(parent);
    sweepUnit(child, unit, width);
    chosen.push(child);
    if (chosen.length === count) break;
  }
  return chosen;
}
