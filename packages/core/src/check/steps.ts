/**
 * Central differences at several steps, and which is best.
 *
 *     D(ε) = (F(ε) − F(−ε)) / 2ε = F′(0) + O(ε²),   (r² D(ε/r) − D(ε)) / (r² − 1) = F′(0) + O(ε⁴)
 *
 * Large steps suffer from curvature, small ones from rounding; two of ratio r together cancel the ε² term.
 */
import type { Vector } from "../operators/linearOperator.ts";

/**
 * Steps relative to the parameters' size, tried in turn until the difference is good. A deep network with random parameters
 * may bend within a thousandth of their size, where large steps say nothing; one that hardly bends takes those.
 */
export const stepsFor: Readonly<Record<"float32" | "float64", readonly number[]>> = {
  float32: [4e-3, 1e-3, 2.5e-4, 6.25e-5, 1.6e-5, 1.6e-2, 6.4e-2, 4e-6],
  float64: [1e-5, 1e-4, 1e-6],
};

export interface Differences {
  readonly step: number;
  readonly value: Vector;
}

export function centralDifference(plus: Vector, minus: Vector, step: number): Differences {
  return { step, value: combined(plus, 1 / (2 * step), minus, -1 / (2 * step)) };
}

/** a·x + b·y, into `result` where one is given. A loop, as are the others here: models have millions of parameters. */
export function combined(
  x: Vector,
  a: number,
  y: Vector,
  b: number,
  result: Float64Array = new Float64Array(x.length),
): Float64Array {
  for (let i = 0; i < result.length; i++) result[i] = a * x[i]! + b * y[i]!;
  return result;
}

/** How far a difference is from `expected`, alone or with another one of another step. */
export interface Candidate {
  readonly step: number;
  readonly error: number;
}

/** Each of `all` and each neighbouring pair; the larger step is said. */
export function candidates(all: readonly Differences[], expected: Vector): Candidate[] {
  const sorted = [...all].sort((a, b) => a.step - b.step);
  const pairs = sorted.slice(1).map((coarse, i): Candidate => {
    const fine = sorted[i] as Differences;
    const squared = (coarse.step / fine.step) ** 2;
    const weights: [number, number] = [squared / (squared - 1), -1 / (squared - 1)];
    return { step: coarse.step, error: errorOf([fine.value, coarse.value], weights, expected) };
  });
  return [...all.map(({ step, value }) => ({ step, error: relativeError(value, expected) })), ...pairs];
}

/** ‖a − b‖ / ‖b‖; the absolute error where b is 0; ∞ where something is not finite. */
export function relativeError(a: Vector, b: Vector): number {
  return errorOf([a, a], [1, 0], b);
}

/** The same for w₀ x + w₁ y in the place of a. */
function errorOf([x, y]: readonly [Vector, Vector], [wx, wy]: readonly [number, number], b: Vector): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (wx * x[i]! + wy * y[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  const error = Math.sqrt(difference) / (size > 0 ? Math.sqrt(size) : 1);
  return Number.isFinite(error) ? error : Number.POSITIVE_INFINITY;
}
