/**
 * Products of the form Jᵀ M J v, with M a symmetric matrix over the predictions of each loss term: the generalised
 * Gauss–Newton matrix and the Fisher matrices differ in M alone.
 */
import { pushForward } from "../autodiff/linearize.ts";
import { gradient, pullBack } from "../autodiff/pullBack.ts";
import { dense } from "../autodiff/rule.ts";
import type { GraphBuilder } from "../ir/builder.ts";
import type { InputValue, Value } from "../ir/graph.ts";
import type { Loss } from "../loss/loss.ts";
import type { Binding } from "./binding.ts";
import type { LinearGraph } from "./linearProgram.ts";

/** u ↦ M u for a tangent u of the prediction, term weights included. */
export type OutputMatrix = (binding: Binding, u: Value) => Value;

/** v ↦ Jᵀ M J v */
export function outputProduct(binding: Binding, matrix: OutputMatrix, extra?: readonly InputValue[]): LinearGraph {
  const { g, prediction, parameters } = binding;
  const linear = parameters.map((p) => g.input(`v_${p.name}`, p.dtype, p.shape));
  const [pushed] = pushForward(g, [prediction], new Map(parameters.map((p, i) => [p, linear[i]!])));
  const u = dense(g, pushed, prediction);
  const pulled = pullBack(g, [prediction], [matrix(binding, u)], parameters);
  return { linear, outputs: pulled.map((d, i) => dense(g, d, parameters[i]!)), ...(extra ? { extra } : {}) };
}

/** ∂²(Σ_t s_t ℓ_t)/∂f² u, exact for any loss. */
export const lossHessian: OutputMatrix = ({ g, loss, prediction }, u) => {
  const slope = gradient(g, loss, [prediction])[0]!;
  return dense(g, pushForward(g, [slope], new Map([[prediction, u]]))[0], prediction);
};

/** Σ_m s_t ĝ_m ĝ_mᵀ u for scores `[M, …prediction]`, term by term. */
export function scoreMatrix(g: GraphBuilder, loss: Loss, weights: Value, scores: Value, u: Value): Value {
  const axis = loss.classAxis(u.shape);
  const products = g.mul(scores, u);
  const along = axis === null ? products : g.sum(products, [axis + 1], true);
  return g.mul(g.sum(g.mul(scores, along), [0]), overClasses(g, weights, axis));
}

/** A term's weight against its predictions. */
export function overClasses(g: GraphBuilder, weights: Value, axis: number | null): Value {
  return axis === null ? weights : g.unsqueeze(weights, axis);
}
