/** A model written back: what changes in the file is what was meant to, whatever way its parameters are stored. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { onnx } from "onnx-proto";
import { afterAll, describe, expect, it } from "vitest";
import { evaluateGraph } from "../engine/reference/interpreter.ts";
import { type Tensor, tensor } from "../ir/tensor.ts";
import { expectClose } from "../testing/expectClose.ts";
import { bindModel } from "./bind.ts";
import { readModel } from "./decode.ts";
import { type TieOptions, withTies } from "./identity/ties.ts";
import type { OnnxModel } from "./model.ts";
import { encodeSpec, type ModelSpec } from "./nodeModel.ts";
import { writePatchedModel } from "./patchFile.ts";
import { messages } from "./proto.ts";

const folder = await mkdtemp(join(tmpdir(), "hessonite-write-"));
afterAll(() => rm(folder, { recursive: true }));
let files = 0;

const vector = (...data: number[]): Tensor => tensor("float32", [data.length], Float32Array.from(data));
const matrix = (...rows: number[][]): Tensor =>
  tensor("float32", [rows.length, rows[0]!.length], Float32Array.from(rows.flat()));

async function save(bytes: Uint8Array): Promise<string> {
  const path = join(folder, `model${files++}.onnx`);
  await writeFile(path, bytes);
  return path;
}

/** The file with these values, its bytes and what it computes at x. */
async function written(
  source: string,
  values: Readonly<Record<string, Tensor>>,
  ties: TieOptions = {},
): Promise<{ path: string; bytes: Buffer; model: OnnxModel }> {
  const path = join(folder, `out${files++}`, "model.onnx");
  const model = withTies(await readModel(source), ties);
  await writePatchedModel(source, path, new Map(Object.entries(values)), { model });
  return { path, bytes: await readFile(path), model: await readModel(path) };
}

function evaluate(model: OnnxModel, x: Tensor): number[] {
  const { g, inputs, outputs } = bindModel(model, { shapes: { x: x.shape }, parameters: [] });
  const feeds = new Map([...inputs.values()].map((input) => [input, x]));
  return Array.from(evaluateGraph(g.build([...inputs.values()], outputs), feeds)[0]!.data);
}

const changed = (a: Uint8Array, b: Uint8Array): number[] => [...a].flatMap((byte, i) => (byte === b[i] ? [] : [i]));

describe("a model whose weights are replaced differs in those bytes only", () => {
  const { DataType } = messages.TensorProto;
  const floats = new Uint8Array(Float32Array.of(1, 2, 3).buffer);
  const forms: Readonly<Record<string, onnx.ITensorProto>> = {
    "raw float32": { dataType: DataType.FLOAT, rawData: floats },
    float_data: { dataType: DataType.FLOAT, floatData: [1, 2, 3] },
    double_data: { dataType: DataType.DOUBLE, doubleData: [1, 2, 3] },
    "raw float16": {
      dataType: DataType.FLOAT16,
      rawData: new Uint8Array(Uint16Array.of(0x3c00, 0x4000, 0x4200).buffer),
    },
    "raw bfloat16": {
      dataType: DataType.BFLOAT16,
      rawData: new Uint8Array(Uint16Array.of(0x3f80, 0x4000, 0x4040).buffer),
    },
    // Three bytes each, before and after.
    "float16 in int32_data": { dataType: DataType.FLOAT16, int32Data: [0x4000, 0x4200, 0x4400] },
  };

  it.each(Object.entries(forms))("%s", async (_, form) => {
    const file = messages.ModelProto.encode({
      irVersion: 8,
      producerName: "somebody",
      opsetImport: [{ version: 17 }],
      graph: {
        name: "g",
        initializer: [
          { name: "w", dims: [3], ...form },
          { name: "other", dataType: 1, dims: [1], floatData: [7] },
        ],
        node: [{ opType: "Identity", input: ["w"], output: ["y"] }],
        output: [{ name: "y" }],
      },
      metadataProps: [{ key: "kept", value: "yes" }],
    }).finish();
    const source = await save(file);
    const { bytes, model } = await written(source, { w: vector(5, 6, 8) });
    expect(bytes.length).toBe(file.length);
    const at = changed(bytes, file);
    const width = Math.max(...at) - Math.min(...at) + 1;
    expect(at.length).toBeGreaterThan(0);
    expect(width).toBeLessThanOrEqual(form.doubleData ? 24 : 12);
    expect([...model.initializers.get("w")!.read().data]).toEqual([5, 6, 8]);
    expect((await written(source, {})).bytes.equals(file), "nothing given, nothing changed").toBe(true);
  });

  it("external data: the model's file stays, and so do all other bytes and files", async () => {
    const entries = (location: string, offset: number): onnx.IStringStringEntryProto[] =>
      Object.entries({ location, offset, length: 8 }).map(([key, value]) => ({ key, value: String(value) }));
    const stored = (name: string, location: string, offset: number): onnx.ITensorProto => ({
      name,
      dataType: 1,
      dims: [2],
      dataLocation: 1,
      externalData: entries(location, offset),
    });
    const source = await save(
      messages.ModelProto.encode({
        irVersion: 8,
        opsetImport: [{ version: 17 }],
        graph: {
          name: "g",
          initializer: [stored("w", "a.bin", 8), stored("v", "sub/b.bin", 0)],
          node: [{ opType: "Add", input: ["w", "v"], output: ["y"] }],
          output: [{ name: "y" }],
        },
      }).finish(),
    );
    const data = Buffer.from(Float32Array.of(9, 9, 1, 2, 7).buffer);
    await writeFile(join(folder, "a.bin"), data);
    await mkdir(join(folder, "sub"));
    await writeFile(join(folder, "sub/b.bin"), data);
    const { path, bytes, model } = await written(source, { w: vector(3, 4) });
    expect(bytes.equals(await readFile(source))).toBe(true);
    const [a, b] = [await readFile(join(path, "../a.bin")), await readFile(join(path, "../sub/b.bin"))];
    expect([...new Float32Array(Uint8Array.from(a).buffer)]).toEqual([9, 9, 3, 4, 7]);
    expect(b.equals(data)).toBe(true);
    expect(evaluate(model, vector())).toEqual([12, 13]);
  });

  it("float16 whose integers get longer: that message is written anew, every other byte kept", async () => {
    const int32Data = [0, 0, 0];
    const file = messages.ModelProto.encode({
      irVersion: 8,
      opsetImport: [{ version: 17 }],
      graph: {
        name: "g",
        initializer: [{ name: "w", dims: [3], dataType: DataType.FLOAT16, int32Data }],
        node: [{ opType: "Identity", input: ["w"], output: ["y"] }],
        output: [{ name: "y" }],
      },
    }).finish();
    const { bytes } = await written(await save(file), { w: vector(1, 2, -3) });
    const [before, after] = [messages.ModelProto.decode(file), messages.ModelProto.decode(bytes)];
    expect(after.graph!.initializer![0]!.int32Data).toEqual([0x3c00, 0x4000, 0xc200]);
    after.graph!.initializer![0]!.int32Data = int32Data;
    expect(after).toEqual(before);
  });
});

describe("parameters that are stored together", () => {
  const merged: ModelSpec = {
    inputs: [{ name: "x", dtype: "float32", shape: [2] }],
    outputs: [{ name: "y" }],
    initializers: { "fc1.bias": vector(1, 2), scale: vector(1, 1) },
    nodes: [
      { op: "Identity", inputs: ["fc1.bias"], outputs: ["fc2.bias"] },
      { op: "Mul", inputs: ["x", "fc1.bias"], outputs: ["h"] },
      { op: "Add", inputs: ["h", "fc2.bias"], outputs: ["y"] },
    ],
  };

  it("are split when they no longer are equal", async () => {
    const source = await save(encodeSpec(merged));
    const { bytes, model } = await written(source, { "fc1.bias": vector(3, 5), "fc2.bias": vector(10, 20) });
    expect(evaluate(model, vector(1, 1))).toEqual([13, 25]);
    const [before, after] = [messages.ModelProto.decode(encodeSpec(merged)), messages.ModelProto.decode(bytes)];
    expect(after.graph!.node!.map(({ opType }) => opType)).toEqual(["Mul", "Add"]);
    expect(after.graph!.initializer!.map(({ name }) => name)).toEqual(["fc1.bias", "scale", "fc2.bias"]);
    expect(after.graph!.initializer![1]).toEqual(before.graph!.initializer![1]);
  });

  it.each(["fc1.bias", "fc2.bias"])("are split when %s alone is given: the other keeps its values", async (name) => {
    const { model } = await written(await save(encodeSpec(merged)), { [name]: vector(7, 7) });
    const values = { "fc1.bias": [1, 2], "fc2.bias": [1, 2], [name]: [7, 7] };
    for (const [key, value] of Object.entries(values))
      expect([...model.initializers.get(key)!.read().data]).toEqual(value);
  });

  it("stay together while they are equal", async () => {
    const source = await save(encodeSpec(merged));
    const both = { "fc1.bias": vector(4, 4), "fc2.bias": vector(4, 4) };
    const { bytes, model } = await written(source, both);
    expect(bytes.length).toBe((await readFile(source)).length);
    expect(evaluate(model, vector(1, 2))).toEqual([8, 12]);
  });

  it("are split at the uses that were told apart", async () => {
    const spec: ModelSpec = {
      inputs: [{ name: "x", dtype: "float32", shape: [2] }],
      outputs: [{ name: "y" }],
      initializers: { w: vector(2, 3) },
      nodes: [
        { op: "Mul", inputs: ["x", "w"], outputs: ["h"], name: "/a/Mul" },
        { op: "Sub", inputs: ["h", "w"], outputs: ["y"], name: "/b/Sub" },
      ],
    };
    const untie = { untie: ["w"] };
    const { model } = await written(await save(encodeSpec(spec)), { "w in b": vector(1, 1) }, untie);
    expectClose(evaluate(model, vector(1, 1)), [1, 2], "w keeps its values at the first use");
  });

  it("cannot be split inside a function", async () => {
    const spec: ModelSpec = {
      inputs: [{ name: "x", dtype: "float32", shape: [2] }],
      outputs: [{ name: "y" }],
      initializers: { w: vector(2, 3) },
      nodes: [{ op: "Twice", domain: "local", inputs: ["x", "w"], outputs: ["y"], name: "/a/Twice" }],
      functions: [
        {
          name: "Twice",
          domain: "local",
          input: ["a", "b"],
          output: ["c"],
          opsetImport: [{ version: 21 }],
          node: [
            { opType: "Mul", input: ["a", "b"], output: ["t"] },
            { opType: "Mul", input: ["t", "b"], output: ["c"] },
          ],
        },
      ],
    };
    const source = await save(encodeSpec(spec));
    const { initializers } = withTies(await readModel(source), { untie: ["w"] });
    const own = [...initializers.keys()].find((name) => name !== "w")!;
    await expect(written(source, { [own]: vector(1, 1) }, { untie: ["w"] })).rejects.toThrow(
      /its use lies inside a function/,
    );
  });
});

it("a tied copy follows its original, transposed as it is stored", async () => {
  const spec: ModelSpec = {
    inputs: [{ name: "x", dtype: "float32", shape: [1, 2] }],
    outputs: [{ name: "y" }],
    initializers: { embed: matrix([1, 2], [3, 4], [5, 6]), head: matrix([1, 3, 5], [2, 4, 6]) },
    nodes: [
      { op: "MatMul", inputs: ["x", "head"], outputs: ["h"] },
      { op: "MatMul", inputs: ["h", "embed"], outputs: ["y"] },
    ],
  };
  const source = await save(encodeSpec(spec));
  const value = matrix([1, 0], [0, 2], [3, 1]);
  const { model } = await written(source, { embed: value }, { tie: ["head"] });
  expect([...model.initializers.get("head")!.read().data]).toEqual([1, 0, 3, 0, 2, 1]);
  expect([...model.initializers.get("embed")!.read().data]).toEqual([1, 0, 0, 2, 3, 1]);
  const alone = await written(source, { embed: value });
  expect([...alone.model.initializers.get("head")!.read().data]).toEqual([1, 3, 5, 2, 4, 6]);
});

it("a numbered weight is written where it is stored", async () => {
  const spec: ModelSpec = {
    inputs: [{ name: "x", dtype: "float32", shape: [1, 2] }],
    outputs: [{ name: "y" }],
    initializers: { "onnx::MatMul_7": matrix([1, 2], [3, 4]) },
    nodes: [{ op: "MatMul", inputs: ["x", "onnx::MatMul_7"], outputs: ["y"], name: "/fc/MatMul" }],
  };
  const source = await save(encodeSpec(spec));
  const value = matrix([9, 8], [7, 6]);
  for (const name of ["fc.weight", "onnx::MatMul_7"]) {
    const { model } = await written(source, { [name]: value });
    expect([...model.initializers.get("fc.weight")!.read().data]).toEqual([9, 8, 7, 6]);
  }
});
