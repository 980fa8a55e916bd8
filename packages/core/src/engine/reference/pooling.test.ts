import { describe, expect, it } from "vitest";
import { windowCount } from "../../ir/infer.ts";
import type { PoolAttrs } from "../../ir/ops.ts";
import { type Shape, sizeOf } from "../../ir/shape.ts";
import { evaluateOp } from "./kernels.ts";

/** Input length, kernel, stride, dilation, begin and end pad, for the two spatial axes alike. */
const geometries = [
  [6, 2, 2, 1, 0, 0],
  [7, 3, 2, 1, 1, 1],
  [7, 3, 1, 2, 2, 1],
  [5, 2, 3, 1, 0, 1],
] as const;

describe("max pooling", () => {
  it.each(geometries)(
    "finds each window's first maximum: length %d, kernel %d, stride %d, dilation %d, pads %d, %d",
    (...geometry) => {
      const [length, kernel, stride, dilation, begin, end] = geometry;
      const count = windowCount(length, kernel, stride, dilation, begin + end);
      const shape: Shape = [2, 3, length, length];
      // few distinct values, all negative: ties in most windows, and padding would show if it counted as 0
      const data = Float64Array.from({ length: sizeOf(shape) }, (_, i) => -1 - ((i * 7919) % 5));
      const attrs: PoolAttrs = {
        kernel: [kernel, kernel],
        strides: [stride, stride],
        dilations: [dilation, dilation],
        pads: [begin, begin, end, end],
        spatial: [count, count],
      };
      const out = { dtype: "float32", shape: [2, 3, count, count] } as const;
      const x = { dtype: "float32", shape, data } as const;
      const values = evaluateOp("MaxPool", [x], attrs, out).data;
      const places = evaluateOp("MaxPoolIndex", [x], attrs, { ...out, dtype: "int64" }).data;
      for (let plane = 0; plane < 6; plane++) {
        const inPlane = data.subarray(plane * length ** 2, (plane + 1) * length ** 2);
        for (let p = 0; p < count ** 2; p++) {
          const rows = covered(Math.floor(p / count), geometry);
          const columns = covered(p % count, geometry);
          const window = rows.flatMap((r) =>
            columns.map((c) => ({ at: r * length + c, value: inPlane[r * length + c]! })),
          );
          const max = Math.max(...window.map(({ value }) => value));
          expect(values[plane * count ** 2 + p]).toBe(max);
          expect(places[plane * count ** 2 + p]).toBe(window.find(({ value }) => value === max)?.at);
        }
      }
    },
  );
});

/** The input positions that output position `p` sees along an axis. */
function covered(
  p: number,
  [length, kernel, stride, dilation, begin]: readonly [number, number, number, number, number, number],
): number[] {
  return Array.from({ length: kernel }, (_, k) => p * stride - begin + k * dilation).filter(
    (i) => i >= 0 && i < length,
  );
}
