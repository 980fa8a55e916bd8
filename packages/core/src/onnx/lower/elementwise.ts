/** Elementwise operators and activations. Composites are spelled in core operators, so that they have every derivative. */

import { isFloat } from "../../ir/dtype.ts";
import { widenedDtype } from "../../ir/elements.ts";
import type { Value } from "../../ir/graph.ts";
import type { BinaryOp, PredicateOp, UnaryOp } from "../../ir/ops.ts";
import { binaryOps, predicateOps, unaryOps } from "../../ir/ops.ts";
import { dtypeOfCode } from "../tensorProto.ts";
import type { Lowering, LoweringContext } from "./context.ts";

/** The core operator of the same name on all inputs. */
const same =
  (op: UnaryOp | BinaryOp | PredicateOp): Lowering =>
  (c) =>
    c.g.op(op as UnaryOp, c.inputs(), {});

function rows(names: readonly (UnaryOp | BinaryOp | PredicateOp)[]): Record<string, Lowering> {
  return Object.fromEntries(names.map((name) => [name, same(name)]));
}

/** Any number of operands, two at a time. */
const fold =
  (op: "Add" | "Max" | "Min"): Lowering =>
  (c) =>
    c.inputs().reduce((a, b) => c.g.binary(op, a, b));

/** A row for y = f(x) with attributes. */
const activation =
  (f: (c: LoweringContext, x: Value) => Value): Lowering =>
  (c) =>
    f(c, c.need(0));

const clamp01 = (c: LoweringContext, x: Value): Value => c.g.binary("Min", c.g.binary("Max", x, 0), 1);

/** x where x > 0, else `negative`. */
const positivePart = (c: LoweringContext, x: Value, negative: Value): Value =>
  c.g.where(c.g.greater(x, 0), x, negative);

/** α(e^x − 1), with the exponent capped at 0 so that the branch not taken never overflows. */
const expm1Part = (c: LoweringContext, x: Value, alpha: number): Value =>
  c.g.mul(alpha, c.g.sub(c.g.unary("Exp", c.g.binary("Min", x, 0)), 1));

const rootHalf = Math.SQRT1_2;
const rootTwoOverPi = Math.sqrt(2 / Math.PI);

/** x Φ(x) */
export function gelu(c: LoweringContext, x: Value): Value {
  return c.g.mul(c.g.mul(0.5, x), c.g.add(1, c.g.unary("Erf", c.g.mul(x, rootHalf))));
}

/** ½x(1 + tanh(√(2/π)(x + 0.044715x³))) */
export function geluTanh(c: LoweringContext, x: Value): Value {
  const inner = c.g.mul(rootTwoOverPi, c.g.add(x, c.g.mul(0.044715, c.g.mul(x, c.g.square(x)))));
  return c.g.mul(c.g.mul(0.5, x), c.g.add(1, c.g.unary("Tanh", inner)));
}

/** Minimum and maximum of the input where given, with ONNX's rule that the minimum wins if they cross. */
const clip: Lowering = (c) => {
  const [x, low, high] = [c.need(0), c.input(1), c.input(2)];
  const raised = low ? c.g.binary("Max", x, low) : x;
  return high ? c.g.binary("Min", raised, high) : raised;
};

const cast: Lowering = (c) => {
  const to = dtypeOfCode(c.int("to", 1));
  if (!to || to === "string")
    throw c.refuse("its target type is not supported", { found: `ONNX type ${c.int("to", 1)}` });
  return c.g.cast(c.need(0), widenedDtype(to));
};

/** Integer powers keep the base's type, whatever type the exponent has. */
const pow: Lowering = (c) => {
  const [x, y] = [c.need(0), c.need(1)];
  return c.g.op("Pow", [x, c.g.cast(y, x.dtype)], {});
};

/** The core's Mod takes the sign of the dividend for floats, of the divisor for integers; `fmod` asks for the dividend's. */
const mod: Lowering = (c) => {
  const { g } = c;
  const [a, b] = [c.need(0), c.need(1)];
  const [dividend, float] = [c.int("fmod", 0) !== 0, isFloat(a.dtype)];
  const rest = g.op("Mod", [a, b], {});
  if (dividend === float) return rest;
  if (float)
    return g.where(g.binary("Less", g.mul(g.unary("Sign", rest), g.unary("Sign", b)), 0), g.add(rest, b), rest);
  // fmod on integers takes the sign of the dividend: a − b·trunc(a / b); integer division truncates.
  return c.g.sub(a, c.g.mul(b, c.g.div(a, b)));
};

export const elementwise: Readonly<Record<string, Lowering>> = {
  ...rows(unaryOps),
  ...rows(binaryOps),
  ...rows(predicateOps),
  Cast: cast,
  CastLike: (c) => c.g.cast(c.need(0), c.need(1).dtype),
  Celu: activation((c, x) => {
    const alpha = c.float("alpha", 1);
    return c.g.add(c.g.binary("Max", x, 0), expm1Part(c, c.g.div(x, alpha), alpha));
  }),
  Clip: clip,
  Elu: activation((c, x) => positivePart(c, x, expm1Part(c, x, c.float("alpha", 1)))),
  Gelu: activation((c, x) => (c.string("approximate", "none") === "tanh" ? geluTanh(c, x) : gelu(c, x))),
  HardSigmoid: activation((c, x) => clamp01(c, c.g.add(c.g.mul(x, c.float("alpha", 0.2)), c.float("beta", 0.5)))),
  HardSwish: activation((c, x) => c.g.mul(x, clamp01(c, c.g.add(c.g.mul(x, 1 / 6), 0.5)))),
  Identity: (c) => c.need(0),
  IsInf: activation((c, x) => {
    const [negative, positive] = [c.int("detect_negative", 1), c.int("detect_positive", 1)];
    const inf = c.g.op("IsInf", [x], {});
    if (negative && positive) return inf;
    if (!negative && !positive) return c.g.op("And", [inf, c.g.op("Not", [inf], {})], {});
    return c.g.op("And", [inf, positive ? c.g.greater(x, 0) : c.g.binary("Less", x, 0)], {});
  }),
  LeakyRelu: activation((c, x) => positivePart(c, x, c.g.mul(x, c.float("alpha", 0.01)))),
  Max: fold("Max"),
  Mean: (c) =>
    c.g.mul(
      c.inputs().reduce((a, b) => c.g.add(a, b)),
      1 / c.inputs().length,
    ),
  Min: fold("Min"),
  Mish: activation((c, x) => c.g.mul(x, c.g.unary("Tanh", c.g.unary("Softplus", x)))),
  Mod: mod,
  PRelu: (c) => positivePart(c, c.need(0), c.g.mul(c.need(0), c.need(1))),
  Pow: pow,
  Relu: activation((c, x) => (isFloat(x.dtype) ? c.g.unary("Relu", x) : c.g.binary("Max", x, 0))),
  Selu: activation((c, x) => {
    const gamma = c.float("gamma", 1.0507010221481323);
    const alpha = c.float("alpha", 1.6732631921768188);
    return c.g.mul(gamma, positivePart(c, x, expm1Part(c, x, alpha)));
  }),
  Shrink: activation((c, x) => {
    const [bias, lambd] = [c.float("bias", 0), c.float("lambd", 0.5)];
    const below = c.g.where(c.g.binary("Less", x, -lambd), c.g.add(x, bias), c.g.mul(x, 0));
    return c.g.where(c.g.greater(x, lambd), c.g.sub(x, bias), below);
  }),
  Softsign: activation((c, x) => c.g.div(x, c.g.add(1, c.g.unary("Abs", x)))),
  Sum: fold("Add"),
  Swish: activation((c, x) => c.g.mul(x, c.g.unary("Sigmoid", c.g.mul(x, c.float("alpha", 1))))),
  ThresholdedRelu: activation((c, x) => c.g.where(c.g.greater(x, c.float("alpha", 1)), x, 0)),
};
