/** The graphs that a check runs, all over the same inputs: data, target, weights, θ, and what is said beside them. */
import { gradient, pullBack } from "../autodiff/pullBack.ts";
import { dense } from "../autodiff/rule.ts";
import { evaluateOp } from "../engine/reference/kernels.ts";
import { GraphBuilder, graphOf } from "../ir/builder.ts";
import { costOf } from "../ir/cost.ts";
import type { Graph, InputValue, Value } from "../ir/graph.ts";
import type { Loss } from "../loss/loss.ts";
import type { Binding } from "../operators/binding.ts";
import { gradientGraph } from "../operators/gradientAndLoss.ts";
import { hessianProduct } from "../operators/hessian.ts";
import type { LinearGraph } from "../operators/linearProgram.ts";
import { lossHessian, outputProduct } from "../operators/outputProduct.ts";
import { holdDecisions } from "./decisions.ts";

/** A graph and the inputs that it has beside the binding's own. */
export interface CheckGraph {
  readonly graph: Graph;
  readonly extra: readonly InputValue[];
}

export interface CheckGraphs {
  readonly binding: Binding;
  /** [f] */
  readonly prediction: CheckGraph;
  /** [L, ∂L/∂θ…] */
  readonly gradient: CheckGraph;
  /** [L, f, ∂L/∂θ…] with decisions held: the extra inputs. */
  readonly held: CheckGraph;
  /** The values that decide at θ. */
  readonly decisions: CheckGraph;
  /** v ↦ H v */
  readonly hessian: CheckGraph;
  /** v ↦ G v */
  readonly ggn: CheckGraph;
  /** m ↦ Jᵀ m for a cotangent m of the prediction. */
  readonly pull: CheckGraph;
}

export function checkGraphs(binding: Binding): CheckGraphs {
  const { g, loss, prediction, parameters } = binding;
  const held = holdDecisions(g, [loss, prediction, ...gradient(g, loss, parameters)], parameters);
  const m = g.input("m", prediction.dtype, prediction.shape);
  const pulled = pullBack(g, [prediction], [m], parameters).map((d, i) => dense(g, d, parameters[i] as Value));
  return {
    binding,
    prediction: over(binding, [], [prediction]),
    gradient: { graph: gradientGraph(binding), extra: [] },
    held: over(binding, held.inputs, held.outputs),
    decisions: over(binding, [], held.decisions),
    hessian: product(binding, hessianProduct(binding)),
    ggn: product(binding, outputProduct(binding, lossHessian)),
    pull: over(binding, [m], pulled),
  };
}

/** Floating-point operations of a check that tries `steps` steps. */
export function checkFlops({ gradient: one, held, hessian, ggn, pull }: CheckGraphs, steps: number): number {
  const flops = ({ graph }: CheckGraph): number => costOf(graph).flops;
  return flops(one) + flops(hessian) + flops(ggn) + steps * (2 * flops(held) + flops(pull));
}

/** ∂L/∂f by itself, of a free f: [f, target, weights] ↦ the slope. */
export function slopeGraph(loss: Loss, { prediction, target, weights }: Binding): Graph {
  const g = new GraphBuilder(evaluateOp);
  const f = g.input("f", prediction.dtype, prediction.shape);
  const total = g.total(g.mul(weights, loss.terms(g, f, target)));
  return graphOf([f, target, weights], gradient(g, total, [f]));
}

function product(binding: Binding, { linear, outputs }: LinearGraph): CheckGraph {
  return over(binding, linear, outputs);
}

function over(
  { inputs, target, weights, parameters }: Binding,
  extra: readonly InputValue[],
  outputs: readonly Value[],
): CheckGraph {
  return { graph: graphOf([...inputs.values(), target, weights, ...parameters, ...extra], outputs), extra };
}
