/** Shapes: lists of non-negative integers, and the few things everybody asks of them. */
import { MismatchError } from "../errors.ts";

export type Shape = readonly number[];

/** Number of elements; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((n, d) => n * d, 1);
}

/** Row-major strides: how far apart two neighbours along each axis lie. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

/** The shape that elementwise operators give to operands of these shapes (numpy's rule). */
export function broadcastShapes(...shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    const offset = rank - shape.length;
    shape.forEach((d, i) => {
      const now = result[offset + i]!;
      if (d !== 1 && now !== 1 && d !== now) {
        throw new MismatchError("Cannot broadcast shapes as two lengths differ and neither is 1", {
          found: shapes.map((s) => `[${s.join(", ")}]`).join(" and "),
        });
      }
      if (d !== 1) result[offset + i] = d;
    });
  }
  return result;
}

/** Axis in [0, rank) from one that may count from the end. */
export function normalizeAxis(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || positive < 0 || positive >= Math.max(rank, 1)) {
    throw new MismatchError("Cannot use an axis as it lies outside the rank", {
      expected: `-${rank} to ${rank - 1}`,
      found: axis,
    });
  }
  return positive;
}

/** `[2, 3]` for messages. */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}
