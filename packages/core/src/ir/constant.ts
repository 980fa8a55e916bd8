/** The numbers a value is known to hold before anything runs. */
import type { Value } from "./graph.ts";
import { sizeOf } from "./shape.ts";

/** Larger fills are nothing that anybody counts with. */
const largestFill = 2 ** 24;

/** Its elements, row-major; undefined if it depends on an input. */
export function constantNumbers(value: Value): readonly number[] | undefined {
  if (value.op === "Constant") return Array.from(value.attrs.value.data);
  // Large fills are not folded; their one number is known all the same.
  const fill = value.op === "Expand" && sizeOf(value.shape) <= largestFill ? value.inputs[0] : undefined;
  if (fill?.op === "Constant" && fill.shape.length === 0) {
    return new Array<number>(sizeOf(value.shape)).fill(fill.attrs.value.data[0]!);
  }
  return undefined;
}
