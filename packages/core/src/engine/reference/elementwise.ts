/**
 * The elementwise operators, each as a function of numbers.
 *
 * Broadcasting, storage and the wrapping of integers are dealt with once, in `unary` and `binary`.
 */
import { type Dtype, isFloat } from "../../ir/dtype.ts";
import type { BinaryOp, UnaryOp } from "../../ir/ops.ts";
import { sizeOf } from "../../ir/shape.ts";
import type { NumericArray, Tensor } from "../../ir/tensor.ts";
import { erf } from "./erf.ts";
import type { Kernels, Out } from "./kernel.ts";
import { allocate, settle } from "./storage.ts";
import { broadcastTo } from "./strided.ts";

type Elementwise = (inputs: readonly Tensor[], attrs: object, out: Out) => NumericArray;

/** y = f(x). */
export function unary(f: (x: number) => number): Elementwise {
  return ([x], _, out) => {
    const y = allocate(out.dtype, sizeOf(out.shape));
    const from = x!.data;
    for (let i = 0; i < y.length; i++) y[i] = f(from[i]!);
    return settle(out.dtype, y);
  };
}

/** y = f(a, b), broadcast. */
export function binary(f: (a: number, b: number) => number): Elementwise {
  return ([a, b], _, out) => {
    const y = allocate(out.dtype, sizeOf(out.shape));
    const left = a!.data.length === 1 ? a!.data : broadcastTo(a!, out.shape);
    const right = b!.data.length === 1 ? b!.data : broadcastTo(b!, out.shape);
    fill(y, left, right, f);
    return settle(out.dtype, y);
  };
}

/** y = f(left, right), where either may be a single element. */
function fill(y: NumericArray, left: NumericArray, right: NumericArray, f: (a: number, b: number) => number): void {
  if (right.length === 1) {
    const b = right[0]!;
    for (let i = 0; i < y.length; i++) y[i] = f(left[left.length === 1 ? 0 : i]!, b);
  } else if (left.length === 1) {
    const a = left[0]!;
    for (let i = 0; i < y.length; i++) y[i] = f(a, right[i]!);
  } else {
    for (let i = 0; i < y.length; i++) y[i] = f(left[i]!, right[i]!);
  }
}

/** One function for floats, another for integers. */
function byDtype(float: Elementwise, integer: Elementwise): Elementwise {
  return (inputs, attrs, out) => (isFloat(inputs[0]!.dtype) ? float : integer)(inputs, attrs, out);
}

export const unaryKernels: Kernels<UnaryOp> = {
  // arithmetic
  Abs: unary(Math.abs),
  Neg: unary((x) => -x),
  Reciprocal: unary((x) => 1 / x),
  Sign: unary(Math.sign), // NaN and ±0 are their own sign
  Sqrt: unary(Math.sqrt),

  // rounding
  Ceil: unary(Math.ceil),
  Floor: unary(Math.floor),
  Round: unary(roundHalfToEven),

  // exponentials
  Erf: unary(erf),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Relu: unary((x) => Math.max(x, 0)), // max(x, 0); NaN stays NaN
  Sigmoid: unary(sigmoid),
  Softplus: unary((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))), // log(1 + eˣ) without overflow
  Tanh: unary(Math.tanh),

  // trigonometry
  Acos: unary(Math.acos),
  Acosh: unary(Math.acosh),
  Asin: unary(Math.asin),
  Asinh: unary(Math.asinh),
  Atan: unary(Math.atan),
  Atanh: unary(Math.atanh),
  Cos: unary(Math.cos),
  Cosh: unary(Math.cosh),
  Sin: unary(Math.sin),
  Sinh: unary(Math.sinh),
  Tan: unary(Math.tan),
};

export const binaryKernels: Kernels<BinaryOp> = {
  Add: binary((a, b) => a + b),
  Div: byDtype(
    binary((a, b) => a / b),
    binary((a, b) => (b === 0 ? 0 : Math.trunc(a / b))), // toward zero; ONNX leaves x/0 open, 0 here as in numpy
  ),
  Max: binary(Math.max), // NaN if either is, as numpy
  Min: binary(Math.min),
  Mod: byDtype(
    binary((a, b) => a % b), // C's fmod: the sign of a
    binary((a, b) => (b === 0 ? 0 : a - b * Math.floor(a / b))), // Python's %: the sign of b
  ),
  Mul: binary((a, b) => a * b),
  Pow: byDtype(binary(power), binary(integerPower)),
  Sub: binary((a, b) => a - b),
};

/** 1/(1 + e⁻ˣ), from whichever exponential does not overflow. */
function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/** Adding 2⁵² leaves no bits for a fraction: IEEE addition itself rounds half to even. */
function roundHalfToEven(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude >= 2 ** 52) return x;
  const rounded = magnitude + 2 ** 52 - 2 ** 52;
  return x < 0 || Object.is(x, -0) ? -rounded : rounded;
}

/** C's pow, which is 1 for 1^NaN and (±1)^±∞ where JavaScript's is NaN. */
function power(a: number, b: number): number {
  if (a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY)) return 1;
  return a ** b;
}

/** aᵇ by repeated squaring, exact to 2⁵³; toward zero for negative b. */
function integerPower(a: number, b: number): number {
  if (b < 0) return a === 0 ? 0 : Math.trunc(1 / integerPower(a, -b));
  let [result, square] = [1, a];
  for (let rest = b; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}

/** How values change with their type. Floats are real numbers here, so a cast between them copies. */
export function cast(x: Tensor, to: Dtype): NumericArray {
  const out = { dtype: to, shape: x.shape };
  if (to === "bool") return unary((v) => (v !== 0 ? 1 : 0))([x], {}, out);
  if (isFloat(to)) return unary((v) => v)([x], {}, out);
  return unary((v) => (Number.isFinite(v) ? Math.trunc(v) : 0))([x], {}, out); // ONNX leaves NaN and ±∞ open
}
