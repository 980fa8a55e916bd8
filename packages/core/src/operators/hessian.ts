/**
 * The Hessian of an empirical risk, known by its products.
 *
 *     H = ∇²L(θ),   H v = d/dε ∇L(θ + ε v) at ε = 0
 *
 * Forward over reverse: the gradient graph is pushed forward once, so a product costs a small multiple of one gradient and
 * nothing of size P × P is ever formed.
 *
 * Source: Pearlmutter (1994), Fast exact multiplication by the Hessian, Neural Computation 6(1).
 */
import { pushForward } from "../autodiff/linearize.ts";
import { gradient } from "../autodiff/pullBack.ts";
import { dense } from "../autodiff/rule.ts";
import type { Binding } from "./binding.ts";
import { lossFeeds } from "./feeds.ts";
import { selfAdjoint } from "./linearOperator.ts";
import type { LinearGraph, Residuals } from "./linearProgram.ts";
import type { Problem } from "./problem.ts";
import { type ProblemOperator, vectorProduct } from "./vectorProduct.ts";

export interface ProductOptions {
  /** Keep what does not depend on the vector between products, where it fits ("auto"). */
  readonly residuals?: Residuals;
}

/**
 * @returns A P × P operator in the parameters' order; self-adjoint, not semidefinite in general.
 * @throws {NoDerivativeError} if the loss contains an operator without a second derivative.
 * @throws {UsageError} if the data have no target.
 *
 * @example
 * ```ts no-run
 * const h = hessian(problem);
 * const hv = await h.apply(v); // P entries, in units of loss/θ
 * ```
 */
export function hessian(problem: Problem, { residuals = "auto" }: ProductOptions = {}): ProblemOperator {
  return vectorProduct(problem, {
    name: "hessian",
    title: "Hessian",
    structure: selfAdjoint,
    needsTarget: true,
    build: hessianProduct,
    feeds: lossFeeds,
    residuals,
  });
}

/** v ↦ d∇L·v at one binding. */
export function hessianProduct({ g, loss, parameters }: Binding): LinearGraph {
  const linear = parameters.map((p) => g.input(`v_${p.name}`, p.dtype, p.shape));
  const slopes = gradient(g, loss, parameters);
  const pushed = pushForward(g, slopes, new Map(parameters.map((p, i) => [p, linear[i]!])));
  return { linear, outputs: pushed.map((d, i) => dense(g, d, parameters[i]!)) };
}
