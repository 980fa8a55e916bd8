/** Comparisons and logic: 0 or 1 for each element. A comparison with NaN is false. */
import type { PredicateOp } from "../../ir/ops.ts";
import { binary, unary } from "./elementwise.ts";
import type { Kernels } from "./kernel.ts";

export const predicateKernels: Kernels<PredicateOp> = {
  And: binary((a, b) => a & b),
  Equal: binary((a, b) => Number(a === b)),
  Greater: binary((a, b) => Number(a > b)),
  GreaterOrEqual: binary((a, b) => Number(a >= b)),
  IsInf: unary((x) => Number(Math.abs(x) === Number.POSITIVE_INFINITY)),
  IsNaN: unary((x) => Number(Number.isNaN(x))),
  Less: binary((a, b) => Number(a < b)),
  LessOrEqual: binary((a, b) => Number(a <= b)),
  Not: unary((x) => 1 - x),
  Or: binary((a, b) => a | b),
  Xor: binary((a, b) => a ^ b),
};
