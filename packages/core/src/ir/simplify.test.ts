/** Each simplification against the kernel of the operator that it replaces, on values that tell them apart if any do. */
import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../engine/reference/interpreter.ts";
import { evaluateOp } from "../engine/reference/kernels.ts";
import { expectClose } from "../testing/expectClose.ts";
import { bools, float, ints } from "../testing/nested.ts";
import { GraphBuilder } from "./builder.ts";
import type { InputValue, Value } from "./graph.ts";
import { type InferRule, infer } from "./infer.ts";
import type { AttrsOf, OpType } from "./ops.ts";
import type { Tensor } from "./tensor.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

/** What the functions below are made of: every kind of float, and shapes with and without axes of length 1. */
const data = {
  x: float([
    [nan, inf, -inf],
    [-0, 1.5, -2],
  ]),
  row: float([[3, nan, -1]]),
  scalar: float(-7),
  cube: float("[[[1, 2, 3]], [[4, 5, 6]]]"),
  block: float("[[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [-1, -2, -3]]]"),
  weights: float("[[1, -1], [2, 0], [3, 0.5]]"),
  n: ints([[-3, 0, 2]]),
  t: bools([0, 1]),
};

type Inputs = { readonly [Name in keyof typeof data]: InputValue };
type Call = readonly [op: OpType, inputs: readonly Value[], attrs?: AttrsOf<OpType>];
type Case = (g: GraphBuilder, v: Inputs) => Call;

const filled = (g: GraphBuilder, value: number, shape: readonly number[] = [2, 3]): Value =>
  g.fill(value, "float32", shape);

/** Calls that become something simpler. */
const simpler: Readonly<Record<string, Case>> = {
  "max(x, −∞)": (g, { x }) => ["Max", [x, g.constant(-inf)]],
  "min(∞, x)": (g, { x }) => ["Min", [filled(g, inf, [3]), x]],
  "x + 0": (g, { x }) => ["Add", [x, g.constant(0)]],
  "0 + x": (g, { x }) => ["Add", [filled(g, 0, [3]), x]],
  "x − 0": (g, { x }) => ["Sub", [x, filled(g, 0)]],
  "x · 1": (g, { x }) => ["Mul", [x, filled(g, 1, [1, 3])]],
  "1 · x": (g, { x }) => ["Mul", [g.constant(1), x]],
  "x · −1": (g, { x }) => ["Mul", [x, g.constant(-1)]],
  "−1 · x": (g, { x }) => ["Mul", [filled(g, -1), x]],
  "n · −1": (g, { n }) => ["Mul", [n, g.constant(-1, "int64")]],
  "x / 1": (g, { x }) => ["Div", [x, g.constant(1)]],
  "x²": (g, { x }) => ["Pow", [x, g.constant(2)]],
  "x¹": (g, { x }) => ["Pow", [x, filled(g, 1)]],
  "n²": (g, { n }) => ["Pow", [n, g.constant(2, "int64")]],
  "−(−x)": (g, { x }) => ["Neg", [g.neg(x)]],
  "not not t": (g, { t }) => ["Not", [g.op("Not", [t], {})]],
  "a cast to its own type": (_, { x }) => ["Cast", [x], { to: "float32" }],
  "one operand joined": (_, { x }) => ["Concat", [x], { axis: 1 }],
  "no padding": (_, { x }) => ["Pad", [x], { before: [0, 0], after: [0, 0], value: 5 }],
  "an expansion to its own shape": (_, { x }) => ["Expand", [x], { shape: [2, 3] }],
  "an expansion of an expansion": (g, { row }) => ["Expand", [g.expand(row, [2, 3])], { shape: [2, 2, 3] }],
  "a reshape to its own shape": (_, { x }) => ["Reshape", [x], { shape: [2, 3] }],
  "a reshape of a reshape": (g, { x }) => ["Reshape", [g.reshape(x, [6])], { shape: [3, 2] }],
  "a reshape there and back": (g, { x }) => ["Reshape", [g.reshape(x, [6])], { shape: [2, 3] }],
  "a reshape of a fill": (g, { scalar }) => ["Reshape", [g.expand(scalar, [2, 3])], { shape: [6] }],
  "a transpose that moves nothing": (_, { x }) => ["Transpose", [x], { perm: [0, 1] }],
  "a transpose of a transpose": (g, { block }) => ["Transpose", [g.transpose(block, [1, 2, 0])], { perm: [2, 1, 0] }],
  "a transpose there and back": (g, { block }) => ["Transpose", [g.transpose(block, [1, 2, 0])], { perm: [2, 0, 1] }],
  "a transpose that moves an axis of length 1": (_, { cube }) => ["Transpose", [cube], { perm: [0, 2, 1] }],
  "a transpose of a row": (_, { row }) => ["Transpose", [row], { perm: [1, 0] }],
  "a slice of everything": (_, { x }) => ["Slice", [x], { starts: [0, 0], steps: [1, 1], sizes: [2, 3] }],
  "a sum over axes of length 1": (_, { cube }) => ["ReduceSum", [cube], { axes: [1], keepdims: false }],
  "the same with the axis kept": (_, { cube }) => ["ReduceSum", [cube], { axes: [1], keepdims: true }],
  "a sum over no axes": (_, { x }) => ["ReduceSum", [x], { axes: [], keepdims: false }],
  "a product of many rows with one matrix": (_, { block, weights }) => ["MatMul", [block, weights], {}],
};

/** Calls that look like those above and are not. */
const asTheyAre: Readonly<Record<string, Case>> = {
  "x · 0, which is NaN where x is not finite": (g, { x }) => ["Mul", [x, g.constant(0)]],
  "a row + 0 in more rows": (g, { row }) => ["Add", [row, filled(g, 0)]],
  "a row · −1 in more rows": (g, { row }) => ["Mul", [row, filled(g, -1)]],
  "a row squared in more rows": (g, { row }) => ["Pow", [row, filled(g, 2)]],
  "0 − x": (g, { x }) => ["Sub", [g.constant(0), x]],
  "1 / x": (g, { x }) => ["Div", [g.constant(1), x]],
  "1ˣ": (g, { x }) => ["Pow", [g.constant(1), x]],
  "a mixed constant": (g, { x }) => ["Mul", [x, g.constantTensor(float([1, 1, 2]))]],
  "a slice that turns around": (_, { x }) => ["Slice", [x], { starts: [0, 2], steps: [1, -1], sizes: [2, 3] }],
  "a slice of a part": (_, { x }) => ["Slice", [x], { starts: [0, 0], steps: [1, 1], sizes: [2, 2] }],
  "a transpose of rows and columns": (_, { x }) => ["Transpose", [x], { perm: [1, 0] }],
  "a sum over an axis of length 1 and another": (_, { cube }) => [
    "ReduceSum",
    [cube],
    { axes: [0, 1], keepdims: false },
  ],
  "a cast to another type": (_, { x }) => ["Cast", [x], { to: "float64" }],
};

/** The node as the builder makes it, what the kernel of `op` itself gives, and what the node evaluates to. */
function compare(emit: Case): { node: Value; direct: Tensor; found: Tensor; call: Call } {
  const g = new GraphBuilder();
  const entries = Object.entries(data).map(
    ([name, value]) => [g.input(name, value.dtype, value.shape), value] as const,
  );
  const named = Object.fromEntries(entries.map(([input]) => [input.name, input])) as unknown as Inputs;
  const call = emit(g, named);
  const [op, operands, attrs = {}] = call;
  const node = g.op(op, operands, attrs);
  const [found, ...inputs] = evaluateGraph(
    g.build(
      entries.map(([x]) => x),
      [node, ...operands],
    ),
    new Map(entries),
  );
  const out = (infer[op] as unknown as InferRule<OpType>)(operands, attrs);
  return { node, direct: evaluateOp(op, inputs, attrs, out), found: found as Tensor, call };
}

const isTheCall = (node: Value, [op, operands]: Call): boolean =>
  node.op === op && node.inputs.length === operands.length && node.inputs.every((x, i) => x === operands[i]);

describe("simplify", () => {
  it.each(Object.entries(simpler))("%s becomes something simpler of the same value", (name, emit) => {
    const { node, direct, found, call } = compare(emit);
    expect(isTheCall(node, call)).toBe(false);
    expect({ dtype: node.dtype, shape: node.shape }).toEqual({ dtype: direct.dtype, shape: direct.shape });
    expectClose(found.data, direct.data, name, { relative: 0, absolute: 0 });
  });

  it.each(Object.entries(asTheyAre))("%s stays", (_, emit) => {
    const { node, call } = compare(emit);
    expect(isTheCall(node, call)).toBe(true);
  });
});
