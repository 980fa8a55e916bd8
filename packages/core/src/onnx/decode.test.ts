import { closeSync, mkdtempSync, openSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { onnx } from "onnx-proto";
import { describe, expect, it } from "vitest";
import { UnsupportedModelError } from "../errors.ts";
import { tensor } from "../ir/tensor.ts";
import { bindModel } from "./bind.ts";
import { readModel } from "./decode.ts";
import { encodeSpec, type ModelSpec } from "./nodeModel.ts";
import { messages } from "./proto.ts";

const x = { name: "x", dtype: "float32", shape: [2] } as const;
const doubled: ModelSpec = {
  inputs: [x],
  outputs: [{ name: "y" }],
  initializers: { w: tensor("float32", [2], [1, 2]) },
  nodes: [{ op: "Mul", inputs: ["x", "w"], outputs: ["y"] }],
};

/** The model's bytes after a change to its message. */
function altered(spec: ModelSpec, change: (model: onnx.ModelProto) => void): Uint8Array {
  const model = messages.ModelProto.decode(encodeSpec(spec));
  change(model);
  return messages.ModelProto.encode(model).finish();
}

/** The first initializer, to be damaged. */
const stored = (model: onnx.ModelProto): onnx.ITensorProto => model.graph!.initializer![0]!;

async function bound(source: string | Uint8Array): Promise<unknown> {
  return bindModel(await readModel(source), { shapes: { x: [2] }, parameters: [] });
}

/** A model file whose weights lie elsewhere. */
function withExternal(entries: Readonly<Record<string, string>>, data?: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), "hessonite-"));
  if (data) writeFileSync(join(folder, "weights.bin"), data);
  const bytes = altered(doubled, (model) => {
    const w = stored(model);
    w.rawData = new Uint8Array();
    w.dataLocation = messages.TensorProto.DataLocation.EXTERNAL;
    w.externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
  });
  const path = join(folder, "model.onnx");
  writeFileSync(path, bytes);
  return path;
}

describe("reading a model", () => {
  it("tells inputs, outputs, opset and initializers", async () => {
    const model = await readModel(encodeSpec(doubled));
    expect(model.inputs).toEqual([{ name: "x", dtype: "float32", shape: [2] }]);
    expect([...model.initializers.keys()]).toEqual(["w"]);
    expect(model.opsets.get("")).toBe(21);
    expect(model.nodes.map((node) => node.opType)).toEqual(["Mul"]);
  });

  it.each([
    ["nothing", new Uint8Array()],
    ["text", new TextEncoder().encode("this is not a model, it is a line of text")],
    ["zeros", new Uint8Array(64)],
  ])("refuses %s", async (_, bytes) => {
    await expect(readModel(bytes)).rejects.toThrow(UnsupportedModelError);
  });

  it("refuses every truncation, or reads a model that lacks only what came last", async () => {
    const whole = encodeSpec(doubled);
    for (let length = 0; length < whole.length; length++) {
      const verdict = await bound(whole.slice(0, length)).then(
        () => "read",
        (error: unknown) => error,
      );
      expect(
        verdict === "read" || verdict instanceof UnsupportedModelError,
        `${length} bytes: ${String(verdict)}`,
      ).toBe(true);
    }
  });

  it("says which file cannot be opened", async () => {
    await expect(readModel("/nowhere/model.onnx")).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot read the model as its file cannot be opened
        at        /nowhere/model.onnx
        found     no such file]
    `);
  });
});

describe("versions", () => {
  const versioned = (opset: number, irVersion: number): Uint8Array =>
    altered({ ...doubled, opset }, (model) => {
      model.irVersion = irVersion;
    });

  it("of opset 7 to 28 and any IR up to 14 are read", async () => {
    for (let opset = 7; opset <= 28; opset++)
      for (const irVersion of [3, 8, 14]) {
        const model = await readModel(versioned(opset, irVersion));
        expect([model.opsets.get(""), model.irVersion]).toEqual([opset, irVersion]);
        expect(bindModel(model, { shapes: { x: [2] }, parameters: ["w"] }).outputs[0]!.op).toBe("Mul");
      }
  });

  it("of opset 29 are refused", async () => {
    await expect(readModel(versioned(29, 8))).rejects.toThrow(/opset 28 at most\n.*found +29/);
  });

  it("of opsets before 7 are refused where they broadcast by other rules", async () => {
    const nodes = [{ op: "Mul", inputs: ["x", "w"], outputs: ["y"], attrs: { broadcast: 1, axis: 0 } }];
    await expect(bound(encodeSpec({ ...doubled, opset: 6, nodes }))).rejects.toThrow(/the rules of opsets before 7/);
    await expect(bound(encodeSpec({ ...doubled, opset: 6 }))).resolves.toBeDefined();
  });
});

describe("a tensor is refused before anything is allocated for it", () => {
  it.each([
    ["a shape that its data do not fill", [2 ** 40]],
    ["more elements than can be counted", [2 ** 40, 2 ** 40]],
    ["a negative length", [-1, -2]],
    ["too few elements", [1]],
  ])("%s", async (_, dims) => {
    const bytes = altered(doubled, (model) => {
      stored(model).dims = dims;
    });
    await expect(bound(bytes)).rejects.toThrow(/Cannot read a tensor/);
  });

  it("of a type we cannot hold", async () => {
    const bytes = altered(doubled, (model) => {
      stored(model).dataType = messages.TensorProto.DataType.COMPLEX64;
    });
    await expect(bound(bytes)).rejects.toThrow(/Cannot read a tensor as its element type is not supported/);
  });
});

describe("external data", () => {
  const values = new Uint8Array(Float32Array.of(9, 9, 1, 2).buffer);

  it("are read from their place", async () => {
    const model = await readModel(withExternal({ location: "weights.bin", offset: "8", length: "8" }, values));
    expect(Array.from(model.initializers.get("w")!.read().data)).toEqual([1, 2]);
  });

  it("are read beyond 2 GB, that part of the file alone", async () => {
    const offset = 3 * 2 ** 30;
    const path = withExternal({ location: "weights.bin", offset: String(offset), length: "8" });
    const file = openSync(join(dirname(path), "weights.bin"), "w"); // a hole, and eight bytes
    writeSync(file, values.subarray(8), 0, 8, offset);
    closeSync(file);
    const before = process.memoryUsage().rss;
    const model = await readModel(path);
    expect(Array.from(model.initializers.get("w")!.read().data)).toEqual([1, 2]);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 28);
  });

  it.each([
    ["missing", { location: "other.bin" }, /the file with its data is missing/],
    ["in the folder above", { location: "../weights.bin" }, /outside the model's folder/],
    ["outside by a detour", { location: "a/../../weights.bin" }, /outside the model's folder/],
    ["at an absolute path", { location: "/etc/passwd" }, /outside the model's folder/],
    ["nowhere", {}, /outside the model's folder/],
    ["the folder itself", { location: "." }, /outside the model's folder/],
    ["too short", { location: "weights.bin", offset: "12" }, /too short/],
    ["of an absurd offset", { location: "weights.bin", offset: "1e300" }, /does not fit its shape/],
    ["of a negative offset", { location: "weights.bin", offset: "-8" }, /does not fit its shape/],
    ["of another length", { location: "weights.bin", length: "12" }, /does not fit its shape/],
  ])("are refused: %s", async (_, entries, message) => {
    const model = await readModel(withExternal(entries, values));
    expect(() => model.initializers.get("w")!.read()).toThrow(message);
    expect(() => model.initializers.get("w")!.read()).toThrow(UnsupportedModelError);
  });

  it("are refused where the model came as bytes", async () => {
    const bytes = altered(doubled, (model) => {
      stored(model).dataLocation = messages.TensorProto.DataLocation.EXTERNAL;
    });
    await expect(bound(bytes)).rejects.toThrow(/the model was given as bytes/);
  });
});

describe("a graph that is not in order", () => {
  const graphs: Readonly<Record<string, ModelSpec["nodes"]>> = {
    cyclic: [
      { op: "Add", inputs: ["x", "b"], outputs: ["a"] },
      { op: "Add", inputs: ["a", "x"], outputs: ["b"] },
      { op: "Identity", inputs: ["b"], outputs: ["y"] },
    ],
    dangling: [{ op: "Add", inputs: ["x", "nobody"], outputs: ["y"] }],
    "without its output": [{ op: "Identity", inputs: ["x"], outputs: ["z"] }],
  };

  it.each(Object.keys(graphs))("is refused: %s", async (name) => {
    await expect(bound(encodeSpec({ ...doubled, nodes: graphs[name]! }))).rejects.toThrow(
      /a value is used that nothing produces before/,
    );
  });

  it("is refused where a name stands for two values", async () => {
    const nodes = ["Neg", "Abs"].map((op) => ({ op, inputs: ["x"], outputs: ["y"] }));
    await expect(bound(encodeSpec({ ...doubled, nodes }))).rejects.toThrow(/two nodes produce the same value/);
  });
});

describe("absurd sizes inside a graph are refused", () => {
  const huge = tensor("int64", [], Float64Array.of(2 ** 50));
  const cases: Readonly<Record<string, ModelSpec["nodes"]>> = {
    Range: [
      { op: "Range", inputs: ["zero", "huge", "one"], outputs: ["r"] },
      { op: "Cast", inputs: ["r"], outputs: ["y"], attrs: { to: 1 } },
    ],
    OneHot: [{ op: "OneHot", inputs: ["zero", "huge", "x"], outputs: ["y"] }],
    Pad: [{ op: "Pad", inputs: ["x", "pads"], outputs: ["y"], attrs: { mode: "reflect" } }],
    Resize: [{ op: "Resize", inputs: ["x", "", "", "sizes"], outputs: ["y"] }],
    Loop: [
      {
        op: "Loop",
        inputs: ["huge", "", "x"],
        outputs: ["y"],
        attrs: {
          body: {
            graph: {
              inputs: [{ name: "i" }, { name: "c" }, { name: "s" }],
              outputs: [{ name: "c" }, { name: "t" }],
              nodes: [{ op: "Neg", inputs: ["s"], outputs: ["t"] }],
            },
          },
        },
      },
    ],
  };

  it.each(Object.keys(cases))("%s", async (name) => {
    const initializers = {
      huge,
      zero: tensor("int64", [], [0]),
      one: tensor("int64", [], [1]),
      pads: tensor("int64", [2], Float64Array.of(2 ** 50, 0)),
      sizes: tensor("int64", [1], Float64Array.of(2 ** 50)),
    };
    await expect(bound(encodeSpec({ ...doubled, initializers, nodes: cases[name]! }))).rejects.toThrow(
      UnsupportedModelError,
    );
  });
});
