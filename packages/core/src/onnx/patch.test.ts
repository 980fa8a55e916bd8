import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { decodeElements } from "../ir/elements.ts";
import { smallFloatBits, smallFloats } from "../ir/smallFloat.ts";
import type { Tensor } from "../ir/tensor.ts";
import { readModel } from "./decode.ts";
import { encodeSpec } from "./nodeModel.ts";
import { patchModel } from "./patch.ts";
import { writePatchedModel } from "./patchFile.ts";
import { messages } from "./proto.ts";

const folder = await mkdtemp(join(tmpdir(), "hessonite-patch-"));
afterAll(() => rm(folder, { recursive: true }));

const digits = new URL("../../../../testdata/mnist/digits-cnn.onnx", import.meta.url);

describe("patchModel", () => {
  it("changes the bytes of the weights that are given and no others", async () => {
    const file = await readFile(digits);
    const model = await readModel(file);
    const old = model.initializers.get("conv2.weight")!.read();
    const { bytes } = patchModel(file, new Map([["conv2.weight", { ...old, data: old.data.map((x) => x + 1) }]]));
    expect(bytes.length).toBe(file.length);
    const start = file.indexOf(Buffer.from(Float32Array.from(old.data).buffer));
    const changed = [...bytes].flatMap((byte, i) => (byte === file[i] ? [] : [i]));
    expect(changed.length).toBeGreaterThan(0);
    expect(Math.min(...changed)).toBeGreaterThanOrEqual(start);
    expect(Math.max(...changed)).toBeLessThan(start + 4 * old.data.length);
    const again = await readModel(bytes);
    expect([...again.initializers.get("conv2.weight")!.read().data]).toEqual([
      ...Float32Array.from(old.data, (x) => x + 1),
    ]);
    for (const [name, { read }] of model.initializers)
      if (name !== "conv2.weight") expect(again.initializers.get(name)!.read()).toEqual(read());
  });

  it("with the same values gives the same file; metadata come at the end", async () => {
    const file = await readFile(digits);
    const model = await readModel(file);
    const values = new Map(
      [...model.initializers].filter(([, i]) => i.dtype === "float32").map(([name, i]) => [name, i.read()]),
    );
    expect(Buffer.from(patchModel(file, values).bytes).equals(file)).toBe(true);
    const { bytes } = patchModel(file, values, { metadata: { recipe: "average ½" } });
    expect(Buffer.from(bytes.subarray(0, file.length)).equals(file)).toBe(true);
    expect(messages.ModelProto.decode(bytes).metadataProps).toContainEqual(
      expect.objectContaining({ key: "recipe", value: "average ½" }),
    );
  });

  it("keeps 16-bit floats, rounded to the nearest, and floats in typed fields", () => {
    const { DataType } = messages.TensorProto;
    const initializer = [
      { name: "half", dataType: DataType.FLOAT16, dims: [3], rawData: new Uint8Array(6) },
      { name: "brain", dataType: DataType.BFLOAT16, dims: [3], rawData: new Uint8Array(6) },
      { name: "typed", dataType: DataType.FLOAT, dims: [3], floatData: [1, 2, 3] },
      { name: "double", dataType: DataType.DOUBLE, dims: [3], doubleData: [1, 2, 3] },
    ];
    const file = messages.ModelProto.encode({
      irVersion: 8,
      opsetImport: [{ version: 17 }],
      graph: { name: "g", initializer },
    }).finish();
    const value: Tensor = { dtype: "float32", shape: [3], data: Float64Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, -0.1) };
    const { bytes } = patchModel(file, new Map(initializer.map(({ name }) => [name, value])));
    const [half, brain, typed, double] = messages.ModelProto.decode(bytes).graph!.initializer!;
    const bits = (raw: Uint8Array): number[] => [0, 2, 4].map((at) => raw[at]! + 256 * raw[at + 1]!);
    expect(bits(half!.rawData!)).toEqual([0x3c00, 0x3c02, 0xae66]); // ties to even; −0.1 is −0x1.998p−4
    expect(bits(brain!.rawData!)).toEqual([0x3f80, 0x3f80, 0xbdcd]);
    expect(typed!.floatData).toEqual([...Float32Array.from(value.data)]);
    expect(double!.doubleData).toEqual([...value.data]);
    expect(bytes.length).toBe(file.length);
  });

  it("writes external data into a file of their own", async () => {
    const source = join(folder, "a.onnx");
    const external = [
      { key: "location", value: "a.data" },
      { key: "offset", value: "4" },
      { key: "length", value: "8" },
    ];
    const initializer = [{ name: "w", dataType: 1, dims: [2], dataLocation: 1, externalData: external }];
    const file = {
      irVersion: 8,
      opsetImport: [{ version: 17 }],
      graph: { name: "g", initializer, output: [{ name: "w" }] },
    };
    await writeFile(source, messages.ModelProto.encode(file).finish());
    await writeFile(join(folder, "a.data"), Buffer.from(Float32Array.of(9, 1, 2, 7).buffer));
    const values = new Map([["w", { dtype: "float32" as const, shape: [2], data: Float64Array.of(3, 4) }]]);
    await expect(writePatchedModel(source, join(folder, "b.onnx"), values)).rejects.toThrow("both would use one file");
    await writePatchedModel(source, join(folder, "out/b.onnx"), values);
    expect((await readFile(join(folder, "out/b.onnx"))).equals(await readFile(source))).toBe(true);
    const data = await readFile(join(folder, "out/a.data"));
    expect([...new Float32Array(Uint8Array.from(data).buffer)]).toEqual([9, 3, 4, 7]);
  });

  it("says what does not fit", () => {
    const weight = { dtype: "float32" as const, shape: [2], data: Float32Array.of(1, 2) };
    const file = encodeSpec({
      outputs: [{ name: "y" }],
      nodes: [{ op: "Identity", inputs: ["w"], outputs: ["y"] }],
      initializers: { w: weight },
    });
    expect(() => patchModel(file, new Map([["v", weight]]))).toThrow("stores no initializer of that name");
    expect(() => patchModel(file, new Map([["w", { ...weight, shape: [1], data: Float32Array.of(1) }]]))).toThrow(
      "their number is not that of the file",
    );
    expect(() => patchModel(file.subarray(0, file.length - 5), new Map([["w", weight]]))).toThrow(
      "no protobuf message",
    );
  });
});

describe("smallFloatBits", () => {
  it.each(["float16", "bfloat16"] as const)(
    "%s: every number is itself, and between two the nearer is taken",
    (dtype) => {
      const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
      const values = decodeElements(dtype, new Uint8Array(bits.buffer), 65536, { at: "test" });
      for (const [i, x] of values.entries())
        if (!Number.isNaN(x)) expect(smallFloatBits(x, smallFloats[dtype])).toBe(i);
      for (let i = 1; i < 0x7000; i += 37) {
        const [low, high] = [values[i]!, values[i + 1]!];
        expect(smallFloatBits((low + high) / 2, smallFloats[dtype])).toBe(i % 2 === 0 ? i : i + 1);
        expect(smallFloatBits(low + 0.499 * (high - low), smallFloats[dtype])).toBe(i);
        expect(smallFloatBits(-(low + 0.501 * (high - low)), smallFloats[dtype])).toBe(0x8000 | (i + 1));
      }
      expect(
        Number.isNaN(
          decodeElements(
            dtype,
            new Uint8Array(Uint16Array.of(smallFloatBits(Number.NaN, smallFloats[dtype])).buffer),
            1,
            { at: "" },
          )[0],
        ),
      ).toBe(true);
      expect(smallFloatBits(1e39, smallFloats[dtype])).toBe(
        smallFloatBits(Number.POSITIVE_INFINITY, smallFloats[dtype]),
      );
    },
  );
});
