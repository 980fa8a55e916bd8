/**
 * The empirical Fisher matrix of a risk, known by its products.
 *
 *     EF = scale · Σ_t s_t g_t g_tᵀ        g_t = ∂ℓ_t/∂θ [P], of one loss term, unaveraged
 *
 * A term is one prediction of C entries: every position of a sequence counts by itself. With mean reduction of squared error
 * or binary cross-entropy the scale is 1/(N·R·C), so this is C times the textbook (1/N) Σ ∇ℓ ∇ℓᵀ with ℓ averaged over C;
 * see docs/maths/scaling.md.
 *
 * A loss given as a graph has no score of its own: the terms' gradients are those of its graph.
 *
 * Source: Kunstner, Balles, Hennig (2019), Limitations of the empirical Fisher approximation, NeurIPS.
 */

import { pushForward } from "../autodiff/linearize.ts";
import { pullBack } from "../autodiff/pullBack.ts";
import { dense } from "../autodiff/rule.ts";
import type { Value } from "../ir/graph.ts";
import type { Loss } from "../loss/loss.ts";
import type { Binding } from "./binding.ts";
import { lossFeeds } from "./feeds.ts";
import type { ProductOptions } from "./hessian.ts";
import { positiveSemidefinite } from "./linearOperator.ts";
import { outputProduct, scoreMatrix } from "./outputProduct.ts";
import type { Problem } from "./problem.ts";
import { type ProblemOperator, vectorProduct } from "./vectorProduct.ts";

/**
 * @returns A P × P operator; self-adjoint and positive semidefinite.
 * @throws {UsageError} if the data have no target.
 */
export function empiricalFisher(problem: Problem, { residuals = "auto" }: ProductOptions = {}): ProblemOperator {
  const { loss } = problem;
  const { likelihood } = loss;
  return vectorProduct(problem, {
    name: "empirical fisher",
    title: "empirical Fisher",
    structure: positiveSemidefinite,
    needsTarget: true,
    build: (binding) => {
      const { g, prediction, target, weights } = binding;
      if (!likelihood) return outputProduct(binding, (_, u) => termProduct(binding, loss, u));
      const score = g.unsqueeze(likelihood.score(g, prediction, target), 0);
      return outputProduct(binding, (_, u) => scoreMatrix(g, loss, weights, score, u));
    },
    feeds: lossFeeds,
    residuals,
  });
}

/** Σ_t s_t (∂ℓ_t/∂f) (∂ℓ_t/∂f)ᵀ u, by the tangent of the terms and its transpose. */
function termProduct({ g, prediction, target, weights }: Binding, loss: Loss, u: Value): Value {
  const terms = loss.terms(g, prediction, target);
  const [along] = pushForward(g, [terms], new Map([[prediction, u]]));
  const [back] = pullBack(g, [terms], [g.mul(weights, dense(g, along, terms))], [prediction]);
  return dense(g, back, prediction);
}
