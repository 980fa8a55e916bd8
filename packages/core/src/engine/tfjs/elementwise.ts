/** Elementwise operators: most are TensorFlow.js's by another name. */
import { isFloat } from "../../ir/dtype.ts";
import type { BinaryOp, OpType, PredicateOp, UnaryOp } from "../../ir/ops.ts";
import { mostAxes, type Result, type Tf, type TfKernels, type TfTensor, tfDtype } from "./kernel.ts";

type Elementwise = (tf: Tf, inputs: readonly TfTensor[], attrs: object, result: Result) => TfTensor;

const unary =
  (name: keyof Tf): Elementwise =>
  (tf, [x]) =>
    (tf[name] as (x: TfTensor) => TfTensor)(x!);

const binary =
  (name: keyof Tf): Elementwise =>
  (tf, inputs, _, { shape }) => {
    const f = tf[name] as (a: TfTensor, b: TfTensor) => TfTensor;
    if (shape.length <= mostAxes) return f(inputs[0]!, inputs[1]!);
    const [a, b] = inputs.map((x) => tf.reshape(tf.broadcastTo(x, [...shape] as [number]), [-1]));
    return tf.reshape(f(a!, b!), [...shape]);
  };

export const unaryKernels: TfKernels<UnaryOp> = {
  Abs: unary("abs"),
  Acos: unary("acos"),
  Acosh: unary("acosh"),
  Asin: unary("asin"),
  Asinh: unary("asinh"),
  Atan: unary("atan"),
  Atanh: unary("atanh"),
  Ceil: unary("ceil"),
  Cos: unary("cos"),
  Cosh: unary("cosh"),
  Erf: unary("erf"),
  Exp: unary("exp"),
  Floor: unary("floor"),
  Log: unary("log"),
  Neg: unary("neg"),
  Reciprocal: unary("reciprocal"),
  Relu: unary("relu"),
  Round: unary("round"),
  Sigmoid: unary("sigmoid"),
  Sign: unary("sign"),
  Sin: unary("sin"),
  Sinh: unary("sinh"),
  Softplus: unary("softplus"),
  Sqrt: unary("sqrt"),
  Tan: unary("tan"),
  Tanh: unary("tanh"),
};

export const binaryKernels: TfKernels<BinaryOp> = {
  Add: binary("add"),
  Div: (tf, inputs, attrs, result) =>
    isFloat(result.dtype) ? binary("div")(tf, inputs, attrs, result) : towardZero(tf, inputs[0]!, inputs[1]!),
  Max: binary("maximum"),
  Min: binary("minimum"),
  Mod: (tf, [a, b], _, { dtype }) =>
    isFloat(dtype) ? tf.mul(tf.sign(a!), tf.mod(tf.abs(a!), tf.abs(b!))) : tf.mod(a!, b!), // C's fmod; Python's %
  Mul: binary("mul"),
  Pow: binary("pow"),
  Sub: binary("sub"),
};

/** Quotients of integers; 0 where the divisor is. */
function towardZero(tf: Tf, a: TfTensor, b: TfTensor): TfTensor {
  const zero = tf.zerosLike(b);
  const isZero = tf.equal(b, zero);
  const quotient = tf.floorDiv(tf.abs(a), tf.where(isZero, tf.onesLike(b), tf.abs(b)));
  return tf.mul(tf.mul(tf.sign(a), tf.sign(b)), quotient);
}

const logic =
  (name: "logicalAnd" | "logicalOr" | "logicalXor"): Elementwise =>
  (tf, inputs, attrs, result) =>
    binary(name)(
      tf,
      inputs.map((x) => tf.cast(x, "bool")),
      attrs,
      result,
    );

export const predicateKernels: TfKernels<PredicateOp> = {
  And: logic("logicalAnd"),
  Equal: binary("equal"),
  Greater: binary("greater"),
  GreaterOrEqual: binary("greaterEqual"),
  IsInf: unary("isInf"),
  IsNaN: unary("isNaN"),
  Less: binary("less"),
  LessOrEqual: binary("lessEqual"),
  Not: (tf, [x]) => tf.logicalNot(tf.cast(x!, "bool")),
  Or: logic("logicalOr"),
  Xor: logic("logicalXor"),
};

export const choiceKernels: TfKernels<Extract<OpType, "Cast" | "Where">> = {
  Cast: (tf, [x], { to }) => (to === "bool" ? tf.notEqual(x!, tf.zerosLike(x!)) : tf.cast(x!, tfDtype(to))), // to integers: toward zero
  Where: (tf, [condition, a, b]) => tf.where(tf.cast(condition!, "bool"), a!, b!),
};
