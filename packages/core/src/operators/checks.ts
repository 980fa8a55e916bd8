/** The safeguards: what would give wrong numbers silently is an error that says where. */
import { UsageError } from "../errors.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Vector } from "./linearOperator.ts";
import type { ParameterSpace } from "./parameterSpace.ts";

/** @throws {UsageError} naming the first chosen parameter with an entry that is NaN or infinite. */
export function requireFiniteParameters({ parameters }: ParameterSpace, values: readonly Tensor[]): void {
  parameters.forEach(({ name }, i) => {
    const at = values[i]!.data.findIndex((x: number) => !Number.isFinite(x));
    if (at >= 0) {
      throw new UsageError("Cannot analyse the model as a parameter is not finite", {
        at: `parameter "${name}", entry ${at}`,
        found: values[i]!.data[at]!,
      });
    }
  });
}

/** @throws {UsageError} naming the parameter in whose rows a result is NaN or infinite. */
export function requireFiniteResult({ parameters, size }: ParameterSpace, result: Vector, what: string): void {
  const at = result.findIndex((x) => !Number.isFinite(x));
  if (at < 0) return;
  const entry = at % size;
  const parameter = parameters.find((p) => entry < p.offset + p.size);
  throw new UsageError(`Cannot use the ${what} as it is not finite`, {
    at: `parameter "${parameter?.name}", entry ${entry - (parameter?.offset ?? 0)}`,
    found: result[at]!,
    try: "check the vector, the data's scale and the model's outputs",
  });
}

/** @throws {UsageError} naming the row of the data whose part of a result over all predictions is NaN or infinite. */
export function requireFinitePredictions(result: Vector, perRow: number, rows: number, what: string): void {
  const at = result.findIndex((x) => !Number.isFinite(x));
  if (at < 0) return;
  throw new UsageError(`Cannot use the ${what} as it is not finite`, {
    at: `row ${Math.floor(at / perRow) % rows}, entry ${at % perRow} of its prediction`,
    found: result[at]!,
    try: "check the vector, the data's scale and the model's outputs",
  });
}

/** @throws {UsageError} if two evaluations that should agree differ by more than `tolerance`, relative to their norm. */
export function requireSame(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  tolerance: number,
  problem: string,
  hint: string,
): void {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    norm += a[i]! ** 2;
  }
  const relative = Math.sqrt(difference) / Math.max(Math.sqrt(norm), Number.MIN_VALUE);
  if (difference === 0 || relative <= tolerance) return;
  throw new UsageError(problem, {
    expected: `a relative difference of at most ${tolerance}`,
    found: relative.toExponential(2),
    try: hint,
  });
}
