/** Entrywise arithmetic on plain tensors: every result is new, float64 inside, with the first tensor's dtype and shape. */
import { MismatchError, type Tensor, UsageError } from "@hessonite/core";

/** x_k ↦ f(x_1[k], …, x_n[k]) */
export function combine(tensors: readonly Tensor[], f: (entries: Float64Array, k: number) => number): Tensor {
  const [first] = requireAlike(tensors);
  const entries = new Float64Array(tensors.length);
  const data = Float64Array.from({ length: first.data.length }, (_, k) => {
    for (const [i, tensor] of tensors.entries()) entries[i] = tensor.data[k] ?? 0;
    return f(entries, k);
  });
  return { ...first, data };
}

/** f(x) for every entry. */
export function map(x: Tensor, f: (entry: number, k: number) => number): Tensor {
  return { ...x, data: Float64Array.from(x.data, f) };
}

/** x − y */
export function difference(x: Tensor, y: Tensor): Tensor {
  return combine([x, y], ([a = 0, b = 0]) => a - b);
}

/** x + s y */
export function plusScaled(x: Tensor, s: number, y: Tensor): Tensor {
  return combine([x, y], ([a = 0, b = 0]) => a + s * b);
}

/** Σ w_i x_i */
export function weightedSum(tensors: readonly Tensor[], weights: readonly number[]): Tensor {
  return combine(tensors, (entries) => entries.reduce((sum, x, i) => sum + (weights[i] ?? 0) * x, 0));
}

/** Σ x_k y_k */
export function inner(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < x.length; k++) sum += (x[k] ?? 0) * (y[k] ?? 0);
  return sum;
}

/** ‖x‖₂ */
export function length(x: ArrayLike<number>): number {
  return Math.sqrt(inner(x, x));
}

/**
 * One weight a tensor; 1 each unless given.
 *
 * @throws {MismatchError} if their numbers differ.
 */
export function weightsFor(tensors: readonly Tensor[], weights?: readonly number[]): readonly number[] {
  const all = weights ?? tensors.map(() => 1);
  if (all.length === tensors.length) return all;
  throw new MismatchError("Cannot merge tensors as there is not one weight each", {
    expected: tensors.length,
    found: all.length,
  });
}

/**
 * The tensors, one or more of one shape.
 *
 * @throws {UsageError} if there are none.
 * @throws {MismatchError} if shapes differ.
 */
export function requireAlike(tensors: readonly Tensor[]): readonly [Tensor, ...Tensor[]] {
  const [first, ...others] = tensors;
  if (!first) throw new UsageError("Cannot merge tensors as there are none");
  const text = ({ shape }: Tensor): string => `[${shape.join(", ")}]`;
  const other = others.find((tensor) => text(tensor) !== text(first));
  if (other) {
    throw new MismatchError("Cannot merge tensors as their shapes differ", {
      expected: text(first),
      found: text(other),
    });
  }
  return [first, ...others];
}

/** @throws {UsageError} unless `value` is a number in [0, 1] (or the bounds given). */
export function requireFraction(value: number, what: string, least = 0, most = 1): void {
  if (value >= least && value <= most) return;
  throw new UsageError(`Cannot merge tensors with this ${what} as it is out of range`, {
    expected: `${least} to ${most}`,
    found: value,
  });
}
