/**
 * Where, and a softmax of which it takes no row that has seen nothing.
 *
 *     Where(IsNaN(p), 0, p),   p = softmax(x),   x = −∞ along a whole row
 *
 * as exporters write attention under a mask. The rows are NaN and are thrown away, but a derivative would pass through them:
 * NaN · 0 is NaN. Their scores are made 0 before the softmax, which changes nothing that is kept.
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { NodeValue, Value } from "../../ir/graph.ts";
import { broadcastShapes, sameShape } from "../../ir/shape.ts";
import type { Lowering } from "./context.ts";

const where: Lowering = (c) => {
  const { g } = c;
  const [condition, a, b] = [c.need(0), c.need(1), c.need(2)];
  return g.where(
    condition,
    withoutRows(g, a, condition, () => g.op("Not", [condition], {})),
    withoutRows(g, b, condition, () => condition),
  );
};

/** A softmax, perhaps converted, whose rows are finite where they are dropped; any other value as it is. */
function withoutRows(g: GraphBuilder, p: Value, condition: Value, dropped: () => Value): Value {
  if (p.op === "Cast") {
    const inner = withoutRows(g, p.inputs[0]!, condition, dropped);
    return inner === p.inputs[0] ? p : g.cast(inner, p.dtype);
  }
  if (p.op !== "Softmax" || !sameShape(broadcastShapes(condition.shape, p.shape), p.shape)) return p;
  const { axis } = (p as NodeValue<"Softmax">).attrs;
  const own = axis - p.shape.length + condition.shape.length;
  const wholeRows = own < 0 || condition.shape[own] === 1;
  if (!wholeRows && !isNaNOf(condition, p)) return p;
  const rows = wholeRows ? dropped() : g.narrow(dropped(), own, 0, 1); // a row is NaN throughout or nowhere
  return g.op("Softmax", [g.where(rows, 0, p.inputs[0]!)], { axis });
}

function isNaNOf({ op, inputs }: Value, p: Value): boolean {
  const [x] = inputs;
  return op === "IsNaN" && (x === p || (x!.op === "Cast" && x!.inputs[0] === p));
}

export const selection: Readonly<Record<string, Lowering>> = { Where: where };
