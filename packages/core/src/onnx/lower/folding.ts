/**
 * Col2Im, the fold of overlapping blocks: each column's elements are added up where they lie in the image. The places are
 * known, so that the sum is one scatter whose transpose is a gather.
 */
import { windowCount } from "../../ir/infer.ts";
import { sizeOf, stridesOf } from "../../ir/shape.ts";
import type { Lowering } from "./context.ts";

interface Blocks {
  readonly image: readonly number[];
  readonly block: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Begins, then ends. */
  readonly pads: readonly number[];
}

/** Every tuple of a box, the last axis fastest. */
function tuples(lengths: readonly number[]): number[][] {
  return lengths.reduce<number[][]>(
    (all, length) => all.flatMap((head) => Array.from({ length }, (_, i) => [...head, i])),
    [[]],
  );
}

/** Where element b of window l lies in the flat image, b before l; the image's size where it lies in a pad. */
function places({ image, block, strides, dilations, pads }: Blocks): number[] {
  const windows = tuples(
    image.map((length, i) =>
      windowCount(length, block[i]!, strides[i]!, dilations[i]!, pads[i]! + pads[i + image.length]!),
    ),
  );
  const flat = stridesOf(image);
  return tuples(block).flatMap((element) =>
    windows.map((window) => {
      const at = image.map((_, i) => window[i]! * strides[i]! + element[i]! * dilations[i]! - pads[i]!);
      const inside = at.every((a, i) => a >= 0 && a < image[i]!);
      return inside ? at.reduce((sum, a, i) => sum + a * flat[i]!, 0) : sizeOf(image);
    }),
  );
}

/** x `[N, C·B, L]` → `[N, C, image…]`; what falls into pads goes to one element more, which is cut off. */
const col2Im: Lowering = (c) => {
  const { g } = c;
  const x = c.need(0);
  const [image, block] = [c.ints(1) ?? [], c.ints(2) ?? []];
  const ones = image.map(() => 1);
  const at = places({
    image,
    block,
    strides: c.intList("strides") ?? ones,
    dilations: c.intList("dilations") ?? ones,
    pads: c.intList("pads") ?? [...ones, ...ones].map(() => 0),
  });
  const [rows, size] = [sizeOf(x.shape) / at.length, sizeOf(image)];
  if (x.shape.length !== 3 || !Number.isInteger(rows) || x.shape[1]! % sizeOf(block) !== 0) {
    throw c.refuse("its columns do not fit the image and block", { found: `[${x.shape.join(", ")}]` });
  }
  const index = g.expand(g.ints(at, [1, at.length]), [rows, at.length]);
  const empty = g.fill(0, x.dtype, [rows, size + 1]);
  const summed = g.op("ScatterElements", [empty, index, g.reshape(x, [rows, at.length])], {
    axis: 1,
    reduction: "add",
  });
  return g.reshape(g.narrow(summed, 1, 0, size), [x.shape[0]!, rows / x.shape[0]!, ...image]);
};

export const folding: Readonly<Record<string, Lowering>> = { Col2Im: col2Im };
