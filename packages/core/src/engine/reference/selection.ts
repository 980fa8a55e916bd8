/** Operators that say where the largest or smallest elements are. NaN counts as larger than all numbers, and in ArgMin also as smaller, as in numpy. */
import { MismatchError } from "../../errors.ts";
import type { OpAttrs } from "../../ir/ops.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { NumericArray, Tensor } from "../../ir/tensor.ts";
import type { Kernels, Out } from "./kernel.ts";
import { allocate } from "./storage.ts";
import { lanesOf } from "./strided.ts";

type Select = (inputs: readonly Tensor[], attrs: OpAttrs["ArgMax"], out: Out) => NumericArray;

/** Index of the element that no other one beats; of equals the first, or the last. */
function select(beats: (x: number, best: number) => boolean): Select {
  return ([x], { axis, selectLast }, out) => {
    const { starts, step, length } = lanesOf(x!.shape, axis);
    if (length === 0) {
      throw new MismatchError("Cannot select along an axis as it has no elements", {
        found: `axis ${axis} of length 0`,
      });
    }
    const { data } = x!;
    return allocate(out.dtype, starts.length).map((_, lane) => {
      let best = 0;
      for (let i = 1; i < length; i++) {
        const [now, leader] = [data[starts[lane]! + i * step]!, data[starts[lane]! + best * step]!];
        if (beats(now, leader) || (selectLast && !beats(leader, now))) best = i;
      }
      return best;
    });
  };
}

export const selectionKernels: Kernels<"ArgMax" | "ArgMin" | "TopKIndex"> = {
  ArgMax: select((x, best) => x > best || (Number.isNaN(x) && !Number.isNaN(best))),
  ArgMin: select((x, best) => x < best || (Number.isNaN(x) && !Number.isNaN(best))),
  TopKIndex: ([x], { axis, k, largest }, out) => {
    const { starts, step, length } = lanesOf(x!.shape, axis);
    const to = lanesOf(out.shape, axis);
    const y = allocate(out.dtype, sizeOf(out.shape));
    for (const [lane, start] of starts.entries()) {
      const value = (i: number): number => x!.data[start + i * step]!;
      const ranked = Array.from({ length }, (_, i) => i).sort(
        (i, j) => (largest ? ascending(value(j), value(i)) : ascending(value(i), value(j))) || i - j,
      );
      for (let rank = 0; rank < k; rank++) y[to.starts[lane]! + rank * to.step] = ranked[rank]!;
    }
    return y;
  },
};

/** Order of numbers with NaN above all. */
function ascending(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}
