import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openFileSession } from "../../engine/ort/fileSession.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { readModelFile } from "../decode.ts";
import { lengthDelimited, messageOf } from "../fieldRanges.ts";
import { encodeSpec } from "../nodeModel.ts";
import { messages } from "../proto.ts";
import { editModel } from "./editModel.ts";

const digits = fileURLToPath(new URL("../../../../../testdata/mnist/digits-cnn.dynamo.onnx", import.meta.url));

const float = (shape: readonly number[], values: readonly number[]): Tensor => ({
  dtype: "float32",
  shape,
  data: Float32Array.from(values),
});

/** y = x W + b, then Relu. */
const small = encodeSpec({
  inputs: [{ name: "x", dtype: "float32", shape: [1, 2] }],
  outputs: [{ name: "y", dtype: "float32" }],
  nodes: [
    { op: "Gemm", inputs: ["x", "w", "b"], outputs: ["z"] },
    { op: "Relu", inputs: ["z"], outputs: ["y"] },
  ],
  initializers: { w: float([2, 3], [1, 2, 3, 4, 5, 6]), b: float([3], [0, 0, -100]) },
});

async function run(file: Uint8Array): Promise<number[]> {
  await using session = await openFileSession(file);
  return [...(await session.run({ x: float([1, 2], [1, 10]) }))["y"]!.data];
}

describe("editModel", () => {
  it("leaves a file that nothing changes in byte for byte as it was", async () => {
    const file = await readFile(digits);
    expect(Buffer.from(editModel(file, {})).equals(file)).toBe(true);
  });

  it("sets tensors of other shapes, and takes nodes away and puts them in", async () => {
    expect(await run(small)).toEqual([41, 52, 0]);
    const initializers = new Map([
      ["w", float([2, 2], [1, 2, 4, 5])],
      ["b", float([2], [0, -100])],
      ["two", float([], [2])],
    ]);
    const nodes = new Map([
      ["y", null],
      ["z", { outputs: ["u"], after: [{ name: "twice", opType: "Mul", inputs: ["u", "two"], outputs: ["y"] }] }],
    ]);
    expect(await run(editModel(small, { initializers, nodes }))).toEqual([82, -96]);
  });

  it("sets and takes away attributes", async () => {
    const nodes = new Map([["z", { attrs: { alpha: { kind: "float", value: 0.5 } } as const }]]);
    const halved = editModel(small, { nodes });
    expect(await run(halved)).toEqual([20.5, 26, 0]);
    expect(await run(editModel(halved, { nodes: new Map([["z", { attrs: { alpha: null } }]]) }))).toEqual([41, 52, 0]);
  });

  it("keeps fields that are not known in what it changes", async () => {
    const unknown = messageOf(9, ["note", "kept"]);
    const model = messages.ModelProto.decode(small);
    const [gemm, relu] = model.graph!.node!.map((node) => messages.NodeProto.encode(node).finish());
    const rest = messages.GraphProto.encode({ ...model.graph!, node: [] }).finish();
    const graph = [lengthDelimited(1, [gemm!, unknown]), lengthDelimited(1, relu!), rest];
    const head = messages.ModelProto.encode({ irVersion: 10, opsetImport: [{ domain: "", version: 21 }] }).finish();
    const file = Buffer.concat([head, lengthDelimited(7, graph)]);
    const changed = editModel(file, { nodes: new Map([["z", { inputs: ["x", "w"] }]]) });
    expect(await run(changed)).toEqual([41, 52, 63]);
    expect(Buffer.from(changed).includes(Buffer.from(unknown))).toBe(true);
  });

  it("writes sparse tensors, which the runtime takes", async () => {
    const w = { shape: [2, 3], values: float([3], [2, 3, 4]), indices: [1, 2, 3] };
    const file = editModel(small, { initializers: new Map([["w", w]]) });
    expect(await run(file)).toEqual([40, 2, 0]);
  });

  it("keeps 16-bit floats and raises opsets and the IR's version only where they are lower", async () => {
    const half: Tensor = { dtype: "float16", shape: [2], data: Float32Array.of(1.5, -2) };
    const file = editModel(small, {
      initializers: new Map([["b", half]]),
      opsets: { "": 13, "com.microsoft": 1 },
      irVersion: 4,
    });
    const { model } = await readModelFile(file);
    expect(model.initializers.get("b")!.dtype).toBe("float16");
    expect([...model.initializers.get("b")!.read().data]).toEqual([1.5, -2]);
    expect([...model.opsets]).toEqual([
      ["", 21],
      ["com.microsoft", 1],
    ]);
    expect(model.irVersion).toBe(10);
    expect((await readModelFile(editModel(small, { opsets: { "": 22 }, irVersion: 11 }))).model).toMatchObject({
      opsets: new Map([["", 22]]),
      irVersion: 11,
    });
  });

  it("makes outputs of inner values", async () => {
    await using session = await openFileSession(editModel(small, { outputs: ["z"] }));
    expect(session.outputs).toEqual(["y", "z"]);
    expect([...(await session.run({ x: float([1, 2], [1, 10]) }))["z"]!.data]).toEqual([41, 52, -37]);
  });

  it("starts from a file that holds what lay beside the model", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hessonite-edit-"));
    try {
      const model = messages.ModelProto.decode(small);
      const { DataLocation } = messages.TensorProto;
      const [w] = model.graph!.initializer!;
      await writeFile(join(folder, "w.data"), w!.rawData!);
      const { rawData: _, ...rest } = messages.TensorProto.toObject(w as never);
      const outside = {
        ...rest,
        dataLocation: DataLocation.EXTERNAL,
        externalData: [{ key: "location", value: "w.data" }],
      };
      const initializer = [outside as never, ...model.graph!.initializer!.slice(1)];
      const bytes = messages.ModelProto.encode({ ...model, graph: { ...model.graph!, initializer } }).finish();
      await writeFile(join(folder, "model.onnx"), bytes);
      const file = await readModelFile(join(folder, "model.onnx"));
      expect(await run(file.bytes)).toEqual([41, 52, 0]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("refuses to change a node that is not there", () => {
    expect(() => editModel(small, { nodes: new Map([["q", null]]) })).toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot change a node as the model's file has none with that output
        at        value "q"]
    `);
  });
});
