/** What products cost at least: the matrix products in their graphs, against those of the gradient. */
import { vmap } from "../src/autodiff/vmap.ts";
import { graphOf } from "../src/ir/builder.ts";
import { costOf } from "../src/ir/cost.ts";
import { type Graph, type InputValue, reachable, type Value } from "../src/ir/graph.ts";
import { gradientGraph } from "../src/operators/gradientAndLoss.ts";
import { hessianProduct } from "../src/operators/hessian.ts";
import type { LinearGraph } from "../src/operators/linearProgram.ts";
import { lossHessian, outputProduct } from "../src/operators/outputProduct.ts";
import type { Problem } from "../src/operators/problem.ts";

function productFlops(outputs: readonly Value[]): number {
  const inputs = reachable(outputs).filter((v): v is InputValue => v.op === "Input");
  return costOf(graphOf(inputs, outputs)).productFlops;
}

/** The graphs whose sessions are timed. */
export function productGraphs({ survey: { binding } }: Problem): Record<"gradient" | "H·v" | "G·v", Graph> {
  const whole = (outputs: readonly Value[]): Graph =>
    graphOf(
      reachable(outputs).filter((v): v is InputValue => v.op === "Input"),
      outputs,
    );
  return {
    gradient: whole(gradientGraph(binding).outputs),
    H·v: whole(hessianProduct(binding).outputs),
    G·v: whole(outputProduct(binding, lossHessian).outputs),
  };
}

/** In gradients, by the operations' names. */
export function floors(problem: Problem, k: number): Record<string, number> {
  const { binding } = problem.survey;
  const { g } = binding;
  const unit = productFlops(gradientGraph(binding).outputs);
  const columns = ({ linear, outputs }: LinearGraph): Value[] => {
    const rows = new Map<Value, Value>(linear.map((v) => [v, g.input(v.name, v.dtype, [k, ...v.shape])]));
    return vmap(g, outputs, rows, k);
  };
  const [h, ggn] = [hessianProduct(binding), outputProduct(binding, lossHessian)];
  return {
    gradient: 1,
    H·v: productFlops(h.outputs) / unit,
    G·v: productFlops(ggn.outputs) / unit,
    EF·v: productFlops(ggn.outputs) / unit,
    [`H·V, ${k} columns`]: productFlops(columns(h)) / unit,
    [`G·V, ${k} columns`]: productFlops(columns(ggn)) / unit,
    [`EF·V, ${k} columns`]: productFlops(columns(ggn)) / unit,
  };
}
