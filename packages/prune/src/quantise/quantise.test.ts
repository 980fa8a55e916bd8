import { fileURLToPath } from "node:url";
import {
  type Dataset,
  datasetFromArrays,
  editModel,
  gram,
  matrix,
  openFileSession,
  randomStream,
  readModelFile,
  type Tensor,
} from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { reconstructionError } from "../layerwise/layer.ts";
import { gridOf, levelOf } from "./grid.ts";
import { quantiseModel } from "./quantiseModel.ts";
import { roundLayer } from "./roundLayer.ts";

const pathOf = (name: string): string => fileURLToPath(new URL(`../../testdata/small/${name}.onnx`, import.meta.url));
const mlp = fileURLToPath(new URL("../../testdata/mnist/mlp.onnx", import.meta.url));

const wave = (shape: readonly number[], shift = 0): Tensor => ({
  dtype: "float32",
  shape,
  data: Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => Math.sin(1.7 * i + shift)),
});

async function outputOf(file: Uint8Array, feeds: Readonly<Record<string, Tensor>>): Promise<Tensor> {
  await using session = await openFileSession(file);
  return (await session.run(feeds))[session.outputs[0]!]!;
}

const distance = (a: Tensor, b: Tensor): number =>
  Math.max(...Array.from(a.data, (v: number, i) => Math.abs(v - b.data[i]!)));

const images: Dataset = await datasetFromArrays({ inputs: { x: wave([16, 1, 8, 8]) } }, { batchSize: 8 });

describe("a layer on a grid", () => {
  const random = randomStream(3);
  const w = matrix(
    6,
    32,
    Float64Array.from({ length: 6 * 32 }, () => random.normal()),
  );
  const x = matrix(200, 32);
  for (let r = 0; r < 200; r++)
    for (let j = 0; j < 32; j++)
      x.data[r * 32 + j] = (j > 0 ? 0.9 * x.data[r * 32 + j - 1]! : 0) + Math.sqrt(0.19) * random.normal();
  const moments = gram(x, { of: "columns" });
  const a = { ...moments, data: moments.data.map((v) => v / 200) };
  const h = { ...a, data: a.data.map((v) => 2 * v) };

  it("is within half a step of its weights, and 0 stays 0", () => {
    const zeros = { ...w, data: w.data.map((v, i) => (i % 3 === 0 ? 0 : v)) };
    const grid = gridOf(zeros, 4, 16);
    const { weights } = roundLayer(zeros, { bits: 4, block: 16 });
    weights.data.forEach((v, at) => {
      const [row, column] = [Math.floor(at / 32), at % 32];
      const step = grid.scales.data[row * 2 + Math.floor(column / 16)]!;
      expect(Math.abs(v - zeros.data[at]!)).toBeLessThanOrEqual(step / 2 + 1e-6);
      if (zeros.data[at] === 0) expect(v).toBe(0);
      expect(Math.abs(levelOf(grid, v, row, column))).toBeLessThanOrEqual(7);
    });
  });

  it("has much less output error where the sweep makes up for what it rounds", () => {
    const nearest = roundLayer(w, { bits: 4, block: 32 }).weights;
    const { weights: swept, grid } = roundLayer(w, { bits: 4, block: 32, hessian: h });
    expect(reconstructionError(w, swept, h)).toBeLessThan(0.6 * reconstructionError(w, nearest, h));
    swept.data.forEach((v, at) => {
      const level = v / grid.scales.data[Math.floor(at / 32)]!;
      expect(Math.abs(level - Math.round(level))).toBeLessThan(1e-6);
    });
  });
});

describe("a quantised model", () => {
  it.each(["residual-folded", "concat", "grouped", "unet"])(
    "%s in 8 bits computes what its rounded weights do",
    async (name) => {
      const { bytes } = await readModelFile(pathOf(name));
      const { file, rounded } = await quantiseModel(bytes, { bits: 8, data: images });
      const x = wave([2, 1, 8, 8], 0.4);
      expect(distance(await outputOf(file, { x }), await outputOf(rounded, { x }))).toBeLessThan(1e-4);
      expect(distance(await outputOf(rounded, { x }), await outputOf(bytes, { x }))).toBeLessThan(0.1);
    },
  );

  it("in 4 bits as MatMulNBits computes what its rounded weights do, in a quarter of the bytes", async () => {
    const { bytes, model } = await readModelFile(mlp);
    const input = model.inputs[0]!.name;
    const shape = [4, ...model.inputs[0]!.shape!.slice(1).map(Number)];
    const data = await datasetFromArrays({ inputs: { [input]: wave([64, ...shape.slice(1)]) } }, { batchSize: 32 });
    for (const options of [{ bits: 4 }, { bits: 4, data, block: 16 }] as const) {
      const { file, rounded, layers } = await quantiseModel(bytes, options);
      expect(layers.every(({ bits }) => bits === 4)).toBe(true);
      const feeds = { [input]: wave(shape, 0.2) };
      expect(distance(await outputOf(file, feeds), await outputOf(rounded, feeds))).toBeLessThan(1e-4);
      expect(file.length).toBeLessThan(0.25 * bytes.length);
    }
    expect((await quantiseModel(bytes, { bits: 8 })).file.length).toBeLessThan(0.3 * bytes.length);
  });

  it("keeps to standard operators where asked, from opset 21", async () => {
    const { bytes } = await readModelFile(pathOf("transformer"));
    await expect(quantiseModel(bytes, { bits: 4, standard: true })).rejects.toThrow(/opset does not have them/);
    const linear = pathOf("linear");
    const { file, rounded, layers } = await quantiseModel(linear, { bits: 4, standard: true, block: 16 });
    const x = wave([3, 32], 0.1);
    expect(distance(await outputOf(file, { x }), await outputOf(rounded, { x }))).toBeLessThan(1e-4);
    expect(layers.map(({ bits }) => bits)).toEqual([4, 4]);
    const after = (await readModelFile(file)).model;
    expect(after.nodes.every(({ domain }) => domain === "")).toBe(true);
    expect(after.initializers.has("w1")).toBe(false);
  });

  it("keeps what was pruned at 0, with calibration too", async () => {
    const { bytes, model } = await readModelFile(mlp);
    const pruned = editModel(bytes, {
      initializers: new Map(
        [...model.initializers.values()].map((one) => {
          const tensor = one.read();
          return [one.name, { ...tensor, data: Float32Array.from(tensor.data, (v, i) => (i % 5 ? 0 : v)) }] as const;
        }),
      ),
    });
    const [{ name, shape }] = model.inputs as [(typeof model.inputs)[number]];
    const data = await datasetFromArrays({ inputs: { [name]: wave([64, ...shape!.slice(1).map(Number)]) } });
    for (const bits of [8, 4] as const) {
      const { model: after } = await readModelFile((await quantiseModel(pruned, { bits, data })).rounded);
      for (const one of after.initializers.values())
        one.read().data.forEach((v: number, i: number) => void (i % 5 && expect(v).toBe(0)));
    }
  });

  it("says what cannot be done", async () => {
    await expect(quantiseModel(mlp, { bits: 4, block: 24 })).rejects.toThrow(/no power of two/);
  });
});
