import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { editModel, openFileSession, readModelFile, readTensors, type Tensor, writeSafetensors } from "@hessonite/core";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { quantiseModel } from "../quantise/quantiseModel.ts";
import { packTensor, unpackTensor } from "./bitmap.ts";
import { readCompact, withSparseInitializers, writeCompact } from "./compactModel.ts";

const folder = await mkdtemp(join(tmpdir(), "hessonite-compact-"));
afterAll(() => rm(folder, { recursive: true }));
const mlp = fileURLToPath(new URL("../../testdata/mnist/mlp.onnx", import.meta.url));

/** The MLP with zeros where `gone` says. */
async function pruned(gone: (i: number) => boolean): Promise<Uint8Array> {
  const { bytes, model } = await readModelFile(mlp);
  const initializers = new Map(
    [...model.initializers.values()].map((one) => {
      const tensor = one.read();
      return [one.name, { ...tensor, data: Float32Array.from(tensor.data, (v, i) => (gone(i) ? 0 : v)) }] as const;
    }),
  );
  return editModel(bytes, { initializers });
}

/** @param file A path, where data lie beside it. */
async function outputOf(file: Uint8Array | string): Promise<number[]> {
  const { model } = await readModelFile(file);
  const [{ name, shape }] = model.inputs as [(typeof model.inputs)[number]];
  const lengths = shape!.map((d, axis) => (axis === 0 ? 2 : Number(d)));
  const count = lengths.reduce((n, d) => n * d, 1);
  const x: Tensor = {
    dtype: "float32",
    shape: lengths,
    data: Float32Array.from({ length: count }, (_, i) => Math.sin(i)),
  };
  await using session = await openFileSession(file);
  return [...(await session.run({ [name]: x }))[session.outputs[0]!]!.data];
}

/** Up to the order of sums: what is folded may be laid out in another way. */
function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((v, i) => void expect(v).toBeCloseTo(expected[i]!, 6));
}

describe("a packed tensor", () => {
  it("is the same tensor again, to the bit", () => {
    const entry = fc.oneof(fc.constant(0), fc.constant(-0), fc.float());
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 50 }), (list) => {
        const tensor: Tensor = { dtype: "float32", shape: [list.length], data: Float32Array.from(list) };
        const again = unpackTensor(tensor, packTensor(tensor));
        expect(again.data.every((v: number, i: number) => Object.is(v, tensor.data[i]))).toBe(true);
      }),
    );
  });

  it("says where its parts do not fit", () => {
    const packed = packTensor({ dtype: "float32", shape: [9], data: Float32Array.of(1, 0, 2, 0, 0, 0, 0, 0, 3) });
    expect([...packed.bitmap]).toEqual([0b101, 1]);
    expect(() => unpackTensor({ dtype: "float32", shape: [20] }, packed)).toThrow(/does not fit its shape/);
    expect(() => unpackTensor({ dtype: "float32", shape: [9] }, { ...packed, values: packed.values.slice(1) })).toThrow(
      /other entries/,
    );
  });
});

describe("a compact model", () => {
  it("is the same file again, smaller while it lies on disk", async () => {
    const paths = [join(folder, "graph.onnx"), join(folder, "weights.safetensors")] as const;
    for (const { gone, atMost } of [
      { gone: (i: number) => i % 20 !== 0, atMost: 0.13 },
      { gone: (i: number) => i % 4 < 2, atMost: 0.57 }, // 2:4
    ]) {
      const file = await pruned(gone);
      const sizes = await writeCompact(file, { graphPath: paths[0], weightsPath: paths[1] });
      expect(sizes.after).toBeLessThan(atMost * sizes.before);
      expect(await outputOf(await readCompact(...paths))).toEqual(await outputOf(file));
      expectClose(await outputOf(paths[0]), await outputOf(file)); // as the runtime decodes it
    }
  });

  it.each([8, 4] as const)("packs what was rounded to %i bits too", async (bits) => {
    const paths = {
      graphPath: join(folder, `graph${bits}.onnx`),
      weightsPath: join(folder, `weights${bits}.safetensors`),
    };
    const { file } = await quantiseModel(await pruned((i) => i % 20 !== 0), { bits });
    const sizes = await writeCompact(file, paths);
    expect(sizes.after).toBeLessThan((bits === 8 ? 0.35 : 0.8) * sizes.before);
    expectClose(await outputOf(paths.graphPath), await outputOf(file));
    expect(await outputOf(await readCompact(paths.graphPath, paths.weightsPath))).toEqual(await outputOf(file));
  });

  it("is written where its files lie together, from operators that decode, and says what is missing", async () => {
    const file = await pruned((i) => i % 20 !== 0);
    const graphPath = join(folder, "apart.onnx");
    await expect(writeCompact(file, { graphPath, weightsPath: "/elsewhere/w.safetensors" })).rejects.toThrow(
      /one folder/,
    );
    const weightsPath = join(folder, "apart.safetensors");
    await writeCompact(file, { graphPath, weightsPath });
    const { tensors, metadata } = await readTensors(weightsPath);
    const [first] = [...tensors.keys()];
    const rest = [...tensors].filter(([name]) => name !== first);
    const read = await Promise.all(rest.map(async ([name, tensor]) => [name, await tensor.read()] as const));
    await writeSafetensors(weightsPath, new Map(read), { ...(metadata ? { metadata } : {}) });
    await expect(readCompact(graphPath, weightsPath)).rejects.toThrow(/lacks a tensor/);
  });

  it("as sparse initializers is one file that the runtime takes", async () => {
    const file = await pruned((i) => i % 20 !== 0);
    const sparse = await withSparseInitializers(file);
    expect(sparse.after).toBeLessThan(0.2 * sparse.before);
    expectClose(await outputOf(sparse.file), await outputOf(file));
  });

  it("says that there is nothing to gain", async () => {
    const paths = { graphPath: join(folder, "a.onnx"), weightsPath: join(folder, "a.safetensors") };
    await expect(writeCompact(mlp, paths)).rejects.toThrow(/no weight has enough zeros/);
    await expect(withSparseInitializers(await pruned((i) => i % 2 === 0))).rejects.toThrow(
      /no weight has enough zeros/,
    );
  });
});
