/**
 * Binary cross-entropy with logits; targets may be soft.
 *
 *     ℓ = Σ_c −w y log σ(f) − (1 − y) log(1 − σ(f)) = Σ_c (1 − y) f + m softplus(−f),     m = 1 + (w − 1) y
 *     ∂ℓ/∂f = m σ(f) − w y,   ∂²ℓ/∂f² = diag(m σ(1 − σ))
 *
 * w is the weight of positives. An entry counts m times, in the Fisher matrices too. A mean divides by the number of
 * elements.
 */
import { UsageError } from "../errors.ts";
import type { GraphBuilder } from "../ir/builder.ts";
import type { Value } from "../ir/graph.ts";
import { diagonalColumns, entriesPerTerm, entrywise, prepareEntries, sumEntries } from "./entrywise.ts";
import type { Loss, Reduction } from "./loss.ts";

export interface BinaryCrossEntropyOptions {
  readonly reduction?: Reduction;
  /** w, one number or one for each entry of a term; positive. */
  readonly positiveWeight?: number | readonly number[];
}

export function binaryCrossEntropy({ reduction = "mean", positiveWeight = 1 }: BinaryCrossEntropyOptions = {}): Loss {
  const weights = typeof positiveWeight === "number" ? [positiveWeight] : positiveWeight;
  if (weights.some((w) => !(w > 0 && Number.isFinite(w)))) {
    throw new UsageError("Cannot weight positives as a weight is not positive", { found: weights.join(", ") });
  }
  const weight = (g: GraphBuilder, f: Value): Value =>
    weights.length === 1
      ? g.constant(weights[0]!, f.dtype)
      : g.constantTensor({ dtype: f.dtype, shape: [weights.length], data: Float64Array.from(weights) });
  const multiplicity = (g: GraphBuilder, f: Value, y: Value): Value => g.add(1, g.mul(g.sub(weight(g, f), 1), y));
  return {
    name: "bce-with-logits",
    reduction,
    convex: true,
    ...entrywise,
    terms(g, f, y) {
      const positive = g.mul(multiplicity(g, f, y), g.unary("Softplus", g.neg(f)));
      return sumEntries(g, g.add(g.mul(g.sub(1, y), f), positive));
    },
    likelihood: {
      noise: "uniform",
      noiseShape: (prediction) => prediction,
      score(g, f, y) {
        const m = multiplicity(g, f, y);
        const gradient = g.sub(g.mul(m, g.unary("Sigmoid", f)), g.mul(weight(g, f), y));
        return g.div(gradient, g.unary("Sqrt", m));
      },
      factor(g, f, y) {
        const p = g.unary("Sigmoid", f);
        return diagonalColumns(g, g.unary("Sqrt", g.mul(multiplicity(g, f, y), g.mul(p, g.sub(1, p)))));
      },
      sampledScore(g, f, y, noise) {
        const p = g.unary("Sigmoid", f);
        const drawn = g.cast(g.binary("Less", noise, p), f.dtype);
        return g.mul(g.unary("Sqrt", multiplicity(g, f, y)), g.sub(p, drawn));
      },
    },
    prepare(target, prediction, where) {
      const prepared = prepareEntries(target, prediction, where);
      const perRow = prepared.target.data.length / prediction[0]!;
      const at = target.data.findIndex((y) => y < 0 || y > 1);
      if (at >= 0) {
        throw new UsageError("Cannot use the targets as probabilities of two classes as one is out of range", {
          at: `${where}, row ${Math.floor(at / perRow)}`,
          expected: "a number from 0 to 1",
          found: target.data[at]!,
        });
      }
      if (weights.length > 1 && weights.length !== entriesPerTerm(prediction)) {
        throw new UsageError("Cannot weight positives as there is not one weight an entry", {
          expected: entriesPerTerm(prediction),
          found: weights.length,
        });
      }
      return prepared;
    },
  };
}
