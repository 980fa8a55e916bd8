/**
 * The error function in double precision, erf x = 2/√π ∫₀ˣ exp(−t²) dt.
 *
 * Rational approximations on three intervals, each to about 1e-17 of the function it stands for:
 *
 *     |x| ≤ 0.46875       erf x  = x · A(x²)/B(x²)
 *     |x| ≤ 4             erfc x = exp(−x²) · C(x)/D(x)
 *     beyond              erfc x = exp(−x²)/x · (1/√π − x⁻² · P(x⁻²)/Q(x⁻²))
 *
 * Source: Cody (1969), Rational Chebyshev approximations for the error function, Math. Comp. 23, 631–637.
 */

// coefficients of falling powers
const a = [
  1.85777706184603153e-1, 3.1611237438705656, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3,
];
const b = [1, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3];
const c = [
  2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
  8.8195222124176909e2, 1.71204761263407058e3, 2.0510783778260716e3, 1.23033935479799725e3,
];
const d = [
  1, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3, 3.29079923573345963e3,
  4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
];
const p = [
  1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
  1.60837851487422766e-2, 6.58749161529837803e-4,
];
const q = [
  1, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3,
];

export function erf(x: number): number {
  const y = Math.abs(x);
  if (y <= 0.46875) return (x * polynomial(a, x * x)) / polynomial(b, x * x);
  const magnitude = y >= 6 ? 1 : 0.5 - erfc(y) + 0.5; // erfc 6 = 2e-17
  return x < 0 ? -magnitude : magnitude; // NaN fails both comparisons and comes through erfc
}

/** 1 − erf y for y > 0.46875. */
function erfc(y: number): number {
  if (y <= 4) return (gaussian(y) * polynomial(c, y)) / polynomial(d, y);
  const z = 1 / (y * y);
  return (gaussian(y) / y) * (1 / Math.sqrt(Math.PI) - (z * polynomial(p, z)) / polynomial(q, z));
}

/** exp(−y²), with y² split so that its rounding does not count: y² = h² + (y − h)(y + h), h² exact. */
function gaussian(y: number): number {
  const h = Math.trunc(y * 16) / 16;
  return Math.exp(-h * h) * Math.exp(-(y - h) * (y + h));
}

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
}
