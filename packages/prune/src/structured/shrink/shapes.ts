/**
 * Shapes that are values of the model.
 *
 * Nodes that read a shape give the lengths that the dense model has, so that whatever is computed from them stays what it
 * was; nodes that take a shape get the new lengths. Lengths that depend on the inputs (a batch of any size) are left to the
 * arithmetic that the model has for them.
 */
import type { Tensor } from "@hessonite/core";
import type { Rewrite, RewriteContext } from "./rewriteContext.ts";

/** Input `position` is the shape of the output (Reshape, Expand, Resize). */
export const shapeTaker =
  (position: number): Rewrite =>
  (c) => {
    const axes = c.outAxes(0);
    if (!c.kept.changes(axes) && !c.kept.changes(c.axes(0))) return undefined;
    const before = c.outShape(0);
    const lengths = before.map((length, axis) => c.kept.length(axes[axis] ?? null, length));
    const given = c.numbers(position);
    if (c.stored(position) && given) {
      c.setInput(position, list(given.map((old, axis) => statedLength(c, old, axis, before, lengths))));
      return undefined;
    }
    if (c.fixed) {
      c.setInput(position, list(lengths));
      return undefined;
    }
    return corrected(c, position, before, lengths);
  };

/** A stated length: −1 and 0 (what is left, what the input has) go on meaning the same. */
function statedLength(
  c: RewriteContext,
  old: number,
  axis: number,
  before: readonly number[],
  lengths: readonly number[],
): number {
  if (old === -1) return -1;
  const offset = c.node.opType === "Expand" ? before.length - c.numbers(1)!.length : 0;
  const [was, now] = [before[axis + offset]!, lengths[axis + offset]!];
  if (c.node.opType === "Expand" && old === 1) return 1;
  if (old === 0 && c.node.opType === "Reshape" && !c.int("allowzero", 0)) {
    const input = c.kept.length(c.axes(0)[axis] ?? null, c.shape(0)[axis] ?? 1);
    return input === now && c.shape(0)[axis] === was ? 0 : now;
  }
  return now;
}

/** A computed shape, its changed entries written over; an entry that other lengths share in is what is left. */
function corrected(
  c: RewriteContext,
  position: number,
  before: readonly number[],
  lengths: readonly number[],
): ReturnType<Rewrite> {
  const changed = before.map((length, axis) => length !== lengths[axis]);
  if (!changed.some(Boolean)) return undefined;
  const merged = (axis: number): boolean =>
    c.node.opType === "Reshape" && (c.outAxes(0)[axis]?.length ?? 0) > new Set(c.outAxes(0)[axis] ?? []).size;
  const values = lengths.map((length, axis) => (changed[axis] && merged(axis) ? -1 : length));
  const result = c.freshName(`${c.node.outputs[0]}_shape`);
  const mask = c.store(`${c.node.outputs[0]}_shape_mask`, {
    dtype: "bool",
    shape: [changed.length],
    data: Uint8Array.from(changed, Number),
  });
  const now = c.store(`${c.node.outputs[0]}_shape_values`, list(values));
  c.nameInput(position, result);
  return {
    before: [{ name: result, opType: "Where", inputs: [mask, now, c.node.inputs[position]!], outputs: [result] }],
  };
}

/** Shape gives the dense model's lengths. */
export const shapeReader: Rewrite = (c) => {
  const axes = c.axes(0);
  const whole = c.shape(0).map((length, axis) => length - c.kept.length(axes[axis] ?? null, length));
  const rank = whole.length;
  const place = (axis: number): number => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
  const gone = whole.slice(place(c.int("start", 0)), place(c.int("end", rank)));
  if (gone.every((n) => n === 0)) return undefined;
  const [output] = c.node.outputs as [string];
  const inner = c.freshName(`${output}_now`);
  const difference = c.store(`${output}_gone`, list(gone));
  return {
    outputs: [inner],
    after: [{ name: `${output}_dense`, opType: "Add", inputs: [inner, difference], outputs: [output] }],
  };
};

function list(values: readonly number[]): Tensor {
  return { dtype: "int64", shape: [values.length], data: Float64Array.from(values) };
}
