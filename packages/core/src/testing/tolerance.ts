/** How far apart two numbers may be that should be equal, by what made them, with the reason. */

export interface Tolerance {
  /** Of the largest expected magnitude. */
  readonly relative: number;
  /** Added to that, for what should be zero. */
  readonly absolute: number;
}

export const tolerances: Readonly<Record<"float64" | "float32" | "centralDifference", Tolerance>> = {
  /** Float64 arithmetic in another order: tens of roundings of 1.1e-16. */
  float64: { relative: 1e-13, absolute: 1e-13 },
  /** Float32 arithmetic: a hundred roundings of 6e-8. */
  float32: { relative: 1e-5, absolute: 1e-6 },
  /** Fourth-order central differences with step 1e-3: f⁽⁵⁾·1e-12 truncated, 1e-13 rounded; slopes reach 1e3. */
  centralDifference: { relative: 1e-8, absolute: 1e-8 },
};
