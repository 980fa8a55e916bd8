/** The two sides of a layer as matrices of rows, ready for sums: inputs `a` and pulled-back vectors `g`. */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Value } from "../../ir/graph.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { LayerUse } from "../layers/layer.ts";
import { inDtype, productDtype } from "../smallProducts.ts";
import { gramPanels } from "./panels.ts";
import type { SeenLayer, SeenUse } from "./statistics.ts";

/** How sides are formed: groups kept apart or averaged, and whether a constant 1 stands for the bias. */
export interface SideOptions {
  readonly averageGroups: boolean;
  readonly joint: boolean;
}

/** a of one use, `[batch, shared, G, in (+1)]`; G = 1 with averaged groups. */
export function inputSide(g: GraphBuilder, use: LayerUse, { averageGroups, joint }: SideOptions): Value {
  const input = averageGroups && use.input!.shape[2]! > 1 ? g.mean(use.input!, [2], true) : use.input!;
  if (!joint) return input;
  const one = g.fill(use.bias === undefined ? 0 : 1, input.dtype, [...input.shape.slice(0, 3), 1]);
  return g.concat([input, one], 3);
}

/** g of one use, `[K, batch, shared, G, out]`; with averaged groups `[K, batch, shared, 1, G·out]`. */
export function outputSide(
  g: GraphBuilder,
  { vectors }: SeenUse,
  { averageGroups }: Pick<SideOptions, "averageGroups">,
): Value {
  const [k, batch, shared, groups, out] = vectors!.shape as [number, number, number, number, number];
  return averageGroups ? g.reshape(vectors!, [k, batch, shared, 1, groups * out]) : vectors!;
}

/** All uses of a tied weight along the shared axis. */
export function joinUses(g: GraphBuilder, sides: readonly Value[], axis: number): Value {
  return g.concat(sides, axis);
}

/** `[…rows, G, n]` → `[G, rows, n]` */
export function rowsByGroup(g: GraphBuilder, x: Value): Value {
  const rank = x.shape.length;
  const [groups, n] = x.shape.slice(-2) as [number, number];
  const flat = g.reshape(x, [sizeOf(x.shape.slice(0, rank - 2)), groups, n]);
  return g.transpose(flat, [1, 0, 2]);
}

/** Σ over rows of w x xᵀ for each group, in panels; row weights `[batch]` for an x of `[batch, …, G, n]`. */
export function gramByGroup(g: GraphBuilder, x: Value, rowWeights?: Value): Value[] {
  const dtype = productDtype(sizeOf(x.shape) * x.shape.at(-1)!, x.dtype);
  const seen = inDtype(g, x, dtype);
  const rows = rowsByGroup(g, seen);
  if (!rowWeights) return gramPanels(g, rows, rows);
  return gramPanels(g, rows, rowsByGroup(g, overRows(g, inDtype(g, rowWeights, dtype), seen)));
}

/** Row weights `[batch]` against `[batch, …]`. */
function overRows(g: GraphBuilder, rowWeights: Value, x: Value): Value {
  return g.mul(x, g.reshape(rowWeights, [rowWeights.shape[0]!, ...x.shape.slice(1).map(() => 1)]));
}

/** S of a layer: positions of all its uses. */
export function sharedPositions({ uses }: SeenLayer | { readonly uses: readonly LayerUse[] }): number {
  return (uses as readonly (SeenUse | LayerUse)[]).reduce(
    (sum, use) => sum + ("use" in use ? use.use.shared : use.shared),
    0,
  );
}
