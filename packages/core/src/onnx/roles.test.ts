import { describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../ir/tensor.ts";
import { readModel } from "./decode.ts";
import { encodeSpec, type NodeSpec } from "./nodeModel.ts";
import { initializerRoles } from "./roles.ts";

const zeros = (...shape: number[]): Tensor =>
  tensor("float32", shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));

async function rolesIn(
  nodes: readonly NodeSpec[],
  initializers: Readonly<Record<string, Tensor>>,
): Promise<Record<string, string>> {
  const bytes = encodeSpec({
    inputs: [{ name: "x", dtype: "float32", shape: [2, 4] }],
    outputs: [{ name: "y" }],
    nodes,
    initializers,
  });
  return Object.fromEntries(
    initializerRoles(await readModel(bytes)).map(({ initializer, role }) => [initializer.name, role]),
  );
}

const node = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[] = ["y"],
  more: Partial<NodeSpec> = {},
): NodeSpec => ({ op, inputs, outputs, ...more });

describe("roles", () => {
  it("know what an exporter has made of a constant by its name", async () => {
    const nodes = [
      node("Mul", ["x", "arange_1"], ["h"]),
      node("Add", ["h", "zeros"], ["k"]),
      node("Mul", ["k", "ones.scale"]),
    ];
    const initializers = { arange_1: zeros(4), zeros: zeros(2, 1), "ones.scale": zeros(4) };
    expect(await rolesIn(nodes, initializers)).toEqual({
      arange_1: "constant",
      zeros: "constant",
      "ones.scale": "scale",
    });
  });

  it("tell a normalisation's own scale and bias from the ones and zeros that an exporter gives it", async () => {
    const nodes = [
      node("InstanceNormalization", ["x", "val_1", "val_2"], ["h"]), // of a GroupNorm
      node("Mul", ["h", "val_3"], ["k"], { name: "/norm/Mul" }),
      node("InstanceNormalization", ["k", "fresh.weight", "val_4"]),
    ];
    const ones = (n: number): Tensor => tensor("float32", [n], new Float32Array(n).fill(1));
    const initializers = { val_1: ones(4), val_2: zeros(4), val_3: ones(4), "fresh.weight": ones(4), val_4: ones(4) };
    expect(await rolesIn(nodes, initializers)).toEqual({
      val_1: "constant",
      val_2: "constant",
      "norm.scale": "scale",
      "fresh.weight": "scale",
      val_4: "bias",
    });
  });

  it("count what rows are taken from as a table, by indices of one axis or of several", async () => {
    const nodes = [
      node("Gather", ["rows", "i"], ["a"]),
      node("GatherND", ["experts", "i"], ["b"]), // PyTorch's newer exporter: weights[index]
      node("Add", ["a", "b"]),
    ];
    const index = tensor("int64", [2, 1], Float64Array.of(0, 1));
    expect(await rolesIn(nodes, { rows: zeros(3, 4), experts: zeros(3, 4), i: index })).toEqual({
      rows: "table",
      experts: "table",
    });
  });

  it("are those of what is made of them, where a layer makes its weight of others", async () => {
    const nodes = [
      node("BatchNormalization", ["onnx::BatchNormalization_1", "gain", "none", "mean", "variance"], ["s"]), // standardised
      node("Transpose", ["s"], ["t"]),
      node("MatMul", ["x", "t"], ["h"]),
      node("Clip", ["decay", "low", "high"], ["d"]), // bounded
      node("Mul", ["h", "d"], ["k"]),
      node("Add", ["base", "low_rank"], ["w"]), // adapted
      node("MatMul", ["k", "w"], ["m"]),
      node("Expand", ["tokens", "shape"], ["e"]), // repeated
      node("MatMul", ["m", "e"]),
      node("Add", ["x", "offsets"], ["unused"]), // not made of parameters alone
    ];
    const initializers = {
      "onnx::BatchNormalization_1": zeros(4, 4),
      gain: zeros(4),
      none: zeros(4),
      mean: zeros(4),
      variance: zeros(4),
      decay: zeros(4),
      low: zeros(),
      high: zeros(),
      base: zeros(4, 4),
      low_rank: zeros(4, 4),
      tokens: zeros(1, 4),
      shape: tensor("int64", [2], Float64Array.of(4, 4)),
      offsets: zeros(2, 4),
    };
    const { gain, none, mean, variance, low, high, ...found } = await rolesIn(nodes, initializers);
    expect({ gain, none, mean, variance, low, high }).toEqual({
      gain: "scale",
      none: "bias",
      mean: "normalisation statistic",
      variance: "normalisation statistic",
      low: "constant",
      high: "constant",
    });
    expect(Object.values(found)).toEqual(["weight", "scale", "weight", "weight", "weight", "position table"]);
  });

  it("follow from the operator and the position", async () => {
    const nodes = [
      node("Gemm", ["x", "w", "b"], ["h"]),
      node("BatchNormalization", ["h", "gamma", "beta", "mean", "variance"], ["n"]),
      node("Add", ["n", "table"], ["a"]),
      node("Mul", ["a", "half"]),
    ];
    const initializers = {
      w: zeros(4, 4),
      b: zeros(4),
      gamma: zeros(4),
      beta: zeros(4),
      mean: zeros(4),
      variance: zeros(4),
      table: zeros(2, 4),
      half: zeros(),
    };
    expect(await rolesIn(nodes, initializers)).toEqual({
      w: "weight",
      b: "bias",
      gamma: "scale",
      beta: "bias",
      mean: "normalisation statistic",
      variance: "normalisation statistic",
      table: "position table",
      half: "scalar",
    });
  });

  it("are seen through what only moves a weight, and inside graphs", async () => {
    const branch = { graph: { outputs: [{ name: "r" }], nodes: [node("MatMul", ["x", "inner"], ["r"])] } };
    const nodes = [
      node("Transpose", ["w"], ["wt"]),
      node("MatMul", ["x", "wt"], ["h"]),
      node("If", ["c"], ["r"], { attrs: { then_branch: branch, else_branch: branch } }),
      node("Add", ["h", "r"]),
    ];
    const initializers = { w: zeros(4, 4), inner: zeros(4, 4), c: tensor("bool", [], Uint8Array.of(1)) };
    expect(await rolesIn(nodes, initializers)).toEqual({ w: "weight", inner: "weight" });
  });

  it("masks are known by −∞ or what stands for it", async () => {
    const mask = tensor("float32", [2, 4], [0, -1e9, 0, 0, 0, 0, Number.NEGATIVE_INFINITY, 0]);
    expect(await rolesIn([node("Add", ["x", "mask"])], { mask })).toEqual({ mask: "mask" });
  });

  it("coefficients of classical models are weights with a name", async () => {
    const nodes = [
      node("LinearRegressor", ["x"], ["y"], {
        domain: "ai.onnx.ml",
        name: "head",
        attrs: { coefficients: { floats: [1, 2, 3, 4, 5, 6, 7, 8] }, intercepts: { floats: [1, 2] }, targets: 2 },
      }),
    ];
    expect(await rolesIn(nodes, {})).toEqual({ "head.coefficients": "weight", "head.intercepts": "bias" });
  });

  it("look into loops: a state that every round passes on is what the body does with it, another is where it starts", async () => {
    const body = {
      graph: {
        inputs: [
          { name: "round", dtype: "int64", shape: [] },
          { name: "go", dtype: "bool", shape: [] },
          { name: "h", dtype: "float32", shape: [2, 4] },
          { name: "weight", dtype: "float32", shape: [4, 4] },
        ],
        outputs: [{ name: "go" }, { name: "next" }, { name: "same" }],
        nodes: [node("MatMul", ["h", "weight"], ["next"]), node("Identity", ["weight"], ["same"])],
      },
    } as const;
    const nodes = [node("Loop", ["rounds", "", "start", "w"], ["y", "w2"], { attrs: { body } })];
    const initializers = { rounds: tensor("int64", [], [2]), start: zeros(2, 4), w: zeros(4, 4) };
    expect(await rolesIn(nodes, initializers)).toEqual({ start: "initial state", w: "weight" });
  });

  it("a number added to several features is a scalar, to one feature a bias", async () => {
    const nodes = [
      node("MatMul", ["x", "w"], ["h"]),
      node("Add", ["h", "three"], ["k"]),
      node("MatMul", ["k", "v"], ["l"]),
      node("Add", ["l", "b"]),
    ];
    const initializers = { w: zeros(4, 3), three: zeros(1), v: zeros(3, 1), b: zeros(1) };
    expect(await rolesIn(nodes, initializers)).toEqual({ w: "weight", three: "scalar", v: "weight", b: "bias" });
  });

  it("a bias of several axes fits the product before it; a table of positions does not", async () => {
    const nodes = [
      node("MatMul", ["x", "w"], ["h"]),
      node("Reshape", ["h", "heads"], ["k"]),
      node("Add", ["k", "bias"], ["l"]),
      node("Add", ["l", "table"]),
    ];
    const initializers = {
      w: zeros(4, 6),
      heads: tensor("int64", [3], [2, 3, 2]),
      bias: zeros(3, 2),
      table: zeros(3, 2),
    };
    expect(await rolesIn(nodes, initializers)).toEqual({ w: "weight", bias: "bias", table: "position table" });
  });
});
