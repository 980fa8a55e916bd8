/** The trace of an operator: exactly where it knows it or the budget allows it, else an estimate. */
import { sum } from "../linalg/vector.ts";
import { diagonalOf } from "../operators/dense.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import { type Estimate, exactly, type SamplingOptions } from "./estimate.ts";
import { hutchinsonTrace } from "./hutchinsonTrace.ts";
import { hutchPlusPlusTrace } from "./hutchPlusPlus.ts";
import { requireSquareOperator } from "./probes.ts";
import { xNysTrace } from "./xNysTrace.ts";
import { xTrace } from "./xTrace.ts";

/** "hutchinson" needs no memory; the others keep some vectors a sample and are better where eigenvalues decay. */
export type TraceMethod = "hutchinson" | "hutch++" | "xtrace" | "xnystrace";

export interface TraceOptions extends SamplingOptions {
  /** "hutchinson" unless said. */
  readonly method?: TraceMethod;
}

const estimators: Readonly<Record<TraceMethod, (a: LinearOperator, options: SamplingOptions) => Promise<Estimate>>> = {
  hutchinson: hutchinsonTrace,
  "hutch++": hutchPlusPlusTrace,
  xtrace: xTrace,
  xnystrace: xNysTrace,
};

/** tr A: from the operator's own facts, by unit vectors if `samples` reaches its side, else estimated by `method`. */
export async function trace(a: LinearOperator, options: TraceOptions): Promise<Estimate> {
  const n = requireSquareOperator(a, "take the trace");
  const { samples, seed = 0, signal, method = "hutchinson" } = options;
  const known = await a.exact?.trace?.();
  if (known !== undefined) return exactly(known, seed);
  if (samples >= n) return exactly(sum(await diagonalOf(a, signal && { signal })), seed, n);
  return estimators[method](a, options);
}
