import { fileURLToPath } from "node:url";
import {
  crossEntropy,
  datasetFromArrays,
  eigh,
  type Matrix,
  matmul,
  matrix,
  openFileSession,
  randomStream,
  readModelFile,
  squaredError,
  type Tensor,
  transposeMatrix,
} from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { channelGroups } from "../groups/channelGroups.ts";
import { activations } from "../layers/activations.ts";
import { inputGrams } from "../layers/gram.ts";
import { outputRows, positionsOf } from "../layers/rows.ts";
import { weightLayers } from "../layers/weightLayer.ts";
import { lowRank } from "./lowRank.ts";
import { openRankPruning } from "./pruneRanks.ts";
import { withThinLayers } from "./thinLayers.ts";

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../../../testdata/small/${name}.onnx`, import.meta.url));

const random = randomStream(7);
const drawn = (rows: number, columns: number): Matrix =>
  matrix(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => random.normal()),
  );

/** X Xᵀ, positive definite. */
function moment(n: number): Matrix {
  const x = drawn(n, 2 * n);
  return matmul(x, x, { b: true });
}

/** ½ vec(Δ)ᵀ (G ⊗ A) vec(Δ), the Kronecker product written out. */
function denseLoss(delta: Matrix, a: Matrix, g: Matrix): number {
  const [out, width] = [delta.rows, delta.columns];
  let sum = 0;
  for (let i = 0; i < out * width; i++)
    for (let j = 0; j < out * width; j++) {
      const [io, ii, jo, ji] = [Math.floor(i / width), i % width, Math.floor(j / width), j % width];
      sum += delta.data[i]! * g.data[io * out + jo]! * a.data[ii * width + ji]! * delta.data[j]!;
    }
  return sum / 2;
}

const minus = (a: Matrix, b: Matrix): Matrix => ({ ...a, data: a.data.map((v, i) => v - b.data[i]!) });

describe.each([
  [4, 7],
  [7, 4],
  [5, 5],
])("a weight of %i × %i as two thin matrices", (out, width) => {
  const [w, a, g] = [drawn(out, width), moment(width), moment(out)];

  it("loses what the dense Kronecker matrix says, at every rank", async () => {
    const low = await lowRank(w, a, g);
    expect(low.losses).toHaveLength(Math.min(out, width) + 1);
    for (const [rank, loss] of low.losses.entries()) {
      const { left, right } = low.cut(rank);
      expect([left.rows, left.columns, right.rows, right.columns]).toEqual([out, rank, rank, width]);
      const measured = denseLoss(rank === 0 ? w : minus(w, matmul(left, right)), a, g);
      expect(Math.abs(measured - loss)).toBeLessThan(1e-8 * low.losses[0]!);
    }
    const plain = await lowRank(w, a);
    const { left, right } = plain.cut(2);
    const twice = { ...g, data: g.data.map((_, k) => (k % (out + 1) === 0 ? 2 : 0)) };
    expect(Math.abs(denseLoss(minus(w, matmul(left, right)), a, twice) - plain.losses[2]!)).toBeLessThan(
      1e-8 * plain.losses[0]!,
    );
  });

  it("loses no more than EigenDamage's core without columns, nor than matrices nearby", async () => {
    const low = await lowRank(w, a, g);
    const rank = 2;
    const [qa, qg] = [(await eigh(a)).vectors, (await eigh(g)).vectors];
    const core = matmul(matmul(qg, w, { a: true }), qa);
    for (let first = 0; first < width; first++)
      for (let second = first + 1; second < width; second++) {
        const pruned = {
          ...core,
          data: core.data.map((v, k) => (k % width === first || k % width === second ? v : 0)),
        };
        const back = matmul(matmul(qg, pruned), transposeMatrix(qa));
        expect(low.losses[rank]!).toBeLessThanOrEqual(denseLoss(minus(w, back), a, g) + 1e-9);
      }
    const { left, right } = low.cut(rank);
    for (let k = 0; k < 20; k++) {
      const near = { ...left, data: left.data.map((v) => v + 0.05 * random.normal()) };
      expect(low.losses[rank]!).toBeLessThanOrEqual(denseLoss(minus(w, matmul(near, right)), a, g) + 1e-9);
    }
  });
});

const shapeOf = (name: string, count: number): number[] => (name === "transformer" ? [count, 6, 5] : [count, 1, 8, 8]);

function rowsOf(name: string, count: number, shift = 0): Tensor {
  const shape = shapeOf(name, count);
  const length = shape.reduce((n, d) => n * d, 1);
  const data = Float32Array.from({ length }, (_, i) => Math.sin(1.7 * i + shift) + Math.cos(0.013 * i * i));
  return { dtype: "float32", shape, data };
}

async function outputOf(file: Uint8Array, x: Tensor): Promise<Tensor> {
  await using session = await openFileSession(file);
  return (await session.run({ x }))["y"]!;
}

const squared = (a: Tensor, b: Tensor): number =>
  Array.from(a.data, (v: number, i) => (v - b.data[i]!) ** 2).reduce((sum, d) => sum + d, 0);

describe("a model with thin layers", () => {
  it.each(["residual", "residual-folded", "concat", "transformer", "rms", "unet"])(
    "%s: at full rank is the model, layer by layer, at any number of rows",
    async (name) => {
      const { bytes, model } = await readModelFile(pathOf(name));
      const x = name === "rms" ? rowsOf("transformer", 4) : rowsOf(name, 4);
      const graph = channelGroups(model, { x: [1, ...x.shape.slice(1)] });
      const data = await datasetFromArrays({ inputs: { x } }, { batchSize: 4 });
      const layers = weightLayers(model);
      const grams = await inputGrams(bytes, layers, data);
      const thin = await Promise.all(
        layers.map(async (layer, i) => {
          const { a } = grams[i]!;
          const own = matrix(layer.in, layer.in);
          for (let r = 0; r < layer.in; r++)
            for (let c = 0; c < layer.in; c++)
              own.data[r * layer.in + c] = a.data[r * a.columns + c]! + (r === c ? 1e-2 : 0);
          const low = await lowRank(layer.toMatrix(model.initializers.get(layer.weight)!.read()), own);
          return { layer, ...low.cut(low.losses.length - 1) };
        }),
      );
      const small = withThinLayers(bytes, graph, thin);
      expect(squared(await outputOf(small, x), await outputOf(bytes, x))).toBeLessThan(1e-6);
      const { initializers } = (await readModelFile(small)).model;
      for (const { layer } of thin) expect(initializers.has(layer.weight)).toBe(false);
    },
  );
});

describe("ranks by a budget", () => {
  it("foretell the squared error of a layer's outputs, its mean kept by the bias", async () => {
    const { bytes, model } = await readModelFile(pathOf("transformer"));
    const x: Tensor = { ...rowsOf("transformer", 20), data: Float32Array.from(drawn(120, 5).data) };
    const data = await datasetFromArrays({ inputs: { x } }, { batchSize: 10 });
    for (const compensate of ["none", "bias"] as const) {
      const by = await openRankPruning(bytes, { data, by: "obs", compensate, damping: 1e-9, positions: 1e9 });
      const { file, groups, predicted } = await by({ of: "parameters", share: 0.25 });
      expect(predicted).toBeUndefined();
      const thin = groups.filter(({ before, after }) => after < before);
      expect(thin.length).toBeGreaterThan(0); // the inputs of the first are the dense model's
      const layer = weightLayers(model).find(({ node }) => node.name === thin[0]!.name)!;
      const [rows, ours]: [number[][], number[][]] = [[], []];
      for await (const { values } of activations(bytes, [layer.output], data)) {
        const z = values[layer.output]!;
        const m = outputRows(layer, z, positionsOf(layer, z, 1e9));
        for (let r = 0; r < m.rows; r++) rows.push([...m.data.subarray(r * m.columns, (r + 1) * m.columns)]);
      }
      for await (const { values } of activations(file, [layer.output], data)) {
        const z = values[layer.output]!;
        const m = outputRows(layer, z, positionsOf(layer, z, 1e9));
        for (let r = 0; r < m.rows; r++) ours.push([...m.data.subarray(r * m.columns, (r + 1) * m.columns)]);
      }
      const errors = rows.map((row, r) => row.map((v, o) => v - ours[r]![o]!));
      const measured = errors.flat().reduce((sum, e) => sum + e * e, 0) / rows.length;
      const [gram] = await inputGrams(bytes, [layer], data, { positions: 1e9 });
      const width = layer.in;
      const own = matrix(width, width);
      for (let i = 0; i < width; i++)
        for (let j = 0; j < width; j++) {
          const mean =
            compensate === "bias" && layer.bias
              ? gram!.a.data[width * gram!.a.columns + i]! * gram!.a.data[width * gram!.a.columns + j]!
              : 0;
          own.data[i * width + j] = gram!.a.data[i * gram!.a.columns + j]! - mean + (i === j ? 1e-9 : 0);
        }
      const low = await lowRank(layer.toMatrix(model.initializers.get(layer.weight)!.read()), own);
      expect(low.losses[thin[0]!.after]!).toBeGreaterThan(1e-2);
      expect(Math.abs(measured / low.losses[thin[0]!.after]! - 1)).toBeLessThan(1e-3);
      const means = rows[0]!.map((_, o) => errors.reduce((sum, e) => sum + e[o]!, 0) / errors.length);
      if (compensate === "bias" && layer.bias) for (const m of means) expect(Math.abs(m)).toBeLessThan(1e-4);
    }
  });

  it("foretell the loss, and keep closer to the dense model the more they compensate", async () => {
    const { bytes } = await readModelFile(pathOf("residual-folded"));
    const x = rowsOf("residual-folded", 30);
    const y = await outputOf(bytes, x);
    const data = await datasetFromArrays({ inputs: { x }, target: y }, { batchSize: 10 });
    const fresh = rowsOf("residual-folded", 20, 0.7);
    const dense = await outputOf(bytes, fresh);
    const off = async (compensate: "none" | "bias" | "least-squares"): Promise<number> => {
      const by = await openRankPruning(bytes, { data, loss: squaredError(), compensate });
      const { file, before, after, met, predicted } = await by({ of: "flops", share: 0.25 });
      expect(met).toBe(true);
      expect(after.flops).toBeLessThanOrEqual(0.76 * before.flops); // a few elements of the thin values count too
      if (compensate === "bias") {
        const measured = squared(await outputOf(file, x), y) / y.data.length;
        expect(measured / predicted!).toBeGreaterThan(0.1);
        expect(measured / predicted!).toBeLessThan(10);
      }
      return squared(await outputOf(file, fresh), dense);
    };
    const [none, bias, fitted] = [await off("none"), await off("bias"), await off("least-squares")];
    expect(bias).toBeLessThan(none);
    expect(fitted).toBeLessThan(bias);
  });

  it("are the file's bytes too; what cannot be done is said", async () => {
    const { bytes } = await readModelFile(pathOf("residual-folded"));
    const x = rowsOf("residual-folded", 10);
    const data = await datasetFromArrays({ inputs: { x } }, { batchSize: 10 });
    const by = await openRankPruning(bytes, { data, by: "obs", compensate: "bias" });
    const half = await by({ of: "bytes", share: 0.2 });
    expect(half.file.length).toBeLessThan(0.9 * bytes.length);
    const most = await by({ of: "parameters", share: 0.99 });
    expect(most.met).toBe(false);
    for (const { before, after } of most.groups) expect(after === 1 || after === before).toBe(true);
    const { bytes: grouped } = await readModelFile(pathOf("depthwise"));
    const byGroups = await openRankPruning(grouped, { data, by: "obs", compensate: "none" });
    const { skipped } = await byGroups({ of: "flops", share: 0.05 });
    expect(skipped).toContainEqual({ layer: "/depth/Conv", count: 1, reason: "is no layer with a matrix of its own" });
    await expect(by({ of: "channels", share: 0.2 })).rejects.toThrow(/Cannot count channels/);
    await expect(by({ of: "flops", share: 0 })).rejects.toThrow(/not between 0 and 1/);
    await expect(openRankPruning(bytes, { data })).rejects.toThrow(/no loss says/);
    await expect(openRankPruning(pathOf("linear"), { data, loss: crossEntropy() })).rejects.toThrow();
  });
});
