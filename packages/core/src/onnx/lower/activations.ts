/** The activation functions that recurrent operators name in their attributes. */
import type { Value } from "../../ir/graph.ts";
import type { LoweringContext } from "./context.ts";

export type Activation = (c: LoweringContext, x: Value) => Value;

/** y = f(x; α, β), with ONNX's defaults for α and β. */
interface Row {
  readonly alpha?: number;
  readonly beta?: number;
  emit(c: LoweringContext, x: Value, alpha: number, beta: number): Value;
}

const rows: Readonly<Record<string, Row>> = {
  affine: { alpha: 1, beta: 0, emit: (c, x, a, b) => c.g.add(c.g.mul(x, a), b) },
  elu: {
    alpha: 1,
    emit: (c, x, a) =>
      c.g.where(c.g.greater(x, 0), x, c.g.mul(c.g.sub(c.g.unary("Exp", c.g.binary("Min", x, 0)), 1), a)),
  },
  hardsigmoid: {
    alpha: 0.2,
    beta: 0.5,
    emit: (c, x, a, b) => c.g.binary("Min", c.g.binary("Max", c.g.add(c.g.mul(x, a), b), 0), 1),
  },
  leakyrelu: { alpha: 0.01, emit: (c, x, a) => c.g.where(c.g.greater(x, 0), x, c.g.mul(x, a)) },
  relu: { emit: (c, x) => c.g.unary("Relu", x) },
  scaledtanh: { alpha: 1, beta: 1, emit: (c, x, a, b) => c.g.mul(c.g.unary("Tanh", c.g.mul(x, b)), a) },
  sigmoid: { emit: (c, x) => c.g.unary("Sigmoid", x) },
  softplus: { emit: (c, x) => c.g.unary("Softplus", x) },
  softsign: { emit: (c, x) => c.g.div(x, c.g.add(c.g.unary("Abs", x), 1)) },
  tanh: { emit: (c, x) => c.g.unary("Tanh", x) },
  thresholdedrelu: { alpha: 1, emit: (c, x, a) => c.g.where(c.g.greater(x, a), x, 0) },
};

/**
 * Activation `i` of the node's list, or the one of that name where the node has no list.
 *
 * `activation_alpha` and `activation_beta` have an entry for each activation that takes one, in order.
 */
export function activationOf(c: LoweringContext, i: number, otherwise: string): Activation {
  const listed = c.stringList("activations");
  const rowAt = (k: number): Row => {
    const row = rows[(listed?.[k] ?? otherwise).toLowerCase()];
    if (!row) throw c.refuse("its activation is not known", { found: listed?.[k] ?? otherwise });
    return row;
  };
  const before = listed ? Array.from({ length: i }, (_, k) => rowAt(k)) : [];
  const row = rowAt(i);
  const alpha = c.floatList("activation_alpha")?.[before.filter((r) => r.alpha !== undefined).length] ?? row.alpha ?? 0;
  const beta = c.floatList("activation_beta")?.[before.filter((r) => r.beta !== undefined).length] ?? row.beta ?? 0;
  return (context, x) => row.emit(context, x, alpha, beta);
}
