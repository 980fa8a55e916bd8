/**
 * The check of a derivative rule: in one random direction, both modes against central differences, and again for the
 * derivatives themselves.
 *
 *     s(x) = Σ c ⊙ f(x),   d/dε s(x + ε u) = ⟨J(x) u, c⟩ = ⟨u, J(x)ᵀ c⟩
 *
 * c and u are random. Order k differentiates each derivative graph of order k − 1, so third order tries every nesting
 * of the modes: forward over reverse over forward, and the other seven.
 */
import { pushForward } from "../autodiff/linearize.ts";
import { gradient } from "../autodiff/pullBack.ts";
import { addAll } from "../autodiff/rule.ts";
import { evaluateGraph } from "../engine/reference/interpreter.ts";
import { evaluateOp } from "../engine/reference/kernels.ts";
import { GraphBuilder, graphOf } from "../ir/builder.ts";
import { isFloat } from "../ir/dtype.ts";
import type { InputValue, Value } from "../ir/graph.ts";
import { type Shape, sizeOf } from "../ir/shape.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";
import type { RandomStream } from "../random/random.ts";
import { expectClose } from "./expectClose.ts";
import { drawInputs, type Sample, sampleGraph } from "./sample.ts";
import { tolerances } from "./tolerance.ts";

export interface DerivativeCheck {
  /** Highest order of derivative, 3 unless said. */
  readonly order?: number;
}

/** A scalar function at a point: what is differentiated, over what, and where everything is held. */
interface Scalar {
  readonly g: GraphBuilder;
  readonly value: Value;
  readonly wrt: readonly InputValue[];
  readonly at: ReadonlyMap<InputValue, Tensor>;
}

/**
 * Fails unless the derivatives of a sample's function agree with differences, in forward and in reverse mode.
 *
 * @throws {Error} that names order and modes, if one does not.
 *
 * @example
 * ```ts
 * const tanh: Sample = {
 *   emit: (g, x) => g.unary("Tanh", x),
 *   inputs: [{ kind: "real", shape: [3], domain: [-2, 2] }],
 * };
 * expect(() => checkDerivatives(tanh, randomStream(7))).not.toThrow();
 * ```
 */
export function checkDerivatives(sample: Sample, random: RandomStream, { order = 3 }: DerivativeCheck = {}): void {
  const g = new GraphBuilder(evaluateOp);
  const { inputs, output } = sampleGraph(g, sample);
  const values = drawInputs(sample, random);
  const weights = g.input("c", "float64", output.shape);
  const at = new Map([...inputs.entries()].map(([i, input]) => [input, values[i] as Tensor]));
  at.set(weights, direction(output.shape, random));
  const float = isFloat(output.dtype) ? output : g.cast(output, "float64");
  const value = g.total(g.mul(weights, float));
  checkOrder({ g, value, wrt: inputs.filter((input) => isFloat(input.dtype)), at }, random, order, "");
}

function checkOrder({ g, value, wrt, at }: Scalar, random: RandomStream, order: number, nesting: string): void {
  const directions = wrt.map(({ name, dtype, shape }) => g.input(`u_${name}`, dtype, shape));
  const along = new Map([...at, ...directions.map((u) => [u, direction(u.shape, random)] as const)]);
  const numeric = centralDifference((step) => evaluateAt(value, moved(along, wrt, directions, step)));

  const [pushed] = pushForward(g, [value], new Map(wrt.map((x, i) => [x, directions[i] as Value])));
  const pulled = gradient(g, value, wrt).map((ct, i) => g.total(g.mul(ct, directions[i] as Value)));
  const modes = { forward: pushed, reverse: addAll(g, pulled) };

  for (const [mode, derivative] of Object.entries(modes)) {
    const name = nesting === "" ? mode : `${mode} over ${nesting}`;
    const analytic = derivative ? evaluateAt(derivative, along) : 0;
    expectClose([analytic], [numeric], `the derivative by ${name} mode`, tolerances.centralDifference);
    if (order > 1 && derivative) checkOrder({ g, value: derivative, wrt, at: along }, random, order - 1, name);
  }
}

/** Entries in ±[½, 1]: none is lost, none dominates. */
function direction(shape: Shape, random: RandomStream): Tensor {
  const entries = Array.from({ length: sizeOf(shape) }, () => random.sign() * (0.5 + 0.5 * random.uniform()));
  return tensor("float64", shape, entries);
}

function evaluateAt(value: Value, at: ReadonlyMap<InputValue, Tensor>): number {
  const inputs = [...at.keys()];
  const [y] = evaluateGraph(graphOf(inputs, [value]), at);
  return y?.data[0] ?? Number.NaN;
}

/** x + step · u, the rest as it was. */
function moved(
  at: ReadonlyMap<InputValue, Tensor>,
  wrt: readonly InputValue[],
  directions: readonly InputValue[],
  step: number,
): ReadonlyMap<InputValue, Tensor> {
  const entries = wrt.map((x, i) => {
    const [from, u] = [at.get(x) as Tensor, at.get(directions[i] as InputValue) as Tensor];
    return [
      x,
      tensor(
        x.dtype,
        x.shape,
        Array.from(from.data, (xk, k) => xk + step * (u.data[k] ?? 0)),
      ),
    ] as const;
  });
  return new Map([...at, ...entries]);
}

/** f′(0) to fourth order: (f(−2h) − 8 f(−h) + 8 f(h) − f(2h)) / 12h. */
function centralDifference(f: (step: number) => number, h = 1e-3): number {
  return (f(-2 * h) - 8 * f(-h) + 8 * f(h) - f(2 * h)) / (12 * h);
}
