/** Lowered nodes against ONNX Runtime's own kernels, where ONNX's operator tests do not reach. */
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { evaluateGraph } from "../../engine/reference/interpreter.ts";
import { isFloat } from "../../ir/dtype.ts";
import { sizeOf } from "../../ir/shape.ts";
import { type Tensor, tensor } from "../../ir/tensor.ts";
import { randomStream } from "../../random/random.ts";
import { expectClose } from "../../testing/expectClose.ts";
import { tolerances } from "../../testing/tolerance.ts";
import { bindModel } from "../bind.ts";
import { readModel } from "../decode.ts";
import { type AttrSpec, encodeSpec, type ModelSpec } from "../nodeModel.ts";

/** Shape text of a float input in [−1, 1], or integers that are stored in the model. */
type In = string | Tensor | null;

type Attrs = Readonly<Record<string, AttrSpec>>;

interface Case {
  readonly op: string;
  readonly inputs: readonly In[];
  readonly attrs?: Attrs;
  readonly domain?: string;
  /** Output positions to compare; the first unless said. */
  readonly outputs?: readonly number[];
  readonly opset?: number;
}

const microsoft = (op: string, inputs: readonly In[], attrs: Attrs = {}, outputs: readonly number[] = [0]): Case => ({
  op,
  inputs,
  attrs,
  outputs,
  domain: "com.microsoft",
});
const ml = (op: string, inputs: readonly In[], attrs: Attrs, outputs: readonly number[] = [0]): Case => ({
  op,
  inputs,
  attrs,
  outputs,
  domain: "ai.onnx.ml",
});
const onnx = (op: string, inputs: readonly In[], attrs: Attrs = {}, more: Partial<Case> = {}): Case => ({
  op,
  inputs,
  attrs,
  ...more,
});

const ints = (
  values: readonly number[],
  dtype: "int64" | "int32" = "int64",
  shape: readonly number[] = [values.length],
): Tensor => tensor(dtype, shape, [...values]);
const floats = (values: readonly number[]): Tensor => tensor("float32", [values.length], Float32Array.from(values));

/** Stored numbers in ±1.5: beyond the ends of what runs from −1 to 1. */
const wide = (shape: readonly number[]): Tensor =>
  tensor(
    "float32",
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => 1.5 * Math.sin(1 + 7.3 * i)),
  );

const lstm = ["5x2x3", "2x16x3", "2x16x4", "2x32"];
const gru = ["5x2x3", "2x12x3", "2x12x4", "2x24"];
const rnn = ["5x2x3", "2x4x3", "2x4x4", "2x8"];
const lengths = ints([5, 3], "int32");
const both = { direction: "bidirectional", hidden_size: 4 };
const attention = { num_heads: 2 };

const cases: readonly Case[] = [
  // recurrent
  onnx("LSTM", lstm, both, { outputs: [0, 1, 2] }),
  onnx("LSTM", [...lstm, lengths, "2x2x4", "2x2x4", "2x12"], both, { outputs: [0, 1, 2] }),
  onnx(
    "LSTM",
    lstm,
    { ...both, activations: ["HardSigmoid", "Relu", "Softsign", "Sigmoid", "Tanh", "Tanh"] },
    { outputs: [0, 1, 2] },
  ),
  onnx("LSTM", lstm, { ...both, clip: { float: 0.3 }, input_forget: 1 }, { outputs: [0, 1, 2] }),
  onnx("LSTM", ["5x2x3", "1x16x3", "1x16x4"], { hidden_size: 4, direction: "reverse" }, { outputs: [0, 1, 2] }),
  onnx("GRU", gru, both, { outputs: [0, 1] }),
  onnx("GRU", gru, { ...both, linear_before_reset: 1 }, { outputs: [0, 1] }),
  onnx("GRU", [...gru, lengths, "2x2x4"], both, { outputs: [0, 1] }),
  onnx(
    "RNN",
    [...rnn, lengths, "2x2x4"],
    {
      ...both,
      activations: ["Relu", "Affine"],
      activation_alpha: { floats: [0.5] },
      activation_beta: { floats: [0.1] },
    },
    { outputs: [0, 1] },
  ),

  // pooling
  ...["SAME_UPPER", "SAME_LOWER", "VALID"].map((auto_pad) =>
    onnx("AveragePool", ["1x2x7x8"], { kernel_shape: [3, 2], strides: [2, 3], auto_pad }),
  ),
  onnx("AveragePool", ["2x2x7x8"], { kernel_shape: [3, 3], strides: [2, 3], pads: [1, 0, 1, 2], ceil_mode: 1 }),
  onnx("AveragePool", ["2x2x7x8"], {
    kernel_shape: [3, 3],
    strides: [2, 3],
    pads: [1, 0, 1, 2],
    ceil_mode: 1,
    count_include_pad: 1,
  }),
  onnx("AveragePool", ["2x2x6x8"], { kernel_shape: [3, 2], strides: [3, 2] }),
  onnx("LpPool", ["2x2x7x8"], { kernel_shape: [3, 3], strides: [2, 2], p: 3 }),
  onnx("GlobalLpPool", ["2x2x3x4"], { p: 2 }),
  onnx("MaxPool", ["2x3x4x5"], { kernel_shape: [2, 3], strides: [1, 2], pads: [0, 1, 1, 1] }, { outputs: [0, 1] }),
  onnx(
    "MaxPool",
    ["2x3x4x5"],
    { kernel_shape: [2, 3], strides: [3, 3], ceil_mode: 1, dilations: [2, 1] },
    { outputs: [0] },
  ),
  onnx("ConvTranspose", ["2x4x5x3", "4x3x3x2", "6"], {
    group: 2,
    strides: [2, 3],
    dilations: [2, 1],
    pads: [1, 0, 2, 1],
    output_padding: [1, 2],
  }),
  onnx("ConvTranspose", ["1x2x4", "2x3x3"], { strides: [2], output_shape: [9] }),

  // einsum
  ...[
    "bij,bjk->bik",
    "ij,kj->ik",
    "i,j->ij",
    "ij->",
    "ii->i",
    "iij,j->i",
    "bhid,bhjd->bhij",
    "ij,jk,kl->il",
    "...ij,...jk->...ik",
    "ij,j",
    "ba,ca->bc",
    "abc->cba",
  ].map((equation) => onnx("Einsum", einsumInputs(equation), { equation })),

  // layout
  ...["reflect", "edge", "wrap"].map((mode) => onnx("Pad", ["3x4", ints([2, 1, 1, 3])], { mode }, { opset: 19 })),
  onnx("Pad", ["3x4", ints([-1, 1, 2, -2])], { mode: "constant" }),
  onnx("Pad", ["2x3x4", ints([1, 2]), floats([7]), ints([-1])], {}),
  ...["linear", "cubic", "nearest"].flatMap((mode) =>
    ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"].map((coordinate_transformation_mode) =>
      onnx("Resize", ["1x2x5x4", null, null, ints([1, 2, 7, 9])], {
        mode,
        coordinate_transformation_mode,
        nearest_mode: "floor",
      }),
    ),
  ),
  onnx("Resize", ["1x2x5x4", floats([1, 1, 1.5, 2])], { mode: "linear" }, { opset: 10 }),
  onnx("Resize", ["1x2x5x4", floats([1, 1, 1.6, 2])], { mode: "nearest" }, { opset: 10 }),
  onnx("Upsample", ["1x2x3x4", floats([1, 1, 2, 2])], { mode: "linear" }, { opset: 9 }),
  onnx("Upsample", ["1x2x3x4"], { mode: "nearest", scales: { floats: [1, 1, 2, 3] } }, { opset: 7 }),
  onnx("GatherND", ["2x3x4", ints([0, 1, 2, 0, 2, -1, 1, 3], "int64", [2, 2, 2])], { batch_dims: 1 }),
  onnx("GatherND", ["2x3x4", ints([-1, 2, 0, -3], "int64", [2, 2])]),
  onnx("ScatterND", ["4x3", ints([1, -1], "int64", [2, 1]), "2x3"], {}),
  onnx("ScatterND", ["4x3", ints([1, 1, 0], "int64", [3, 1]), "3x3"], { reduction: "add" }),
  onnx("ScatterElements", ["3x4", ints([1, -1, 0, 2], "int64", [2, 2]), "2x2"], { axis: 0, reduction: "add" }),
  onnx("DepthToSpace", ["1x8x2x3"], { blocksize: 2, mode: "CRD" }),
  onnx("Softmax", ["2x3x4"], { axis: 1 }, { opset: 11 }),
  onnx("Hardmax", ["2x3x4"], {}, { opset: 11 }),
  onnx("Split", ["6x2"], { split: [1, 2, 3] }, { outputs: [0, 1, 2], opset: 12 }),
  onnx("LRN", ["2x7x3x2"], { size: 5, alpha: { float: 0.5 }, beta: { float: 0.6 }, bias: { float: 1.5 } }),
  onnx("LpNormalization", ["3x4"], { axis: 0, p: 1 }),
  onnx("GroupNormalization", ["2x4x3", "2", "2"], { num_groups: 2 }, { opset: 18 }),
  onnx("BatchNormalization", ["2x3x4", "3", "3", "3", floats([0.5, 1, 2])], { epsilon: { float: 0.01 } }, { opset: 9 }),
  onnx(
    "NegativeLogLikelihoodLoss",
    ["3x4x2", ints([0, 3, 1, 2, 2, 0], "int64", [3, 2]), "4"],
    { ignore_index: 2 },
    { opset: 13 },
  ),

  // computed places
  ...["bilinear", "nearest", "bicubic"].flatMap((mode) =>
    ["zeros", "border", "reflection"].flatMap((padding_mode) =>
      [0, 1].map((align_corners) =>
        onnx("GridSample", ["2x3x4x5", wide([2, 3, 2, 2])], { mode, padding_mode, align_corners }, { opset: 16 }),
      ),
    ),
  ),
  ...["linear", "nearest"].map((mode) => onnx("GridSample", ["2x2x3x4x5", wide([2, 2, 3, 2, 3])], { mode })),
  ...[0, 1].flatMap((align_corners) => [
    onnx("AffineGrid", ["2x2x3", ints([2, 1, 3, 4])], { align_corners }),
    onnx("AffineGrid", ["2x3x4", ints([2, 1, 2, 3, 4])], { align_corners }),
  ]),
  onnx("Col2Im", ["2x12x4", ints([4, 5]), ints([2, 3])], { strides: [1, 2], pads: [0, 0, 0, 1], dilations: [2, 1] }),
  onnx("Col2Im", ["2x18x12", ints([4, 3]), ints([3, 3])], { pads: [1, 1, 1, 1] }),
  onnx("CenterCropPad", ["5x4x3", ints([2, 7, 3])]),
  onnx("CenterCropPad", ["5x4x3", ints([6, 3])], { axes: [-1, 0] }),

  // what is an input now, as the attribute that it was
  onnx("Squeeze", ["1x3x1x2"], { axes: [0, 2] }, { opset: 11 }),
  onnx("Unsqueeze", ["3x2"], { axes: [0, 3] }, { opset: 11 }),
  ...["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare"].map(
    (op) => onnx(op, ["2x3x4"], { axes: [0, -1], keepdims: 0 }, { opset: 11 }),
  ),
  onnx("ReduceLogSumExp", ["2x3x4"], { axes: [1] }, { opset: 7 }),
  onnx("Pad", ["2x3"], { pads: [0, 1, 2, 0], value: { float: 1.5 } }, { opset: 10 }),
  onnx("Pad", ["2x4"], { pads: [0, 1, 0, 2], mode: "reflect" }, { opset: 7 }),
  onnx("Slice", ["4x5"], { starts: [1, -3], ends: [4, 100], axes: [0, 1] }, { opset: 9 }),
  onnx("Clip", ["3x4"], { min: { float: -0.5 }, max: { float: 0.25 } }, { opset: 10 }),
  onnx("Clip", ["3x4"], { max: { float: 0.25 } }, { opset: 7 }),
  onnx("TopK", ["3x5"], { k: 2, axis: 1 }, { outputs: [0, 1], opset: 9 }),
  onnx("TopK", ["3x5", ints([2])], { axis: 0 }, { outputs: [0, 1], opset: 10 }),
  onnx("Split", ["4x2"], {}, { outputs: [0, 1], opset: 11 }),
  onnx("Dropout", ["3x4"], { ratio: { float: 0.4 } }, { opset: 10 }),
  onnx("Dropout", ["3x4"], { ratio: { float: 0.4 } }, { opset: 7 }),
  onnx("Scatter", ["3x4", ints([1, 0, 2, 1], "int64", [2, 2]), "2x2"], { axis: 0 }, { opset: 9 }),
  onnx("Gemm", ["2x3", "4x3", "4"], { transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } }, { opset: 7 }),
  onnx("BatchNormalization", ["2x3x4", "3", "3", "3", floats([0.5, 1, 2])], {}, { opset: 7 }),
  onnx("LogSoftmax", ["2x3x4"], { axis: 2 }, { opset: 7 }),
  onnx("Flatten", ["2x3x4"], { axis: 2 }, { opset: 7 }),

  // com.microsoft
  microsoft("FusedMatMul", ["2x4x3", "2x5x4"], { transA: 1, transB: 1, alpha: { float: 0.25 } }),
  microsoft("FusedMatMul", ["3x2x4", "3x2x5"], { transBatchA: 1, transBatchB: 1, transA: 1 }),
  microsoft("Gelu", ["3x4"]),
  microsoft("BiasGelu", ["3x4", "4"]),
  microsoft("FastGelu", ["3x4", "4"]),
  microsoft("QuickGelu", ["3x4"], { alpha: { float: 1.5 } }),
  microsoft("SkipLayerNormalization", ["2x3x4", "2x3x4", "4", "4", "4"], { epsilon: { float: 0.01 } }, [0, 3]),
  microsoft("SkipSimplifiedLayerNormalization", ["2x3x4", "2x3x4", "4"], {}, [0, 3]),
  { op: "SimplifiedLayerNormalization", inputs: ["2x3x4", "4"], attrs: { axis: -1, epsilon: { float: 0.01 } } },
  microsoft("RotaryEmbedding", ["2x2x3x4", ints([0, 1, 2, 4, 5, 6], "int64", [2, 3]), "8x2", "8x2"]),
  microsoft("RotaryEmbedding", ["2x3x8", ints([2]), "8x2", "8x2"], { interleaved: 1 }),
  microsoft("MultiHeadAttention", ["2x3x4", "2x5x4", "2x5x6"], attention),
  microsoft("MultiHeadAttention", ["2x3x4", "2x5x4", "2x5x6", "14"], { ...attention, scale: { float: 0.3 } }),
  microsoft("MultiHeadAttention", ["2x3x4", "2x5x4", "2x5x4", null, ints([5, 3], "int32")], attention),
  microsoft(
    "MultiHeadAttention",
    ["2x3x4", "2x3x4", "2x3x4", null, ints([1, 1, 0, 1, 1, 1], "int32", [2, 3]), "1x2x3x3"],
    attention,
  ),
  microsoft("MultiHeadAttention", ["2x3x4", "2x3x4", "2x3x4"], { ...attention, unidirectional: 1 }),
  microsoft(
    "MultiHeadAttention",
    ["2x3x4", "2x3x4", "2x3x4", null, null, null, "2x2x2x2", "2x2x2x2"],
    attention,
    [0, 1, 2],
  ),

  // ai.onnx.ml
  ml("LinearRegressor", ["3x4"], {
    coefficients: { floats: [0.1, 0.2, 0.3, 0.4, 1, 2, 3, 4] },
    intercepts: { floats: [0.5, -1] },
    targets: 2,
  }),
  ...["NONE", "LOGISTIC", "SOFTMAX"].map((post_transform) =>
    ml(
      "LinearClassifier",
      ["3x2"],
      {
        coefficients: { floats: [1, 2, -1, 1, 3, -2] },
        intercepts: { floats: [0.5, 0, -1] },
        classlabels_ints: [4, 5, 9],
        post_transform,
      },
      [0, 1],
    ),
  ),
  ...["NONE", "LOGISTIC"].map((post_transform) =>
    ml(
      "LinearClassifier",
      ["3x2"],
      { coefficients: { floats: [1, 2] }, intercepts: { floats: [0.1] }, classlabels_ints: [4, 5], post_transform },
      [0, 1],
    ),
  ),
  ml(
    "LinearClassifier",
    ["3x2"],
    {
      coefficients: { floats: [1, 2, -1, -2] },
      intercepts: { floats: [0.1, -0.1] },
      classlabels_ints: [0, 1],
      post_transform: "LOGISTIC",
      multi_class: 1,
    },
    [0, 1],
  ),
  ...["MAX", "L1", "L2"].map((norm) => ml("Normalizer", ["3x4"], { norm })),
  ml("Scaler", ["3x2"], { offset: { floats: [0.5, -1] }, scale: { floats: [2, 3] } }),
  ml("Scaler", ["3x2"], { offset: { floats: [0.5] }, scale: { floats: [2] } }),
];

/** Letter by letter the lengths 2, 3, 4 …; an ellipsis is one axis of 2. */
function einsumInputs(equation: string): string[] {
  const [left = ""] = equation.split("->");
  const letters = [...new Set(left.replaceAll(/[^a-z]/g, ""))];
  return left.split(",").map((part) =>
    part
      .replace("...", "∗")
      .split("")
      .map((l) => (l === "∗" ? 2 : 2 + letters.indexOf(l)))
      .join("x"),
  );
}

const shapeOf = (text: string): number[] => text.split("x").map(Number);

function drawn(text: string, seed: number, at: number): Tensor {
  const random = randomStream(seed, `input ${at}`);
  const shape = shapeOf(text);
  return tensor(
    "float32",
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => 2 * random.uniform() - 1),
  );
}

interface Prepared {
  readonly spec: ModelSpec;
  readonly feeds: ReadonlyMap<string, Tensor>;
  readonly wanted: readonly string[];
}

function prepare({ op, inputs, attrs = {}, domain, outputs = [0], opset }: Case): Prepared {
  const names = inputs.map((input, i) => (input === null ? "" : `x${i}`));
  const feeds = new Map(
    inputs.flatMap((input, i) => (typeof input === "string" ? [[names[i]!, drawn(input, 5, i)] as const] : [])),
  );
  const stored = inputs.flatMap((input, i) =>
    input !== null && typeof input !== "string" ? [[names[i]!, input] as const] : [],
  );
  const results = Array.from({ length: Math.max(...outputs) + 1 }, (_, i) => (outputs.includes(i) ? `y${i}` : ""));
  const wanted = outputs.map((i) => `y${i}`);
  const spec: ModelSpec = {
    ...(opset ? { opset } : {}),
    inputs: [...feeds].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    outputs: wanted.map((name) => ({ name })),
    initializers: Object.fromEntries(stored),
    nodes: [{ op, inputs: names, outputs: results, attrs, ...(domain ? { domain } : {}) }],
  };
  return { spec, feeds, wanted };
}

async function runtimeOutputs({
  spec,
  feeds,
  wanted,
}: Prepared): Promise<{ dims: readonly number[]; data: number[] }[]> {
  const session = await ort.InferenceSession.create(encodeSpec(spec), { logSeverityLevel: 4 });
  const named = Object.fromEntries(
    [...feeds].map(([name, { shape, data }]) => [name, new ort.Tensor("float32", Float32Array.from(data), shape)]),
  );
  const results = await session.run(named);
  return wanted.map((name) => {
    const { dims, data } = results[name]!;
    return { dims, data: Array.from(data as Float32Array, Number) };
  });
}

async function ownOutputs({ spec, feeds, wanted }: Prepared): Promise<Tensor[]> {
  const model = await readModel(encodeSpec(spec));
  const shapes = Object.fromEntries([...feeds].map(([name, { shape }]) => [name, shape]));
  const { g, inputs, outputs } = bindModel(model, { shapes, parameters: [], outputs: wanted });
  const graph = g.build([...inputs.values()], outputs);
  return evaluateGraph(graph, new Map([...inputs].map(([name, input]) => [input, feeds.get(name)!])));
}

const inputTitle = (input: In): string => {
  if (typeof input === "string") return input;
  if (input === null) return "-";
  return input.data.length > 24 ? `[${input.shape.join("x")}]` : `[${input.data.join(" ")}]`;
};

const title = ({ op, inputs, attrs = {}, opset }: Case): string =>
  `${op}(${inputs.map(inputTitle).join(", ")}) ${JSON.stringify(attrs)}${opset ? ` opset ${opset}` : ""}`;

describe("lowered operators agree with ONNX Runtime's kernels", () => {
  it.each(cases.map((one) => [title(one), one] as const))("%s", async (_, one) => {
    const prepared = prepare(one);
    const [expected, found] = [await runtimeOutputs(prepared), await ownOutputs(prepared)];
    expected.forEach(({ dims, data }, i) => {
      expect(found[i]!.shape).toEqual([...dims]);
      expectClose(
        found[i]!.data,
        data,
        `output ${i}`,
        isFloat(found[i]!.dtype) ? tolerances.float32 : { relative: 0, absolute: 0 },
      );
    });
  });
});
