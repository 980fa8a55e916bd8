/**
 * Derivatives of the elementwise operators, as a table of partial derivatives.
 *
 * A row is a tangent rule; reverse mode is its transpose, so no row can disagree with itself.
 * A formula in `y` reuses the forward result; prefer it to one in `x` where both exist.
 */

import type { GraphBuilder } from "../../ir/builder.ts";
import type { Value } from "../../ir/graph.ts";
import type { BinaryOp, PredicateOp, UnaryOp } from "../../ir/ops.ts";
import { uniformValue } from "../../ir/simplify.ts";
import { binary, dense, output, type TangentRule, unary, zero } from "../rule.ts";

const twoOverRootPi = 2 / Math.sqrt(Math.PI);

/** 1 where the condition holds, else 0, in the dtype of `like`. */
const indicator = (g: GraphBuilder, condition: Value, like: Value): Value => g.cast(condition, like.dtype);

const unaryRules = {
  Abs: unary(({ g, x }) => g.unary("Sign", x)), // 0 at the kink, as PyTorch and JAX
  Acos: unary(({ g, x }) => g.div(-1, g.unary("Sqrt", g.sub(1, g.square(x))))),
  Acosh: unary(({ g, x }) => g.div(1, g.unary("Sqrt", g.sub(g.square(x), 1)))),
  Asin: unary(({ g, x }) => g.div(1, g.unary("Sqrt", g.sub(1, g.square(x))))),
  Asinh: unary(({ g, x }) => g.div(1, g.unary("Sqrt", g.add(g.square(x), 1)))),
  Atan: unary(({ g, x }) => g.div(1, g.add(g.square(x), 1))),
  Atanh: unary(({ g, x }) => g.div(1, g.sub(1, g.square(x)))),
  Ceil: zero,
  Cos: unary(({ g, x }) => g.neg(g.unary("Sin", x))),
  Cosh: unary(({ g, x }) => g.unary("Sinh", x)),
  Erf: unary(({ g, x }) => g.mul(twoOverRootPi, g.unary("Exp", g.neg(g.square(x))))),
  Exp: unary(({ y }) => y),
  Floor: zero,
  Log: unary(({ g, x }) => g.div(1, x)),
  Neg: unary(-1),
  Reciprocal: unary(({ g, y }) => g.neg(g.square(y))),
  Relu: unary(({ g, y }) => indicator(g, g.greater(y, 0), y)), // 0 at the kink, as PyTorch and JAX
  Round: zero,
  Sigmoid: unary(({ g, y }) => g.mul(y, g.sub(1, y))),
  Sign: zero,
  Sin: unary(({ g, x }) => g.unary("Cos", x)),
  Sinh: unary(({ g, x }) => g.unary("Cosh", x)),
  Softplus: unary(({ g, x }) => g.unary("Sigmoid", x)),
  Sqrt: unary(({ g, y }) => g.div(0.5, y)),
  Tan: unary(({ g, y }) => g.add(1, g.square(y))),
  Tanh: unary(({ g, y }) => g.sub(1, g.square(y))),
} satisfies Record<UnaryOp, TangentRule>;

const binaryRules = {
  Add: binary({ a: 1, b: 1 }),
  Div: binary({ a: ({ g, b }) => g.div(1, b), b: ({ g, b, y }) => g.neg(g.div(y, b)) }),
  // Ties go to the first operand.
  Max: binary({
    a: ({ g, a, b }) => indicator(g, g.binary("GreaterOrEqual", a, b), a),
    b: ({ g, a, b }) => indicator(g, g.greater(b, a), b),
  }),
  Min: binary({
    a: ({ g, a, b }) => indicator(g, g.binary("LessOrEqual", a, b), a),
    b: ({ g, a, b }) => indicator(g, g.binary("Less", b, a), b),
  }),
  // y = a − b·n with the integer n constant between the jumps.
  Mod: binary({ a: 1, b: ({ g, a, b, y }) => g.div(g.sub(y, a), b) }),
  Mul: binary({ a: ({ b }) => b, b: ({ a }) => a }),
  Pow: binary({
    a: ({ g, a, b }) => powerSlope(g, a, b),
    // a^b log a; 0 where a ≤ 0, as PyTorch at 0^b.
    b: ({ g, a, y }) => g.where(g.greater(a, 0), g.mul(y, g.unary("Log", g.where(g.greater(a, 0), a, 1))), 0),
  }),
  Sub: binary({ a: 1, b: -1 }),
} satisfies Record<BinaryOp, TangentRule>;

/** b·a^(b−1). A constant exponent keeps the graph small. 0 at 0⁰, where a factor ∞ would meet the 0. */
function powerSlope(g: GraphBuilder, a: Value, b: Value): Value {
  const power = uniformValue(b);
  if (power === 0) return g.fill(0, a.dtype, a.shape);
  if (power !== undefined) return g.mul(power, g.pow(a, power - 1));
  const singular = g.op("And", [g.equal(a, 0), g.equal(b, 0)], {});
  return g.mul(b, g.pow(g.where(singular, 1, a), g.sub(b, 1)));
}

const predicateRules = {
  And: zero,
  Equal: zero,
  Greater: zero,
  GreaterOrEqual: zero,
  IsInf: zero,
  IsNaN: zero,
  Less: zero,
  LessOrEqual: zero,
  Not: zero,
  Or: zero,
  Xor: zero,
} satisfies Record<PredicateOp, TangentRule>;

/** Linear in both branches. Selection, not multiplication: a −inf in the branch not taken never meets a 0. */
const where: TangentRule<"Where"> = (g, node, [, da, db]) => {
  const [condition, a, b] = node.inputs;
  if (!da && !db) return null;
  const selected = g.where(condition!, dense(g, da, a!), dense(g, db, b!));
  return g.broadcastTo(selected, output(node).shape);
};

export const elementwiseRules: {
  readonly [Op in UnaryOp | BinaryOp | PredicateOp | "Where"]: TangentRule<Op>;
} = {
  ...(unaryRules as { [Op in UnaryOp]: TangentRule<Op> }),
  ...(binaryRules as { [Op in BinaryOp]: TangentRule<Op> }),
  ...predicateRules,
  Where: where,
};
