/** The comparison of numbers that every test makes. It throws plain errors, so it works under any test runner. */
import { type Tolerance, tolerances } from "./tolerance.ts";

/**
 * Fails unless each entry of `actual` is near that of `expected`:
 *
 *     |actualᵢ − expectedᵢ| ≤ relative · maxⱼ |expectedⱼ| + absolute
 *
 * Infinities and NaN must stand where they are expected, and count for no scale.
 *
 * @param claim What is being claimed, for the message.
 * @throws {Error} with the worst entry, both values and the claim.
 *
 * @example
 * ```ts
 * expectClose([1, 2 + 1e-15], [1, 2], "a sum does not depend on its order");
 * expect(() => expectClose([1, 2.1], [1, 2], "a sum is exact")).toThrow("a sum is exact: entry 1 of 2 is too far off");
 * ```
 */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  claim: string,
  { relative, absolute }: Tolerance = tolerances.float64,
): void {
  if (actual.length !== expected.length) {
    throw new Error(`${claim}: the lengths differ\n  expected  ${expected.length}\n  found     ${actual.length}`);
  }
  const allowed = relative * largestMagnitude(expected) + absolute;
  let worst = { at: -1, distance: allowed };
  for (const [at, e] of Array.from(expected).entries()) {
    const distance = distanceBetween(actual[at] ?? Number.NaN, e);
    if (distance > worst.distance) worst = { at, distance };
  }
  if (worst.at < 0) return;
  throw new Error(
    [
      `${claim}: entry ${worst.at} of ${expected.length} is too far off`,
      `  expected  ${expected[worst.at]}`,
      `  found     ${actual[worst.at]}`,
      `  distance  ${worst.distance.toExponential(1)}, allowed ${allowed.toExponential(1)}`,
    ].join("\n"),
  );
}

function largestMagnitude(values: ArrayLike<number>): number {
  return Array.from(values, Math.abs).reduce((largest, x) => (Number.isFinite(x) && x > largest ? x : largest), 0);
}

/** 0 for equal values, NaN and the infinities included; ∞ if only one of the two is finite. */
function distanceBetween(a: number, b: number): number {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  const distance = Math.abs(a - b);
  return Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
}
