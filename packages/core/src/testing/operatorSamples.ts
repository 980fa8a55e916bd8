/**
 * What every operator is tried on: a row an operator, with each form in which its rules take another way.
 *
 * The same table checks derivatives, batching and, where float64 is not needed, engines.
 */
import type { GraphBuilder } from "../ir/builder.ts";
import type { Value } from "../ir/graph.ts";
import { type ConvAttrs, type OpAttrs, type OpType, ops, type PoolAttrs, type UnaryOp } from "../ir/ops.ts";
import type { Sample, SampleInput } from "./sample.ts";

type Domain = readonly [number, number];

const around: Domain = [-2, 2];
const positive: Domain = [0.5, 2];
const negative: Domain = [-2, -0.5];
const broadcasts = ["2x3, 2x3", "2x3, ()", "(), 2x3", "2x3, 3", "2x1, 1x3", "3, 1x2x1"];

/** `"2x3, ()"`: two shapes. */
const shapes = (text: string): number[][] =>
  text.split(",").map((part) => (part.trim() === "()" ? [] : part.trim().split("x").map(Number)));

const real = (text: string, domain: Domain = around): SampleInput[] =>
  shapes(text).map((shape) => ({ kind: "real", shape, domain }));
const index = (text: string, first: number, end: number): SampleInput[] =>
  shapes(text).map((shape) => ({ kind: "index", shape, range: [first, end] }));
const truth = (text: string): SampleInput[] => shapes(text).map((shape) => ({ kind: "truth", shape }));

/** One sample for each list of shapes. */
function on(emit: Sample["emit"], inputs: readonly string[], ...domains: readonly Domain[]): Sample[] {
  const all = domains.length > 0 ? domains : [around];
  return inputs.flatMap((text) => all.map((domain) => ({ emit, inputs: real(text, domain) })));
}

const unary = (op: UnaryOp, ...domains: readonly Domain[]): Sample[] =>
  on((g, x) => g.unary(op, x), ["2x3", "()"], ...domains);

type Logic = (g: GraphBuilder, a: Value, b: Value) => Value;

/** A comparison as the mask of one of its operands. */
const masking = (compare: Logic): Sample[] =>
  on((g, a, b) => g.mul(g.cast(compare(g, a, b), a.dtype), a), ["2x3, 2x3", "2x3, 3"]);

/** The extreme of two, which tie only where the inputs do. */
const larger = (op: "Max" | "Min"): Sample[] =>
  on((g, a, b) => g.binary(op, g.unary("Exp", a), g.unary("Exp", b)), ["2x3, 2x3", "2x3, 3"]);

const logic = (op: "And" | "Or" | "Xor"): Sample[] =>
  ["2x3, 2x3", "3, 2x1"].map((text) => ({ emit: (g, a, b) => g.op(op, [a, b], {}), inputs: truth(text) }));

const test = (op: "IsInf" | "IsNaN"): Sample[] => on((g, x) => g.where(g.op(op, [x], {}), 0, g.square(x)), ["2x3"]);

const extreme = (op: "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceSum"): Sample[] => [
  ...on((g, x) => g.op(op, [x], { axes: [1], keepdims: false }), ["2x3", "2x3x2"]),
  ...on((g, x) => g.op(op, [x], { axes: [0, 2], keepdims: true }), ["2x3x2"]),
  ...on((g, x) => g.op(op, [g.unary("Exp", x)], { axes: [0, 1], keepdims: false }), ["2x3"]),
];

const selection = (op: "ArgMax" | "ArgMin"): Sample[] => [
  ...on((g, x) => g.op(op, [x], { axis: 0, keepdims: true, selectLast: false }), ["3x2"]),
  ...on(
    (g, x) => {
      const at = g.op(op, [x], { axis: 1, keepdims: true, selectLast: true });
      return g.op("GatherElements", [g.square(x), at], { axis: 1 });
    },
    ["2x4"],
  ),
];

const softmax = (op: "Softmax" | "LogSoftmax"): Sample[] =>
  [0, 1].flatMap((axis) => on((g, x) => g.op(op, [x], { axis }), ["2x4"]));

const plain = { strides: [1], pads: [0, 0], dilations: [1], group: 1 };
const square = { strides: [2, 1], pads: [1, 0, 0, 2], dilations: [1, 2], group: 2 };
const cube = { strides: [1, 2, 1], pads: [0, 1, 0, 1, 0, 0], dilations: [1, 1, 1], group: 1 };

/** x, w and y of a convolution that fit its attributes. */
const convolutions: readonly (readonly [ConvAttrs, x: string, w: string, y: string])[] = [
  [plain, "2x2x4", "3x2x2", "2x3x3"],
  [{ ...plain, group: 2 }, "1x4x3", "2x2x2", "1x2x2"],
  [square, "2x2x4x3", "4x1x2x2", "2x4x2x3"],
  [cube, "1x1x2x3x2", "2x1x1x2x2", "1x2x3x2x1"],
];

const conv: Sample[] = convolutions.map(([attrs, x, w]) => ({
  emit: (g, x, w) => g.conv(x, w, attrs),
  inputs: real(`${x}, ${w}`),
}));
const inputGrad: Sample[] = convolutions.map(([attrs, x, w, y]) => ({
  emit: (g, z, w) => g.op("ConvInputGrad", [z, w], { ...attrs, spatial: (shapes(x)[0] ?? []).slice(2) }),
  inputs: real(`${y}, ${w}`),
}));
const weightGrad: Sample[] = convolutions.map(([attrs, x, w, y]) => ({
  emit: (g, x, z) => g.op("ConvWeightGrad", [x, z], { ...attrs, kernel: (shapes(w)[0] ?? []).slice(2) }),
  inputs: real(`${x}, ${y}`),
}));

const line: PoolAttrs = { kernel: [2], strides: [1], pads: [0, 0], dilations: [2], spatial: [3] };
const plane: PoolAttrs = { kernel: [2, 2], strides: [2, 1], pads: [0, 1, 1, 0], dilations: [1, 1], spatial: [2, 3] };
const pool = (op: "MaxPool" | "MaxPoolIndex"): Sample[] => [
  ...on((g, x) => g.op(op, [x], line), ["2x2x5"]),
  ...on((g, x) => g.op(op, [g.unary("Exp", x)], plane), ["1x2x3x3"]),
];

const topK = (attrs: OpAttrs["TopKIndex"], text: string): Sample[] =>
  on((g, x) => g.op("GatherElements", [g.square(x), g.op("TopKIndex", [x], attrs)], { axis: attrs.axis }), [text]);

const scatter = (attrs: OpAttrs["ScatterElements"], x: string, at: string, end: number): Sample => ({
  emit: (g, data, i, updates) => g.op("ScatterElements", [data, i, updates], attrs),
  inputs: [...real(x), ...index(at, -end, 0), ...real(at)],
});

const gather = (axis: number, x: string, at: string, end: number): Sample => ({
  emit: (g, data, i) => g.gather(data, i, axis),
  inputs: [...real(x), ...index(at, -end, end)],
});

export const operatorSamples: Readonly<Record<OpType, readonly Sample[]>> = {
  // elementwise
  Abs: unary("Abs", positive, negative),
  Acos: unary("Acos", [-0.7, 0.7]),
  Acosh: unary("Acosh", [1.5, 3]),
  Asin: unary("Asin", [-0.7, 0.7]),
  Asinh: unary("Asinh"),
  Atan: unary("Atan"),
  Atanh: unary("Atanh", [-0.7, 0.7]),
  Ceil: on((g, x) => g.mul(x, g.unary("Ceil", x)), ["3"], [0.1, 0.9], [-1.9, -1.1]),
  Cos: unary("Cos"),
  Cosh: unary("Cosh"),
  Erf: unary("Erf"),
  Exp: unary("Exp"),
  Floor: on((g, x) => g.mul(x, g.unary("Floor", x)), ["3"], [1.1, 1.9], [-1.9, -1.1]),
  Log: unary("Log", positive),
  Neg: unary("Neg"),
  Reciprocal: unary("Reciprocal", positive, negative),
  Relu: on((g, x) => g.unary("Relu", g.mul(x, g.unary("Exp", x))), ["2x3"], positive, negative),
  Round: on((g, x) => g.mul(x, g.unary("Round", x)), ["3"], [0.6, 1.4]),
  Sigmoid: unary("Sigmoid", around, [-9, 9]),
  Sign: on((g, x) => g.mul(x, g.unary("Sign", x)), ["3"], positive, negative),
  Sin: unary("Sin"),
  Sinh: unary("Sinh"),
  Softplus: unary("Softplus", around, [-9, 9]),
  Sqrt: unary("Sqrt", positive),
  Tan: unary("Tan", [-1, 1]),
  Tanh: unary("Tanh"),

  Add: on((g, a, b) => g.add(a, b), broadcasts),
  Div: [
    ...on((g, a, b) => g.div(a, b), broadcasts, positive),
    { emit: (g, a, b) => g.div(a, b), inputs: [...real("2x3"), ...real("3", negative)] },
  ],
  Max: larger("Max"),
  Min: larger("Min"),
  Mod: on((g, a, b) => g.square(g.binary("Mod", g.add(a, 4), b)), ["3, 3"], [2.9, 3.1]),
  Mul: on((g, a, b) => g.mul(a, b), broadcasts),
  Pow: [
    ...on((g, a, b) => g.pow(a, b), broadcasts, positive),
    ...[-1, 0, 0.5, 3].flatMap((power) => on((g, x) => g.pow(x, power), ["2x3"], positive)),
    ...on((g, x) => g.pow(x, 3), ["2x3"]),
  ],
  Sub: on((g, a, b) => g.sub(a, b), broadcasts),

  // comparisons and logic
  And: logic("And"),
  Equal: masking((g, a, b) => g.equal(a, b)),
  Greater: masking((g, a, b) => g.greater(a, b)),
  GreaterOrEqual: masking((g, a, b) => g.binary("GreaterOrEqual", a, b)),
  IsInf: test("IsInf"),
  IsNaN: test("IsNaN"),
  Less: masking((g, a, b) => g.binary("Less", a, b)),
  LessOrEqual: masking((g, a, b) => g.binary("LessOrEqual", a, b)),
  Not: masking((g, a, b) => g.op("Not", [g.greater(a, b)], {})),
  Or: logic("Or"),
  Where: ["2x3, 2x3, 2x3", "3, 2x3, ()", "2x1, 1x3, 3", "(), 3, 1x1"].map((text) => ({
    emit: (g, condition, a, b) => g.where(condition, a, g.square(b)),
    inputs: [...truth(text).slice(0, 1), ...real(text).slice(1)],
  })),
  Xor: logic("Xor"),

  // contractions
  Conv: conv,
  ConvInputGrad: inputGrad,
  ConvWeightGrad: weightGrad,
  CumSum: [false, true].flatMap((exclusive) =>
    [false, true].flatMap((reverse) => on((g, x) => g.op("CumSum", [x], { axis: 1, exclusive, reverse }), ["2x3x2"])),
  ),
  LogSoftmax: softmax("LogSoftmax"),
  MatMul: on(
    (g, a, b) => g.matmul(a, b),
    [
      "2x3, 3x4",
      "2x2x3, 3x2", // one right factor for all rows
      "2x3, 2x3x2",
      "2x2x3, 2x3x2",
      "2x1x2x3, 2x3x2",
      "1x2x3, 2x3x2",
    ],
  ),
  ReduceMax: extreme("ReduceMax"),
  ReduceMin: extreme("ReduceMin"),
  ReduceProd: extreme("ReduceProd"),
  ReduceSum: extreme("ReduceSum"),
  Softmax: softmax("Softmax"),

  // layout
  Cast: [
    ...on((g, x) => g.cast(g.unary("Exp", g.cast(x, "float32")), "float64"), ["3"]),
    ...on((g, x) => g.mul(x, g.cast(g.cast(x, "int32"), "float64")), ["3"], [1.1, 1.9]),
  ],
  Concat: on((g, a, b) => g.concat([a, b, a], 1), ["2x3, 2x1"]),
  Constant: on(
    (g, x) => g.mul(x, g.constantTensor({ dtype: "float64", shape: [3], data: Float64Array.of(2, -1, 0) })),
    ["2x3"],
  ),
  Expand: on((g, x) => g.expand(x, [2, 2, 3]), ["2x3", "2x1x3", "3", "2x1", "()"]),
  Pad: on((g, x) => g.pad(x, [1, 0], [0, 2], 7), ["2x3"]),
  Reshape: [...on((g, x) => g.reshape(x, [3, 2]), ["2x3"]), ...on((g, x) => g.reshape(x, [1, 1]), ["()"])],
  Slice: [
    ...on((g, x) => g.slice(x, [1, 0], [2, 2]), ["3x2"]),
    ...on((g, x) => g.slice(x, [1, 5], [1, 3], [2, -2]), ["3x6"]),
    ...on((g, x) => g.slice(x, [0, 1], [2, 3], [1, 3]), ["2x9"]),
    ...on((g, x) => g.slice(x, [2], [1], [-2]), ["4"]),
    ...on((g, x) => g.slice(x, [2], [0]), ["4"]),
  ],
  Transpose: [...on((g, x) => g.transpose(x), ["2x3"]), ...on((g, x) => g.transpose(x, [2, 0, 1]), ["2x3x4"])],

  // selections
  ArgMax: selection("ArgMax"),
  ArgMin: selection("ArgMin"),
  Gather: [gather(0, "4x3", "2", 4), gather(1, "2x4x2", "2x2", 4), gather(1, "2x4", "()", 4), gather(0, "4", "6", 4)],
  GatherElements: [0, 1].map((axis) => ({
    emit: (g, x, i) => g.op("GatherElements", [x, i], { axis }),
    inputs: [...real("3x4"), ...index("2x3", -3, 3)],
  })),
  MaxPool: pool("MaxPool"),
  MaxPoolIndex: pool("MaxPoolIndex"),
  ScatterElements: [
    scatter({ axis: 1, reduction: "none" }, "3x4", "3x2", 4),
    scatter({ axis: 0, reduction: "none" }, "3x4", "2x4", 3),
    scatter({ axis: 0, reduction: "add" }, "3x2", "5x2", 3),
    scatter({ axis: 1, reduction: "add" }, "3x2", "2x3", 2),
    scatter({ axis: 1, reduction: "mul" }, "3x2", "2x3", 2),
    scatter({ axis: 0, reduction: "max" }, "3x2", "5x2", 3),
    scatter({ axis: 1, reduction: "min" }, "3x4", "3x2", 4),
  ],
  TopKIndex: [...topK({ axis: 1, k: 2, largest: true }, "2x4"), ...topK({ axis: 0, k: 2, largest: false }, "3x2")],
};

/** The table as a list, each sample with its operator and a name for messages. */
export const allSamples: readonly (Sample & { readonly op: OpType; readonly name: string })[] = ops.flatMap((op) =>
  operatorSamples[op].map((sample, i) => ({ ...sample, op, name: `${op} ${i}: ${describe(sample)}` })),
);

function describe({ inputs }: Sample): string {
  return inputs.map(({ kind, shape }) => `${kind}[${shape.join(", ")}]`).join(", ");
}
