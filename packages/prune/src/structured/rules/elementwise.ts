/** Operators that keep every index where it is. */
import type { Axes, Axis } from "../groups/atoms.ts";
import type { Rule, RuleContext } from "../groups/ruleContext.ts";

/** Each output is like the first input; other inputs are numbers. */
const unary: Rule = (c) => c.node.outputs.map(() => c.axes(0));

const broadcast: Rule = (c) => {
  const axes = broadcastAxes(
    c,
    Array.from({ length: c.arity }, (_, i) => i).filter((i) => c.has(i)),
  );
  return c.node.outputs.map(() => axes);
};

/** Axes of what inputs broadcast to (numpy's rule): those that are not of length 1 hold the same channels. */
export function broadcastAxes(c: RuleContext, inputs: readonly number[]): Axes {
  const rank = Math.max(0, ...inputs.map((i) => c.shape(i).length));
  return Array.from({ length: rank }, (_, axis) => {
    const met = inputs.flatMap((i): Axis[] => {
      const at = axis - (rank - c.shape(i).length);
      return at >= 0 && c.shape(i)[at] !== 1 ? [c.axes(i)[at] ?? null] : [];
    });
    return tieAll(c, met);
  });
}

/** All hold the same channels. */
export function tieAll(c: RuleContext, axes: readonly Axis[]): Axis {
  const [first = null, ...others] = axes;
  const together = others.reduce((a: Axis, b) => c.tie(a, b), first);
  // One that came in front of an axis that has to stay is locked by then; its channels are still the same.
  return axes.includes(null) ? null : together;
}

/** Quantised values: scale and zero point are numbers, or one for each index of an axis. */
const quantised: Rule = (c) => {
  const x = c.axes(0);
  const perAxis = c.shape(1).length === 1 && (c.shape(1)[0] ?? 1) > 1;
  if (c.shape(1).length > 1) c.lockInput(0, "is quantised in blocks");
  if (!perAxis) return [x];
  const axis = c.int("axis", 1);
  const at = axis < 0 ? axis + x.length : axis;
  const scaled = [1, 2].filter((i) => c.has(i)).map((i) => c.axes(i)[0] ?? null);
  return [x.map((channels, i) => (i === at ? tieAll(c, [channels, ...scaled]) : channels))];
};

const rows = (names: readonly string[], rule: Rule): Record<string, Rule> =>
  Object.fromEntries(names.map((name) => [name, rule]));

export const elementwise: Readonly<Record<string, Rule>> = {
  ...rows(
    [
      ...["Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Cast", "CastLike", "Ceil", "Celu"],
      ...["Clip", "Cos", "Cosh", "Dropout", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish"],
      ...["Identity", "IsInf", "IsNaN", "LeakyRelu", "Log", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round"],
      ...["Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh"],
      ...["ThresholdedRelu", "com.microsoft:QuickGelu"],
    ],
    unary,
  ),
  ...rows(
    [
      ...["Add", "And", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Equal", "Greater"],
      ...["GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod", "Mul", "Or", "Pow", "PRelu", "Sub"],
      ...["Sum", "Where", "Xor", "com.microsoft:BiasGelu", "com.microsoft:FastGelu", "com.microsoft:Gelu"],
    ],
    broadcast,
  ),
  DequantizeLinear: quantised,
  QuantizeLinear: quantised,
};
