/** Sequences whose length is known: lists of values while the model is read, gone after it. */
import type { Value } from "../../ir/graph.ts";
import { normalizeAxis } from "../../ir/shape.ts";
import type { Lowering, LoweringContext } from "./context.ts";

/** Position in a list of `count`, from the end where negative. */
function positionOf(c: LoweringContext, i: number, count: number, otherwise: number): number {
  const given = c.input(i) ? c.ints(i)![0]! : otherwise;
  const position = given < 0 ? given + count : given;
  if (position < 0 || position > count)
    throw c.refuse("its position lies outside the sequence", { expected: `0 to ${count}`, found: given });
  return position;
}

const at: Lowering = (c) => {
  const items = c.sequence(0);
  const value = items[positionOf(c, 1, items.length, 0)];
  if (!value) throw c.refuse("its position lies outside the sequence", { expected: `0 to ${items.length - 1}` });
  return value;
};

const insert: Lowering = (c) => {
  const items = [...c.sequence(0)];
  items.splice(positionOf(c, 2, items.length, items.length), 0, c.need(1));
  return { items };
};

const erase: Lowering = (c) => {
  const items = [...c.sequence(0)];
  items.splice(positionOf(c, 1, items.length, items.length - 1), 1);
  return { items };
};

/** Joined along an axis, which `new_axis` adds. */
const concat: Lowering = (c) => {
  const { g } = c;
  const items = c.sequence(0);
  const added = c.int("new_axis", 0) !== 0;
  const axis = normalizeAxis(c.int("axis", 0), items[0]!.shape.length + Number(added));
  return g.concat(added ? items.map((item) => g.unsqueeze(item, axis)) : items, axis);
};

/** Parts of the sizes given, or of one size with a smaller rest; parts of one element lose the axis unless `keepdims`. */
const split: Lowering = (c) => {
  const { g } = c;
  const x = c.need(0);
  const axis = normalizeAxis(c.int("axis", 0), x.shape.length);
  const length = x.shape[axis]!;
  const given = c.ints(1);
  const sizes = given && c.need(1).shape.length > 0 ? [...given] : partsOf(length, given?.[0] ?? 1);
  const dropped = !given && c.int("keepdims", 1) === 0;
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
  const items = sizes.map((size, i): Value => {
    const part = g.narrow(x, axis, starts[i]!, size);
    return dropped
      ? g.reshape(
          part,
          x.shape.filter((_, a) => a !== axis),
        )
      : part;
  });
  return { items };
};

function partsOf(length: number, size: number): number[] {
  return Array.from({ length: Math.ceil(length / size) }, (_, i) => Math.min(size, length - i * size));
}

export const sequences: Readonly<Record<string, Lowering>> = {
  ConcatFromSequence: concat,
  SequenceAt: at,
  SequenceConstruct: (c) => ({ items: c.inputs() }),
  SequenceEmpty: () => ({ items: [] }),
  SequenceErase: erase,
  SequenceInsert: insert,
  SequenceLength: (c) => c.g.constant(c.sequence(0).length, "int64"),
  SplitToSequence: split,
};
