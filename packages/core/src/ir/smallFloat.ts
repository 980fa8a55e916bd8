/**
 * Numbers as 16-bit floats: sign, exponent, `fraction` bits, rounded to the nearest, ties to even.
 *
 *     float16    5 exponent bits, 10 fraction bits       bfloat16   8 exponent bits, 7 fraction bits
 */
export interface SmallFloat {
  readonly fraction: number;
  /** Exponent of the smallest normal number. */
  readonly least: number;
}

export const smallFloats: Readonly<Record<"float16" | "bfloat16", SmallFloat>> = {
  float16: { fraction: 10, least: -14 },
  bfloat16: { fraction: 7, least: -126 },
};

/** The bits of x; beyond the largest number infinity, NaN a quiet NaN. */
export function smallFloatBits(x: number, { fraction, least }: SmallFloat): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const infinity = (2 - 2 * least + 1) * 2 ** fraction; // all exponent bits set
  if (Number.isNaN(x)) return sign | infinity | (1 << (fraction - 1));
  const size = Math.abs(x);
  if (size === Number.POSITIVE_INFINITY) return sign | infinity;
  // Exponents below `least` are those of subnormal numbers: their steps are as wide as the smallest normal ones'.
  const exponent = Math.max(least, exponentOf(size));
  const steps = roundedToEven(size / 2 ** (exponent - fraction));
  const bits = (exponent - least) * 2 ** fraction + steps;
  return sign | Math.min(bits, infinity);
}

function exponentOf(size: number): number {
  if (size < 2 ** -1000) return -1000;
  const guess = Math.floor(Math.log2(size));
  // The logarithm may be off by one step next to a power of two.
  return size < 2 ** guess ? guess - 1 : size >= 2 ** (guess + 1) ? guess + 1 : guess;
}

function roundedToEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}
