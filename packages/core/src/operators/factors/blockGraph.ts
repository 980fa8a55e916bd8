/**
 * A blockwise operator as a graph, v `[P]` ↦ A v `[P]`, its factors as constants.
 *
 * Blocks that lie in the vector as weights do are slices; others are gathered and scattered by index.
 */
import type { GraphBuilder } from "../../ir/builder.ts";
import type { Dtype } from "../../ir/dtype.ts";
import type { InputValue, Value } from "../../ir/graph.ts";
import type { BlockShape } from "./blocks.ts";
import type { PlacedAction } from "./blockwise.ts";

export interface BlockGraph {
  readonly v: InputValue;
  readonly product: Value;
}

export function blockGraph(g: GraphBuilder, size: number, blocks: readonly PlacedAction[], dtype: Dtype): BlockGraph {
  const v = g.input("v", dtype, [size]);
  const segments: Segment[] = [];
  const scattered: { readonly index: Int32Array; readonly values: Value }[] = [];
  for (const { shape, action } of blocks) {
    const runs = runsOf(shape);
    if (runs) segments.push(...placed(g, shape, runs, action.emit(g, taken(g, v, shape, runs))));
    else {
      const all = g.gather(v, g.ints([...shape.index]), 0);
      const image = action.emit(g, g.reshape(all, [shape.out, shape.in]));
      scattered.push({ index: shape.index, values: g.reshape(image, [shape.index.length]) });
    }
  }
  const whole = scattered.reduce(
    (into, { index, values }) =>
      g.op("ScatterElements", [into, g.ints([...index]), values], { axis: 0, reduction: "none" }),
    joined(g, segments, size, dtype),
  );
  return { v, product: whole };
}

/** Where a block's weights begin in the vector, and its bias's entries where they are its last column. */
interface Runs {
  readonly weight: number;
  readonly bias?: number;
}

/** Undefined if the block's entries lie in another order. */
function runsOf({ out, in: width, joint, index }: BlockShape): Runs | undefined {
  const columns = width - Number(joint);
  const weight = index[0]!;
  const bias = index[width - 1]!;
  for (let row = 0; row < out; row++) {
    for (let i = 0; i < columns; i++) if (index[row * width + i] !== weight + row * columns + i) return undefined;
    if (joint && index[row * width + columns] !== bias + row) return undefined;
  }
  return joint ? { weight, bias } : { weight };
}

function taken(g: GraphBuilder, v: Value, { out, in: width, joint }: BlockShape, { weight, bias }: Runs): Value {
  const columns = width - Number(joint);
  const w = g.reshape(g.narrow(v, 0, weight, out * columns), [out, columns]);
  return bias === undefined ? w : g.concat([w, g.reshape(g.narrow(v, 0, bias, out), [out, 1])], 1);
}

interface Segment {
  readonly offset: number;
  readonly length: number;
  readonly values: Value;
}

function placed(
  g: GraphBuilder,
  { out, in: width, joint }: BlockShape,
  { weight, bias }: Runs,
  image: Value,
): Segment[] {
  const columns = width - Number(joint);
  const part = (offset: number, from: number, count: number): Segment => ({
    offset,
    length: out * count,
    values: g.reshape(g.narrow(image, 1, from, count), [out * count]),
  });
  return bias === undefined ? [part(weight, 0, columns)] : [part(weight, 0, columns), part(bias, columns, 1)];
}

/** The segments in the vector's order, zeros between them. */
function joined(g: GraphBuilder, segments: readonly Segment[], size: number, dtype: Dtype): Value {
  const parts: Value[] = [];
  let at = 0;
  const upTo = (end: number): void => {
    if (end > at) parts.push(g.fill(0, dtype, [end - at]));
  };
  for (const { offset, length, values } of [...segments].sort((a, b) => a.offset - b.offset)) {
    upTo(offset);
    parts.push(values);
    at = offset + length;
  }
  upTo(size);
  return g.concat(parts, 0);
}
