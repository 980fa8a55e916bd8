/**
 * Every row's best mask, by beam search and swaps, and the share of the zeros that each row gets.
 *
 * Rows are independent. Layers of few inputs: each row's refined loss at every number of zeros is a curve, and dynamic
 * programming shares the zeros out. Wider layers: greedy shares them out, and each row is refined as it is.
 */
import { allocate } from "./allocate.ts";
import { beamSearch } from "./beam.ts";
import type { PreparedLayer } from "./layer.ts";
import { firstSteps, obcTraces, perGroup, rowsOf, type TraceOptions } from "./obc.ts";
import type { Units } from "./pattern.ts";
import { refine, sweepUnit } from "./refine.ts";
import { countOf } from "./select.ts";
import { copyTableau, type Tableau, tableauOf } from "./tableau.ts";

export type Refinement =
  /** Single swaps after greedy. */
  | { readonly kind: "swaps" }
  /** Then pairs of swaps. */
  | { readonly kind: "pairs" }
  /** Beam search, then pairs of swaps. */
  | { readonly kind: "beam"; readonly width: number };

/** Inputs up to which a row's whole curve is refined. */
const narrow = 64;

/** Chosen units `[down, across]`; never worse than greedy's. */
export function refinedUnits(
  layer: PreparedLayer,
  units: Units,
  sparsity: number,
  refinement: Refinement,
  options: TraceOptions = {},
): Uint8Array {
  const traces = obcTraces(layer, units, options);
  const greedy = perGroup(traces, units, sparsity);
  if (units.quota || units.across * units.width > narrow) {
    const chosen = firstSteps(traces, greedy, units);
    for (let group = 0; group < units.down; group++) {
      options.signal?.throwIfAborted();
      const steps = traces[group]!.order.subarray(0, greedy[group]);
      copyMask(refinedRow(layer, units, group, steps, refinement), chosen, group, units);
    }
    return chosen;
  }
  const curves = traces.map(({ order }, group) => {
    options.signal?.throwIfAborted();
    return refinedCurve(layer, units, group, order, refinement);
  });
  const wanted = countOf(units.down * units.across, sparsity);
  const picks = allocate(
    curves.map((curve) => curve.map(({ loss }, k) => ({ saving: k, loss }))),
    wanted,
  );
  const chosen = new Uint8Array(units.down * units.across);
  picks.forEach((k, group) => copyMask(curves[group]![k]!, chosen, group, units));
  return chosen;
}

function copyMask({ out }: Pick<Tableau, "out">, chosen: Uint8Array, group: number, { across, width }: Units): void {
  for (let u = 0; u < across; u++) chosen[group * across + u] = out[u * width]!;
}

type Point = Pick<Tableau, "out" | "loss">;

const pointOf = ({ out, loss }: Tableau): Point => ({ out: out.slice(), loss });

/** The better of greedy's steps and the beam's, with swaps. */
function refinedRow(
  layer: PreparedLayer,
  units: Units,
  group: number,
  steps: Int32Array,
  refinement: Refinement,
): Point {
  const rows = rowsOf(layer.weights, units, group);
  const pairs = refinement.kind !== "swaps";
  const greedy = tableauOf(layer.inverse, rows);
  for (const unit of steps) sweepUnit(greedy, unit, units.width);
  refine(greedy, units, { pairs });
  if (refinement.kind !== "beam") return greedy;
  let last: Tableau | undefined;
  for (const state of beamSearch(layer.inverse, rows, units, { beam: refinement.width, steps: steps.length }))
    last = state;
  if (!last || steps.length === 0) return greedy;
  refine(last, units, { pairs });
  return last.loss < greedy.loss ? last : greedy;
}

/** The refined row with 0, 1, … all units pruned. */
function refinedCurve(
  layer: PreparedLayer,
  units: Units,
  group: number,
  order: Int32Array,
  refinement: Refinement,
): Point[] {
  const rows = rowsOf(layer.weights, units, group);
  const pairs = refinement.kind !== "swaps";
  const greedy = tableauOf(layer.inverse, rows);
  const curve = [pointOf(greedy)];
  for (const unit of order) {
    sweepUnit(greedy, unit, units.width);
    const refined = copyTableau(greedy);
    refine(refined, units, { pairs });
    curve.push(pointOf(refined));
  }
  if (refinement.kind !== "beam") return curve;
  let step = 0;
  for (const state of beamSearch(layer.inverse, rows, units, { beam: refinement.width, steps: order.length })) {
    refine(state, units, { pairs });
    if (state.loss < curve[step]!.loss) curve[step] = pointOf(state);
    step++;
  }
  return curve;
}
