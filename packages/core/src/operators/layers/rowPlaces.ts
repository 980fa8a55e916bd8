/**
 * Where a value holds the rows of the batch.
 *
 *     flat entries  [before, rows, after]      [rows, time, width]: before = 1;   [time, rows, width]: before = time
 *
 * Followed from the data through the graph, axis by axis, so that time-major layers (recurrent operators, transformers with the
 * batch second) are told from batch-major ones even where both axes are of one length. A reshape changes nothing here.
 */
import { type AnyNode, reachable, type Value } from "../../ir/graph.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { Binding } from "../binding.ts";

const known = new WeakMap<Binding, Map<Value, number>>();

/** How many entries lie before the rows; 1 where nothing says otherwise. */
export function entriesBeforeRows(binding: Binding, value: Value): number {
  const places = known.get(binding) ?? findPlaces(binding);
  known.set(binding, places);
  return places.get(value) ?? placeOf(value, places, binding.rows) ?? 1;
}

function findPlaces({ inputs, prediction, rows }: Binding): Map<Value, number> {
  const places = new Map<Value, number>([...inputs.values()].map((input) => [input, 1]));
  for (const value of reachable([prediction])) {
    const place = places.has(value) ? undefined : placeOf(value, places, rows);
    if (place !== undefined) places.set(value, place);
  }
  return places;
}

/** From the first operand that has rows. */
function placeOf(value: Value, places: ReadonlyMap<Value, number>, rows: number): number | undefined {
  for (const [i, input] of value.inputs.entries()) {
    const before = places.get(input);
    const after = before === undefined ? undefined : moved(value as AnyNode, input, i, before, rows);
    if (after !== undefined) return after;
  }
  return undefined;
}

function moved(node: AnyNode, input: Value, i: number, before: number, rows: number): number | undefined {
  if (node.op === "Reshape") return before;
  const axis = input.shape.findIndex((length, a) => {
    const inside = before / sizeOf(input.shape.slice(0, a));
    return Number.isInteger(inside) && length % (inside * rows) === 0;
  });
  const to = axis < 0 ? undefined : axisAfter(node, input, i, axis);
  if (to === undefined || node.shape[to] !== input.shape[axis]) return undefined;
  return (before / sizeOf(input.shape.slice(0, axis))) * sizeOf(node.shape.slice(0, to));
}

/** Which axis of the output an operand's axis becomes; undefined where it is gone. */
function axisAfter(node: AnyNode, input: Value, i: number, axis: number): number | undefined {
  switch (node.op) {
    case "Transpose":
      return node.attrs.perm.indexOf(axis);
    case "Gather": {
      if (i === 1) return axis + node.attrs.axis;
      if (axis === node.attrs.axis) return undefined;
      return axis < node.attrs.axis ? axis : axis + node.shape.length - input.shape.length;
    }
    case "ReduceSum":
    case "ReduceMax":
    case "ReduceMin":
    case "ReduceProd": {
      const { axes, keepdims } = node.attrs;
      if (axes.includes(axis)) return undefined;
      return keepdims ? axis : axis - axes.filter((a) => a < axis).length;
    }
    default:
      return axis + node.shape.length - input.shape.length; // broadcasting aligns on the right
  }
}
