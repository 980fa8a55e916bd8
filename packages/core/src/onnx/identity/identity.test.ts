import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../../ir/tensor.ts";
import { readModel } from "../decode.ts";
import type { OnnxModel } from "../model.ts";
import { withValues } from "../model.ts";
import { encodeSpec, type NodeSpec } from "../nodeModel.ts";
import { chooseParameters } from "../select.ts";
import { equalParameters } from "./copies.ts";
import { sourceLayout, storedName } from "./storage.ts";
import { withTies } from "./ties.ts";

const ramp = (...shape: number[]): Tensor =>
  tensor(
    "float32",
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1),
  );

const transposed = ({ shape: [r, c], data }: Tensor): Tensor =>
  tensor(
    "float32",
    [c!, r!],
    Float32Array.from({ length: data.length }, (_, i) => data[(i % r!) * c! + Math.floor(i / r!)]!),
  );

function read(nodes: readonly NodeSpec[], initializers: Readonly<Record<string, Tensor>>): Promise<OnnxModel> {
  const inputs = [{ name: "x", dtype: "float32", shape: [2, 4] }] as const;
  return readModel(encodeSpec({ inputs, outputs: [{ name: "y" }], nodes, initializers }));
}

const chosen = (model: OnnxModel): string[] =>
  chooseParameters(model).flatMap((c) => (c.chosen ? [c.initializer.name] : []));

describe("aliases", () => {
  const merged = (): Promise<OnnxModel> =>
    read(
      [
        { op: "Identity", inputs: ["fc1.bias"], outputs: ["fc2.bias"] },
        { op: "Add", inputs: ["x", "fc1.bias"], outputs: ["h"] },
        { op: "Add", inputs: ["h", "fc2.bias"], outputs: ["y"] },
      ],
      { "fc1.bias": ramp(4) },
    );

  it("with names of their own are parameters of their own, stored together", async () => {
    const model = await merged();
    expect(chosen(model)).toEqual(["fc1.bias", "fc2.bias"]);
    expect(model.nodes.map(({ opType }) => opType)).toEqual(["Add", "Add"]);
    expect(model.initializers.get("fc2.bias")).toMatchObject({ storage: { name: "fc1.bias", shared: true } });
    const other = withValues(model, new Map([["fc1.bias", tensor("float32", [4], [9, 9, 9, 9])]]));
    expect(other.initializers.get("fc2.bias")!.read().data).toEqual(ramp(4).data);
  });

  it("are one again when tied", async () => {
    const model = await merged();
    expect(equalParameters(model)).toEqual([{ name: "fc2.bias", of: "fc1.bias", transposed: false }]);
    expect(chosen(withTies(model, { tie: ["fc2.*"] }))).toEqual(["fc1.bias"]);
  });
});

describe("numbered weights", () => {
  it("get the name of the layer that uses them, and their source layout", async () => {
    const model = await read(
      [
        { op: "MatMul", inputs: ["x", "onnx::MatMul_7"], outputs: ["h"], name: "/layer1/layer1.0/fc/MatMul" },
        { op: "Add", inputs: ["h", "val_3"], outputs: ["y"], name: "/layer1/layer1.0/fc/Add" },
      ],
      { "onnx::MatMul_7": ramp(4, 3), val_3: ramp(3) },
    );
    expect(chosen(model)).toEqual(["layer1.0.fc.weight", "layer1.0.fc.bias"]);
    const weight = model.initializers.get("layer1.0.fc.weight")!;
    expect(storedName(weight)).toBe("onnx::MatMul_7");
    expect(sourceLayout(weight)).toEqual({ shape: [3, 4], perm: [1, 0] });
    expect(sourceLayout(model.initializers.get("layer1.0.fc.bias")!)).toEqual({ shape: [3], perm: [0] });
  });

  it("of a convolution into which its batch normalisation was folded are a plain convolution's", async () => {
    const nodes = [
      { op: "Conv", inputs: ["x", "onnx::Conv_9", "onnx::Conv_10"], outputs: ["y"], name: "/stem/conv/Conv" },
    ];
    const model = await read(nodes, { "onnx::Conv_9": ramp(3, 2, 1), "onnx::Conv_10": ramp(3) });
    expect(chosen(model)).toEqual(["stem.conv.weight", "stem.conv.bias"]);
    expect(sourceLayout(model.initializers.get("stem.conv.weight")!)).toEqual({ shape: [3, 2, 1], perm: [0, 1, 2] });
  });

  it("can still be named as they are stored", async () => {
    const nodes = [{ op: "MatMul", inputs: ["x", "val_7"], outputs: ["y"], name: "/fc/MatMul" }];
    const model = await read(nodes, { val_7: ramp(4, 3) });
    const found = chooseParameters(model, ["val_7"]).filter((c) => c.chosen);
    expect(found.map(({ initializer }) => initializer.name)).toEqual(["fc.weight"]);
    const other = withValues(model, new Map([["val_7", tensor("float32", [4, 3], new Float32Array(12))]]));
    expect(other.initializers.get("fc.weight")!.read().data).toEqual(new Float32Array(12));
  });

  it("keep their number where no layer is known, and never take another's name", async () => {
    const nodes = [
      { op: "MatMul", inputs: ["x", "val_1"], outputs: ["h"], name: "node_1" },
      { op: "Mul", inputs: ["h", "fc.weight"], outputs: ["k"], name: "/fc/Mul" },
      { op: "MatMul", inputs: ["k", "val_2"], outputs: ["y"], name: "/fc/MatMul" },
    ];
    const model = await read(nodes, { val_1: ramp(4, 4), "fc.weight": ramp(4), val_2: ramp(4, 3) });
    expect(chosen(model)).toEqual(["val_1", "fc.weight", "fc.weight_2"]);
  });
});

describe("copies", () => {
  const table = ramp(5, 4);
  const model = (): Promise<OnnxModel> =>
    read(
      [
        { op: "MatMul", inputs: ["x", "head"], outputs: ["h"] },
        { op: "MatMul", inputs: ["h", "embed"], outputs: ["k"] },
        { op: "Add", inputs: ["k", "zero1"], outputs: ["l"] },
        { op: "Add", inputs: ["l", "zero2"], outputs: ["y"] },
      ],
      {
        embed: table,
        head: transposed(table),
        zero1: tensor("float32", [4], new Float32Array(4)),
        zero2: tensor("float32", [4], new Float32Array(4)),
      },
    );

  it("transposed or not are found; equal zeros are no copies", async () => {
    expect(equalParameters(await model())).toEqual([{ name: "head", of: "embed", transposed: true }]);
  });

  it("that are tied become the original, transposed", async () => {
    const tied = withTies(await model(), { tie: ["*"] });
    expect(chosen(tied)).toEqual(["embed", "zero1", "zero2"]);
    expect(tied.nodes[0]).toMatchObject({ opType: "Transpose", inputs: ["embed"], outputs: ["head"] });
  });

  it("that do not exist cannot be tied", async () => {
    const untied = await model();
    expect(() => withTies(untied, { tie: ["zero*"] })).toThrow(/matches no copy/);
  });
});

it("untied, every use of a parameter is one of its own", async () => {
  const model = await read(
    [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["h"], name: "/a/MatMul" },
      { op: "MatMul", inputs: ["h", "w"], outputs: ["y"], name: "/b/MatMul" },
    ],
    { w: ramp(4, 4) },
  );
  const untied = withTies(model, { untie: ["w"] });
  expect(chosen(untied)).toEqual(["w", "w in b"]);
  expect(untied.nodes[1]!.inputs[1]).toBe("w in b");
  expect(untied.initializers.get("w in b")).toMatchObject({ storage: { name: "w", shared: true } });
  expect(() => withTies(model, { untie: ["x"] })).toThrow(/none that is used twice/);
});

it("the dynamo exporter's scopes are read from the nodes' metadata", async () => {
  const bytes = await readFile(new URL("../../../testdata/identity/dynamo-mlp.onnx", import.meta.url));
  const model = await readModel(bytes);
  expect(model.nodes.map(({ scope }) => scope)).toContain("body.0");
  expect(chosen(model)).toEqual(["body.0.bias", "body.2.bias", "body.0.weight", "body.2.weight"]);
});
