/**
 * Every kernel against values worked out otherwise: by hand, or with mpmath at 60 digits for the functions of one
 * real number. Shape inference says what each result must look like, and is so tested too.
 */
import { describe, expect, it } from "vitest";
import { type InferRule, infer, type Typed } from "../../ir/infer.ts";
import { type AttrsOf, type OpType, ops } from "../../ir/ops.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { bools, float, ints } from "../../testing/nested.ts";
import { evaluateOp } from "./kernels.ts";

interface Given<Attrs> {
  readonly inputs: readonly Tensor[];
  readonly attrs: Attrs;
  readonly expected: Tensor;
}

type Sample<Op extends OpType> = Given<AttrsOf<Op>>;
type Samples = { readonly [Op in OpType]: readonly Sample<Op>[] };

/** An operator with attributes. */
function given<Attrs>(inputs: readonly Tensor[], attrs: Attrs, expected: Tensor): Given<Attrs> {
  return { inputs, attrs, expected };
}

/** One without. */
function on(inputs: readonly Tensor[], expected: Tensor): Given<Record<string, never>> {
  return given(inputs, {}, expected);
}

/** f at each x. */
function at(x: readonly number[], y: readonly number[]): Given<Record<string, never>>[] {
  return [on([float(x)], float(y))];
}

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const grid = float("[[1, 2, 3], [4, 5, 6]]");
const window = { strides: [1], pads: [0, 0], dilations: [1] };

const samples: Samples = {
  // functions of one number
  Abs: at([-2, 0, 3], [2, 0, 3]),
  Acos: at([-0.75, 0.25], [2.4188584057763776, 1.318116071652818]),
  Acosh: at([1.25, 30], [Math.LN2, 4.0940666686320855]),
  Asin: at([-0.75, 0.25], [-0.848062078981481, 0.25268025514207865]),
  Asinh: at([-2.5, 0.3], [-1.6472311463710958, 0.29567304756342244]),
  Atan: at([-2.5, 0.3], [-1.1902899496825317, 0.2914567944778671]),
  Atanh: at([-0.75, 0.25], [-0.9729550745276566, 0.25541281188299536]),
  Ceil: at([-1.5, 0.2, 2], [-1, 1, 2]),
  Cos: at([-2.5, 0.3], [-0.8011436155469337, 0.955336489125606]),
  Cosh: at([-2.5, 0.3], [6.132289479663686, 1.0453385141288605]),
  Erf: at([-2.5, 0.3], [-0.999593047982555, 0.3286267594591274]),
  Exp: at([-2.5, 0.3], [0.0820849986238988, 1.3498588075760032]),
  Floor: at([-1.5, 0.2, 2], [-2, 0, 2]),
  Log: at([0.3, 2.5], [-1.2039728043259361, 0.9162907318741551]),
  Neg: [...at([-2, 3], [2, -3]), on([ints([4, 0])], ints([-4, 0]))],
  Reciprocal: at([-2.5, 0.3], [-0.4, 3.3333333333333335]),
  Relu: at([-2, 0, 3], [0, 0, 3]),
  Round: at([-2.5, -1.5, -0.4, 0.5, 1.5, 2.5, 2.6], [-2, -2, -0, 0, 2, 2, 3]),
  Sigmoid: at([-40, -2.5, 0.3, 40], [4.248354255291589e-18, 0.07585818002124355, 0.574442516811659, 1]),
  Sign: at([-2, 0, 3], [-1, 0, 1]),
  Sin: at([-2.5, 0.3], [-0.5984721441039565, 0.29552020666133955]),
  Sinh: at([-2.5, 0.3], [-6.0502044810397875, 0.3045202934471426]),
  Softplus: at([-40, -2.5, 0.3, 40], [4.248354255291589e-18, 0.07888973429254963, 0.8543552444685271, 40]),
  Sqrt: at([0.3, 2.5], [0.5477225575051661, 1.5811388300841898]),
  Tan: at([-2.5, 0.3], [0.7470222972386603, 0.30933624960962325]),
  Tanh: at([-2.5, 0.3], [-0.9866142981514303, 0.2913126124515909]),

  // functions of two, broadcast
  Add: [
    on([grid, float([10, 20, 30])], float("[[11, 22, 33], [14, 25, 36]]")),
    on([float("[[1], [2]]"), float("[[10, 20]]")], float("[[11, 21], [12, 22]]")),
    on([ints([100, -100], "int8"), ints([100, -100], "int8")], ints([-56, 56], "int8")),
  ],
  Div: [
    on([grid, float(2)], float("[[0.5, 1, 1.5], [2, 2.5, 3]]")),
    on([float(6), float([2, -3])], float([3, -2])),
    on([ints([7, -7, 7, -7]), ints([2, 2, -2, -2])], ints([3, -3, -3, 3])),
  ],
  Max: [on([grid, float("[[3], [5]]")], float("[[3, 3, 3], [5, 5, 6]]"))],
  Min: [on([grid, float("[[3], [5]]")], float("[[1, 2, 3], [4, 5, 5]]"))],
  Mod: [
    on([float([5.5, -5.5, 5.5]), float([2, 2, -2])], float([1.5, -1.5, 1.5])),
    on([ints([5, -5, 5, -5]), ints([3, 3, -3, -3])], ints([2, 1, -1, -2])),
  ],
  Mul: [on([grid, float("[[2], [-1]]")], float("[[2, 4, 6], [-4, -5, -6]]"))],
  Pow: [
    on([float([2, 9, 0.5]), float([3, 0.5, -2])], float([8, 3, 4])),
    on([ints([3, -2, 5, 2]), ints([4, 3, 22, -1])], ints([81, -8, 2384185791015625, 0])),
  ],
  Sub: [
    on([float([10, 20, 30]), grid], float("[[9, 18, 27], [6, 15, 24]]")),
    on([ints([1], "uint8"), ints([2], "uint8")], ints([255], "uint8")),
  ],

  // predicates
  And: [on([bools("[[1], [0]]"), bools([1, 0])], bools("[[1, 0], [0, 0]]"))],
  Equal: [
    on([grid, float("[[1, 5, 3]]")], bools("[[1, 0, 1], [0, 1, 0]]")),
    on([ints([1, 2]), ints([1, 3])], bools([1, 0])),
  ],
  Greater: [on([float([1, 2, 3]), float(2)], bools([0, 0, 1]))],
  GreaterOrEqual: [on([float([1, 2, 3]), float(2)], bools([0, 1, 1]))],
  IsInf: [on([float([inf, -inf, nan, 1])], bools([1, 1, 0, 0]))],
  IsNaN: [on([float([inf, -inf, nan, 1])], bools([0, 0, 1, 0]))],
  Less: [on([float([1, 2, 3]), float(2)], bools([1, 0, 0]))],
  LessOrEqual: [on([float([1, 2, 3]), float(2)], bools([1, 1, 0]))],
  Not: [on([bools([1, 0])], bools([0, 1]))],
  Or: [on([bools("[[1], [0]]"), bools([1, 0])], bools("[[1, 1], [1, 0]]"))],
  Xor: [on([bools("[[1], [0]]"), bools([1, 0])], bools("[[0, 1], [1, 0]]"))],

  // selection
  ArgMax: [
    given([float("[[1, 7, 7], [9, 2, 9]]")], { axis: 1, keepdims: false, selectLast: false }, ints([1, 0])),
    given([float("[[1, 7, 7], [9, 2, 9]]")], { axis: 1, keepdims: true, selectLast: true }, ints("[[2], [2]]")),
    given([float("[[1, 7, 7], [9, 2, 9]]")], { axis: 0, keepdims: false, selectLast: false }, ints([1, 0, 1])),
  ],
  ArgMin: [
    given([float("[[1, 1, 7], [9, 2, 2]]")], { axis: 1, keepdims: false, selectLast: false }, ints([0, 1])),
    given([float("[[1, 1, 7], [9, 2, 2]]")], { axis: 1, keepdims: false, selectLast: true }, ints([1, 2])),
  ],
  TopKIndex: [
    given([float("[[3, 1, 3, 2], [0, 5, 4, 5]]")], { axis: 1, k: 3, largest: true }, ints("[[0, 2, 3], [1, 3, 2]]")),
    given([float("[[3, 1, 3, 2], [0, 5, 4, 5]]")], { axis: 1, k: 3, largest: false }, ints("[[1, 3, 0], [0, 2, 1]]")),
    given([float("[[3, 1], [0, 5], [4, 2]]")], { axis: 0, k: 2, largest: true }, ints("[[2, 1], [0, 2]]")),
  ],

  // layout
  Cast: [
    given([float([-1.9, 1.9, 0])], { to: "int64" }, ints([-1, 1, 0])),
    given([float([-1.9, 300, 0])], { to: "uint8" }, ints([255, 44, 0], "uint8")),
    given([float([-0.5, 0, 2])], { to: "bool" }, bools([1, 0, 1])),
    given([bools([1, 0])], { to: "float32" }, float([1, 0])),
    given([float([0.1])], { to: "float16" }, { ...float([0.1]), dtype: "float16" }),
  ],
  Concat: [
    given([grid, float("[[7], [8]]")], { axis: 1 }, float("[[1, 2, 3, 7], [4, 5, 6, 8]]")),
    given([grid, float("[[7, 8, 9]]")], { axis: 0 }, float("[[1, 2, 3], [4, 5, 6], [7, 8, 9]]")),
  ],
  Constant: [given([], { value: grid }, grid)],
  Expand: [
    given([float("[[1], [2]]")], { shape: [2, 2, 3] }, float("[[[1, 1, 1], [2, 2, 2]], [[1, 1, 1], [2, 2, 2]]]")),
    given([float(5)], { shape: [2] }, float([5, 5])),
  ],
  Pad: [
    given(
      [float("[[1, 2], [3, 4]]")],
      { before: [1, 0], after: [0, 2], value: 9 },
      float("[[9, 9, 9, 9], [1, 2, 9, 9], [3, 4, 9, 9]]"),
    ),
  ],
  Reshape: [given([grid], { shape: [3, 2] }, float("[[1, 2], [3, 4], [5, 6]]"))],
  Slice: [
    given([grid], { starts: [0, 2], steps: [1, -2], sizes: [2, 2] }, float("[[3, 1], [6, 4]]")),
    given([grid], { starts: [1, 1], steps: [1, 1], sizes: [1, 2] }, float("[[5, 6]]")),
  ],
  Transpose: [
    given([grid], { perm: [1, 0] }, float("[[1, 4], [2, 5], [3, 6]]")),
    given([float("[[[1, 2], [3, 4], [5, 6]]]")], { perm: [2, 0, 1] }, float("[[[1, 3, 5]], [[2, 4, 6]]]")),
  ],
  Where: [on([bools("[[1], [0]]"), float([1, 2]), float(9)], float("[[1, 2], [9, 9]]"))],

  // indexing
  Gather: [
    given([grid, ints("[[2, 0], [-1, 1]]")], { axis: 1 }, float("[[[3, 1], [3, 2]], [[6, 4], [6, 5]]]")),
    given([grid, ints(-1)], { axis: 0 }, float([4, 5, 6])),
  ],
  GatherElements: [
    given([grid, ints("[[0, -1], [1, 1]]")], { axis: 1 }, float("[[1, 3], [5, 5]]")),
    given([grid, ints("[[1, 0, 1]]")], { axis: 0 }, float("[[4, 2, 6]]")),
  ],
  ScatterElements: [
    given(
      [grid, ints("[[2, 0]]"), float("[[10, 20]]")],
      { axis: 1, reduction: "none" },
      float("[[20, 2, 10], [4, 5, 6]]"),
    ),
    given(
      [grid, ints("[[1, 1], [-2, 0]]"), float("[[10, 20], [30, 40]]")],
      { axis: 1, reduction: "add" },
      float("[[1, 32, 3], [44, 35, 6]]"),
    ),
    given(
      [grid, ints("[[1, 0, 1]]"), float("[[10, 20, 30]]")],
      { axis: 0, reduction: "add" },
      float("[[1, 22, 3], [14, 5, 36]]"),
    ),
  ],

  // reductions
  CumSum: [
    given([grid], { axis: 1, exclusive: false, reverse: false }, float("[[1, 3, 6], [4, 9, 15]]")),
    given([grid], { axis: 1, exclusive: true, reverse: true }, float("[[5, 3, 0], [11, 6, 0]]")),
    given([grid], { axis: 0, exclusive: true, reverse: false }, float("[[0, 0, 0], [1, 2, 3]]")),
  ],
  ReduceMax: [given([grid], { axes: [0], keepdims: false }, float([4, 5, 6]))],
  ReduceMin: [given([grid], { axes: [1], keepdims: true }, float("[[1], [4]]"))],
  ReduceProd: [given([grid], { axes: [1], keepdims: false }, float([6, 120]))],
  ReduceSum: [
    given([float("[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]")], { axes: [0, 2], keepdims: false }, float([14, 22])),
    given([grid], { axes: [0, 1], keepdims: true }, float("[[21]]")),
    given([grid], { axes: [], keepdims: false }, grid),
    given([ints([100, 100], "uint8")], { axes: [0], keepdims: false }, ints(200, "uint8")),
  ],

  // products
  MatMul: [
    on([grid, float("[[1, 0], [0, 1], [1, -1]]")], float("[[4, -1], [10, -1]]")),
    on([float("[[1, 2, 3, 4, 5]]"), float("[[1], [10], [100], [1000], [10000]]")], float("[[54321]]")),
    // batch axes [2, 1] and [2] give [2, 2]
    on(
      [float("[[[[1, 2]]], [[[3, 4]]]]"), float("[[[1], [0]], [[0], [1]]]")],
      float("[[[[1]], [[2]]], [[[3]], [[4]]]]"),
    ),
  ],
  Conv: [
    given([float("[[[1, 2, 3, 4]]]"), float("[[[1, 10]]]")], { ...window, group: 1 }, float("[[[21, 32, 43]]]")),
    given(
      [float("[[[1, 2, 3, 4]]]"), float("[[[1, 10, 100]]]")],
      { strides: [2], pads: [1, 1], dilations: [1], group: 1 },
      float("[[[210, 432]]]"),
    ),
    given(
      [float("[[[1, 2, 3, 4]]]"), float("[[[1, 10]]]")],
      { ...window, dilations: [2], group: 1 },
      float("[[[31, 42]]]"),
    ),
    // two groups of one channel each
    given(
      [float("[[[1, 2], [3, 4]]]"), float("[[[2]], [[3]], [[5]], [[7]]]")],
      { ...window, group: 2 },
      float("[[[2, 4], [3, 6], [15, 20], [21, 28]]]"),
    ),
    // channels are summed
    given(
      [float("[[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]]"), float("[[[[1, 0], [0, 1]], [[0, 1], [1, 0]]]]")],
      { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], group: 1 },
      float("[[[[18]]]]"),
    ),
  ],
  ConvInputGrad: [
    given(
      [float("[[[1, 2, 3]]]"), float("[[[1, 10]]]")],
      { ...window, group: 1, spatial: [4] },
      float("[[[1, 12, 23, 30]]]"),
    ),
    given(
      [float("[[[1, 2]]]"), float("[[[1, 10, 100]]]")],
      { strides: [2], pads: [1, 1], dilations: [1], group: 1, spatial: [4] },
      float("[[[10, 102, 20, 200]]]"),
    ),
  ],
  ConvWeightGrad: [
    given(
      [float("[[[1, 2, 3, 4]]]"), float("[[[1, 10, 100]]]")],
      { ...window, group: 1, kernel: [2] },
      float("[[[321, 432]]]"),
    ),
  ],

  // windows and normalisation
  MaxPool: [
    given([float("[[[1, 3, 2, 5]]]")], { ...window, kernel: [2], spatial: [3] }, float("[[[3, 3, 5]]]")),
    given(
      [float("[[[-1, -3], [-2, -5]]]")],
      { strides: [2], pads: [1, 1], dilations: [1], kernel: [2], spatial: [2] },
      float("[[[-1, -3], [-2, -5]]]"),
    ),
  ],
  MaxPoolIndex: [
    given([float("[[[1, 3, 2, 5]]]")], { ...window, kernel: [2], spatial: [3] }, ints("[[[1, 1, 3]]]")),
    given(
      [float("[[[[1, 9, 9], [9, 2, 3], [0, 0, 7]]]]")],
      { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], kernel: [2, 2], spatial: [2, 2] },
      ints("[[[[1, 1], [3, 8]]]]"),
    ),
  ],
  Softmax: [
    given(
      [
        float([
          [0, Math.log(3)],
          [1000, 1000],
        ]),
      ],
      { axis: 1 },
      float("[[0.25, 0.75], [0.5, 0.5]]"),
    ),
    given(
      [
        float([
          [0, -inf],
          [Math.log(3), 2],
        ]),
      ],
      { axis: 0 },
      float("[[0.25, 0], [0.75, 1]]"),
    ),
  ],
  LogSoftmax: [
    given(
      [
        float([
          [0, Math.log(3)],
          [1000, 1000],
        ]),
      ],
      { axis: 1 },
      float([
        [-Math.log(4), Math.log(0.75)],
        [-Math.LN2, -Math.LN2],
      ]),
    ),
  ],
};

/** NaN, infinities, negative zero, ties, nothing at all, rank 0. */
const edges: Partial<Samples> = {
  Add: [on([float([]), float(1)], float([])), on([float(1), float(2)], float(3))],
  ArgMax: [
    given([float([1, nan, 9, nan])], { axis: 0, keepdims: false, selectLast: false }, ints(1)),
    given([float([1, nan, 9, nan])], { axis: 0, keepdims: false, selectLast: true }, ints(3)),
  ],
  ArgMin: [given([float([1, nan, -9])], { axis: 0, keepdims: false, selectLast: false }, ints(1))],
  Cast: [
    given([float([nan, inf, -inf])], { to: "int64" }, ints([0, 0, 0])),
    given([float([nan, inf])], { to: "bool" }, bools([1, 1])),
  ],
  Ceil: at([-0.5, nan], [-0, nan]),
  Div: [on([float([1, -1, 0]), float(0)], float([inf, -inf, nan])), on([ints([5, -1]), ints([0, 3])], ints([0, 0]))],
  Equal: [on([float([nan, -0]), float([nan, 0])], bools([0, 1]))],
  Erf: at([-inf, inf, nan, -0], [-1, 1, nan, -0]),
  Exp: at([-inf, inf, nan, 710], [0, inf, nan, inf]),
  Expand: [given([float("[[1]]")], { shape: [0, 2] }, { ...float([]), shape: [0, 2] })],
  Floor: at([-0, inf], [-0, inf]),
  Gather: [given([float([1, 2]), ints([])], { axis: 0 }, float([]))],
  Greater: [on([float([nan, inf]), float([0, inf])], bools([0, 0]))],
  LogSoftmax: [given([float([0, -inf])], { axis: 0 }, float([0, -inf]))],
  Log: at([0, -1, inf], [-inf, nan, inf]),
  MatMul: [
    on(
      [
        { ...float([]), shape: [2, 0] },
        { ...float([]), shape: [0, 1] },
      ],
      float("[[0], [0]]"),
    ),
  ],
  Max: [on([float([nan, 1, -0]), float([1, nan, 0])], float([nan, nan, 0]))],
  MaxPool: [
    given([float([[[1, nan, 2]]])], { ...window, kernel: [2], spatial: [2] }, float([[[nan, nan]]])),
    given([float([[[-inf, -inf]]])], { ...window, kernel: [2], spatial: [1] }, float([[[-inf]]])),
  ],
  MaxPoolIndex: [
    given([float([[[-inf, -inf]], [[4, 4]]])], { ...window, kernel: [2], spatial: [1] }, ints("[[[0]], [[0]]]")),
  ],
  Min: [on([float([nan, 1]), float([1, nan])], float([nan, nan]))],
  Mod: [on([float([5, 5]), float([0, inf])], float([nan, 5])), on([ints([5, -3]), ints([0, 3])], ints([0, 0]))],
  Mul: [on([float([0, -2]), float([inf, 0])], float([nan, -0])), on([ints([-1]), ints([0])], ints([0]))],
  Pow: [on([float([1, -1, 0, -8, nan]), float([nan, inf, 0, 0.5, 0])], float([1, 1, 1, nan, 1]))],
  ReduceMax: [
    given([float([])], { axes: [0], keepdims: false }, float(-inf)),
    given([ints([], "int8")], { axes: [0], keepdims: false }, ints(-128, "int8")),
    given([float([1, nan])], { axes: [0], keepdims: false }, float(nan)),
    given([float(7)], { axes: [], keepdims: false }, float(7)),
  ],
  ReduceMin: [given([float([])], { axes: [0], keepdims: false }, float(inf))],
  ReduceProd: [given([float([])], { axes: [0], keepdims: false }, float(1))],
  ReduceSum: [given([{ ...float([]), shape: [2, 0] }], { axes: [1], keepdims: false }, float([0, 0]))],
  Relu: at([-0, nan, inf, -inf], [0, nan, inf, 0]),
  Round: at([-0, 2 ** 52 + 1, inf, nan, 0.49999999999999994], [-0, 2 ** 52 + 1, inf, nan, 0]),
  Sigmoid: at([-inf, inf, nan, -800], [0, 1, nan, 0]),
  Sign: at([nan, -0, -inf], [nan, -0, -1]),
  Slice: [given([grid], { starts: [0, 0], steps: [1, 1], sizes: [0, 3] }, { ...float([]), shape: [0, 3] })],
  Softmax: [
    given([float([-inf, 0, -3.4e38])], { axis: 0 }, float([0, 1, 0])),
    given([float([-inf, -inf])], { axis: 0 }, float([nan, nan])),
  ],
  Softplus: at([-inf, inf, nan, 800], [0, inf, nan, 800]),
  Sqrt: at([-1, -0, inf], [nan, -0, inf]),
  TopKIndex: [
    given([float([1, nan, inf, 1])], { axis: 0, k: 4, largest: true }, ints([1, 2, 0, 3])),
    given([float([1, nan, inf, 1])], { axis: 0, k: 4, largest: false }, ints([0, 3, 2, 1])),
  ],
  Transpose: [given([float(3)], { perm: [] }, float(3))],
  Where: [on([bools([1, 0]), float([1, nan]), float([nan, 2])], float([1, 2]))],
};

function run(op: OpType, { inputs, attrs }: Sample<OpType>): Tensor {
  const out: Typed = (infer[op] as unknown as InferRule<OpType>)(inputs, attrs);
  return evaluateOp(op, inputs, attrs, out);
}

/** Equal in type and shape; numbers to four units in the last place, NaN, ∞ and the sign of 0 exactly. */
function expectTensor(found: Tensor, expected: Tensor): void {
  expect({ dtype: found.dtype, shape: found.shape }).toEqual({ dtype: expected.dtype, shape: expected.shape });
  expect(found.data.length).toBe(expected.data.length);
  const wrong = Array.from(expected.data.entries()).filter(([i, y]) => {
    const x = found.data[i]!;
    return !Object.is(x, y) && !(y !== 0 && Math.abs(x - y) <= 4 * Number.EPSILON * Math.abs(y));
  });
  expect(wrong.map(([i, y]) => ({ i, expected: y, found: found.data[i] }))).toEqual([]);
}

function casesOf(table: Partial<Samples>): (Sample<OpType> & { op: OpType; i: number })[] {
  return ops.flatMap((op) => ((table[op] ?? []) as Sample<OpType>[]).map((sample, i) => ({ op, i, ...sample })));
}

describe("the kernel table", () => {
  it.each(casesOf(samples))("$op computes sample $i", (sample) => {
    expectTensor(run(sample.op, sample), sample.expected);
  });

  it.each(casesOf(edges))("$op keeps to IEEE and to its conventions on edge $i", (sample) => {
    expectTensor(run(sample.op, sample), sample.expected);
  });

  it.each(casesOf(samples))(
    "$op does not write to its operands and does not care how they are held, sample $i",
    (sample) => {
      const inputs = sample.inputs.map((x) => ({ ...x, data: Float64Array.from(x.data) }));
      const before = inputs.map((x) => x.data.slice());
      expectTensor(run(sample.op, { ...sample, inputs }), sample.expected);
      expect(inputs.map((x) => x.data)).toEqual(before);
    },
  );

  it("refuses an index outside its axis, and says which", () => {
    const out = { dtype: "float32", shape: [1] } as const;
    expect(() =>
      evaluateOp("Gather", [float([1, 2]), ints([2])], { axis: 0 }, out),
    ).toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot gather as an index lies outside the axis
        expected  -2 to 1
        found     2]
    `);
    expect(() => evaluateOp("GatherElements", [float([1, 2]), ints([-3])], { axis: 0 }, out)).toThrow(/lies outside/);
    const scatter = { axis: 0, reduction: "add" } as const;
    expect(() => evaluateOp("ScatterElements", [float([1, 2]), ints([5]), float([1])], scatter, out)).toThrow(
      /Cannot scatter/,
    );
  });

  it("refuses to select from nothing", () => {
    const attrs = { axis: 0, keepdims: false, selectLast: false };
    expect(() => evaluateOp("ArgMax", [float([])], attrs, { dtype: "int64", shape: [] })).toThrow(/no elements/);
  });
});
