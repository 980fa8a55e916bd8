/**
 * The generalised Gauss–Newton matrix of a risk, known by its products.
 *
 *     G = scale · Σ_t s_t J_tᵀ H_t J_t        J_t = ∂f_t/∂θ [C, P],   H_t = ∂²ℓ_t/∂f² [C, C]
 *
 * Positive semidefinite whenever ℓ is convex in f (the losses with a name are). For their likelihoods it is the Fisher
 * matrix; with `samples`, H_t is replaced by the mean of ĝ ĝᵀ over labels drawn from the model, which it is the expectation of.
 *
 * Source: Schraudolph (2002), Fast curvature matrix-vector products, Neural Computation 14(7);
 * Martens (2020), New insights and perspectives on the natural gradient method, JMLR 21(146).
 */
import { UsageError } from "../errors.ts";
import type { Likelihood, Loss } from "../loss/loss.ts";
import { dataFeeds, lossFeeds } from "./feeds.ts";
import type { ProductOptions } from "./hessian.ts";
import { positiveSemidefinite, selfAdjoint } from "./linearOperator.ts";
import { batchNoise } from "./noise.ts";
import { lossHessian, outputProduct, scoreMatrix } from "./outputProduct.ts";
import type { Problem } from "./problem.ts";
import { sampledScores } from "./sampledScores.ts";
import { type ProblemOperator, vectorProduct } from "./vectorProduct.ts";

export type GgnOptions = ProductOptions &
  (
    | { readonly fisher?: "exact" }
    /** The likelihood's own factor of E ∂²ℓ/∂f²: the same where ℓ is convex, semidefinite where it is not. */
    | { readonly fisher: "type-2" }
    /** Monte Carlo: this many labels drawn for each term, reproducible by seed. */
    | { readonly fisher: "sampled"; readonly samples: number; readonly seed: number }
  );

/**
 * @returns A P × P operator; self-adjoint, semidefinite if the loss is convex or `fisher` is not "exact".
 * @throws {UsageError} if `fisher` needs a likelihood and the loss has none.
 *
 * Cost of a product: one tangent pass and one cotangent pass of each batch.
 */
export function ggn(problem: Problem, options: GgnOptions = {}): ProblemOperator {
  const { residuals = "auto" } = options;
  if (options.fisher === "sampled") return sampledFisher(problem, options);
  if (options.fisher === "type-2") return factoredFisher(problem, options);
  return vectorProduct(problem, {
    name: "ggn",
    title: "GGN",
    structure: problem.loss.convex ? positiveSemidefinite : selfAdjoint,
    needsTarget: true,
    build: (binding) => outputProduct(binding, lossHessian),
    feeds: lossFeeds,
    residuals,
  });
}

function factoredFisher(problem: Problem, { residuals = "auto" }: ProductOptions): ProblemOperator {
  const likelihood = requireLikelihood(problem.loss, "Fisher matrix");
  return vectorProduct(problem, {
    name: "fisher",
    title: "Fisher",
    structure: positiveSemidefinite,
    needsTarget: true,
    build: (binding) =>
      outputProduct(binding, ({ g, prediction, target, weights }, u) =>
        scoreMatrix(g, problem.loss, weights, likelihood.factor(g, prediction, target), u),
      ),
    feeds: lossFeeds,
    residuals,
  });
}

/** The likelihood of a loss, or an error that says what needs it. */
export function requireLikelihood(loss: Loss, what: string): Likelihood {
  if (loss.likelihood) return loss.likelihood;
  throw new UsageError(`Cannot make the ${what} as the loss has no likelihood to draw labels from or to factor`, {
    at: `loss "${loss.name}"`,
    try: "use cross-entropy, mse or bce-with-logits; the exact GGN and the Hessian work for any loss",
  });
}

function sampledFisher(
  problem: Problem,
  { samples, seed, residuals = "auto" }: ProductOptions & { readonly samples: number; readonly seed: number },
): ProblemOperator {
  const likelihood = requireLikelihood(problem.loss, "sampled Fisher matrix");
  if (!Number.isInteger(samples) || samples < 1) {
    throw new UsageError("Cannot sample labels as their number is not a positive integer", { found: samples });
  }
  return vectorProduct(problem, {
    name: `fisher ${samples} samples, seed ${seed}`,
    title: "sampled Fisher",
    structure: positiveSemidefinite,
    needsTarget: true,
    factor: 1 / samples,
    build(binding) {
      const { scores, noise } = sampledScores(binding, likelihood, samples);
      return outputProduct(binding, (_, u) => scoreMatrix(binding.g, problem.loss, binding.weights, scores, u), [
        noise,
      ]);
    },
    feeds: (binding, batch) => (batch.target ? lossFeeds(binding, batch) : dataFeeds(binding, batch)),
    extraFeeds: (batch, [noise]) => [
      batchNoise(batch, { seed, samples, kind: likelihood.noise, shape: noise!.shape.slice(1) }),
    ],
    residuals,
  });
}
