/**
 * What a derivative rule is, and the few shapes most rules have.
 *
 * A rule emits graph nodes; it never computes. Notation, here and in every rule file:
 *
 *     x, a, b   the operator's inputs        dx   tangent of x    (∂x/∂ε,   shape of x)
 *     y         its output                   ct   cotangent of y  (∂loss/∂y, shape of y)
 *     null      a tangent or cotangent that is zero everywhere: nothing is emitted for it
 *
 * Every operator has a tangent rule. Reverse mode is derived: linearize, then transpose; so only the operators that
 * are linear in an input have a transpose rule, and a tangent rule emits nothing else on the way from dx to dy.
 */
import type { GraphBuilder } from "../ir/builder.ts";
import type { NodeValue, Value } from "../ir/graph.ts";
import type { OpType } from "../ir/ops.ts";

export type Tangent = Value | null;

/** Tangent of the output from the tangents of the inputs, at least one of which is not null. */
export type TangentRule<Op extends OpType = OpType> = (
  g: GraphBuilder,
  node: NodeValue<Op>,
  dx: readonly Tangent[],
) => Tangent;

/** Cotangent of input `i`, in which the node is linear, from the cotangent of the output. */
export type TransposeRule<Op extends OpType = OpType> = (
  g: GraphBuilder,
  node: NodeValue<Op>,
  i: number,
  ct: Value,
) => Value;

/** The output of a node, as a value. */
export function output<Op extends OpType>(node: NodeValue<Op>): Value {
  return node as unknown as Value;
}

/** A partial derivative ∂y/∂x of an elementwise operator: a constant, or the nodes that compute it. */
type Partial<Names> = 0 | 1 | -1 | ((cx: Names & { readonly g: GraphBuilder; readonly y: Value }) => Value);

/** y = f(x) elementwise, from ∂y/∂x. */
export function unary(dydx: Partial<{ readonly x: Value }>): TangentRule {
  return elementwise([dydx], ([x]) => ({ x: x! }));
}

/** y = f(a, b) elementwise with broadcasting, from ∂y/∂a and ∂y/∂b. */
export function binary(d: Record<"a" | "b", Partial<{ readonly a: Value; readonly b: Value }>>): TangentRule {
  return elementwise([d.a, d.b], ([a, b]) => ({ a: a!, b: b! }));
}

/** dy = Σᵢ ∂y/∂xᵢ · dxᵢ; broadcasting is undone where this is transposed. */
function elementwise<Names>(
  partials: readonly Partial<Names>[],
  names: (inputs: readonly Value[]) => Names,
): TangentRule {
  return (g, node, dx) => {
    const y = output(node);
    const terms = partials.flatMap((partial, i) => {
      const d = dx[i] ?? null;
      if (d === null || partial === 0) return [];
      if (partial === 1) return [d];
      if (partial === -1) return [g.neg(d)];
      return [g.mul(d, partial({ ...names(node.inputs), g, y }))];
    });
    const sum = addAll(g, terms);
    return sum && g.broadcastTo(sum, y.shape);
  };
}

/** No derivative anywhere: comparisons, indices, roundings. */
export const zero: TangentRule = () => null;

/** y linear in its first input: the tangent goes through the same operator. */
export const linear: TangentRule = (g, node, [dx]) =>
  dx ? g.op(node.op, [dx, ...node.inputs.slice(1)], node.attrs) : null;

/** y = f(a, b), linear in each: dy = f(da, b) + f(a, db). */
export const bilinear: TangentRule = (g, node, [da, db]) => {
  const [a, b] = node.inputs;
  const terms = [da ? [da, b!] : null, db ? [a!, db] : null].filter((pair) => pair !== null);
  return addAll(
    g,
    terms.map((pair) => g.op(node.op, pair, node.attrs)),
  );
};

/** Σ of any number of values; null for none. */
export function addAll(g: GraphBuilder, terms: readonly Value[]): Tangent {
  return terms.reduce<Tangent>((sum, term) => (sum ? g.add(sum, term) : term), null);
}

/** A tangent, with zeros in place of null. */
export function dense(g: GraphBuilder, tangent: Tangent | undefined, like: Value): Value {
  return tangent ?? g.fill(0, like.dtype, like.shape);
}
