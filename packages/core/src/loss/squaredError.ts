/**
 * Squared error, without a factor ½.
 *
 *     ℓ = Σ_c (f_c − y_c)²          ∂ℓ/∂f = 2(f − y),   ∂²ℓ/∂f² = 2 I
 *
 * The negative log-likelihood of y ~ N(f, ½ I) up to a constant. A mean divides by the number of elements.
 */
import { diagonalColumns, entrywise, prepareEntries, sumEntries } from "./entrywise.ts";
import type { Loss, Reduction } from "./loss.ts";

export function squaredError({ reduction = "mean" }: { readonly reduction?: Reduction } = {}): Loss {
  return {
    name: "mse",
    reduction,
    convex: true,
    ...entrywise,
    terms: (g, f, y) => sumEntries(g, g.square(g.sub(f, y))),
    likelihood: {
      noise: "normal",
      noiseShape: (prediction) => prediction,
      score: (g, f, y) => g.mul(2, g.sub(f, y)),
      factor: (g, f) => diagonalColumns(g, g.fill(Math.SQRT2, f.dtype, f.shape)),
      // f − ŷ = −ε/√2, so the score is √2 ε up to its sign.
      sampledScore: (g, _, __, noise) => g.mul(Math.SQRT2, noise),
    },
    prepare: prepareEntries,
  };
}
