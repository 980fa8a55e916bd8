/** Models whose units stand in another order, made by hand, are put back to the last bit; what is aligned computes the same. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { editModel, openFileSession, randomStream, readModel, readModelFile, type Tensor } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { type Layer, mlpBytes } from "../testing.ts";
import { alignModel } from "./alignModel.ts";

const widths = [3, 7, 5, 2];
const stream = randomStream(1, "align");
const layers: readonly Layer[] = widths.slice(1).map((out, i) => ({
  weight: Array.from({ length: out }, () => Array.from({ length: widths[i] ?? 0 }, () => stream.normal())),
  bias: Array.from({ length: out }, () => stream.normal()),
}));
const pick = <T>(list: readonly T[], order: readonly number[]): T[] => order.flatMap((k) => list.slice(k, k + 1));

/** The same function with its hidden units in other orders. */
function shuffled(given: readonly Layer[], orders: readonly (readonly number[])[]): Layer[] {
  return given.map(({ weight, bias }, i) => {
    const [rows, columns] = [orders[i], orders[i - 1]];
    const turned = columns ? weight.map((row) => pick(row, columns)) : weight;
    return { weight: rows ? pick(turned, rows) : turned, bias: rows ? pick(bias, rows) : bias };
  });
}

const small = fileURLToPath(new URL("../../../prune/testdata/small/", import.meta.url));
/** bags.onnx has no units that could change places: a Loop's output has lengths that are not known beforehand. */
const graphs = readdirSync(small).filter((name) => name.endsWith(".onnx") && name !== "bags.onnx");

function drawn(shape: readonly number[]): Tensor {
  const count = shape.reduce((n, d) => n * d, 1);
  return { dtype: "float32", shape, data: Float32Array.from({ length: count }, () => stream.normal()) };
}

const digits = (seed: number): string =>
  fileURLToPath(new URL(`../../../laplace/testdata/digits/mlp-${seed}.onnx`, import.meta.url));

async function outputs(file: string | Uint8Array, feeds: Readonly<Record<string, Tensor>>): Promise<number[]> {
  await using session = await openFileSession(file);
  return Object.values(await session.run(feeds)).flatMap(({ data }) => [...data]);
}

const furthest = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((v, i) => Math.abs(v - (b[i] ?? Number.NaN))));

const orders = [
  [3, 0, 6, 1, 5, 2, 4],
  [4, 2, 0, 1, 3],
];

describe("alignModel", () => {
  it("finds the order of hidden units of every layer, to the last bit", async () => {
    const reference = await readModelFile(mlpBytes(layers));
    const other = await readModelFile(mlpBytes(shuffled(layers, orders)));
    const { bytes, groups, similarity } = await alignModel(reference, other, { shapes: { h0: [1, 3] } });
    expect([...(await readModel(bytes)).initializers].map(([name, { read }]) => [name, [...read().data]])).toEqual(
      [...reference.model.initializers].map(([name, { read }]) => [name, [...read().data]]),
    );
    expect(groups.map(({ units, moved }) => [units, moved])).toEqual([
      [7, 7],
      [5, 5],
    ]);
    expect(similarity.before).toBeLessThan(0.9);
    expect(similarity.after).toBeCloseTo(1, 12);
  });

  it("is near where weights are near, and leaves alone what stands right", async () => {
    const noisy = shuffled(layers, orders).map(({ weight, bias }) => ({
      weight: weight.map((row) => row.map((x) => x + 0.1 * stream.normal())),
      bias: bias.map((x) => x + 0.1 * stream.normal()),
    }));
    const reference = await readModelFile(mlpBytes(layers));
    const first = await alignModel(reference, await readModelFile(mlpBytes(noisy)), { shapes: { h0: [1, 3] } });
    expect(first.similarity.after).toBeGreaterThan(0.98);
    const again = await alignModel(reference, await readModelFile(first.bytes), { shapes: { h0: [1, 3] } });
    expect(again.groups.every(({ moved }) => moved === 0)).toBe(true);
    expect(again.bytes).toEqual(first.bytes);
  });

  it("keeps the model's function, of networks trained apart", async () => {
    const [a, b] = await Promise.all([0, 1].map((seed) => readModelFile(digits(seed))));
    const { bytes, similarity } = await alignModel(a!, b!, { shapes: { x: [1, 64] } });
    expect(similarity.after).toBeGreaterThan(similarity.before + 0.1);
    const x = drawn([9, 64]);
    expect(furthest(await outputs(digits(1), { x }), await outputs(bytes, { x }))).toBeLessThan(1e-5);
  });

  it.each(graphs)("keeps the model's function, whatever the reference: %s", async (name) => {
    const { bytes, model } = await readModelFile(join(small, name));
    const noise = new Map(
      [...model.initializers].flatMap(([key, { dtype, shape }]) =>
        dtype === "float32" && shape.length > 1 ? [[key, drawn(shape)] as const] : [],
      ),
    );
    const reference = await readModelFile(editModel(bytes, { initializers: noise }));
    const feeds = Object.fromEntries(
      model.inputs.map(({ name: input, dtype, shape }) => {
        const lengths = (shape ?? []).map((d) => (typeof d === "number" ? d : 2));
        return [
          input,
          dtype === "float32" ? drawn(lengths) : { dtype, shape: lengths, data: drawn(lengths).data.map(Math.abs) },
        ];
      }),
    );
    const shapes = Object.fromEntries(Object.entries(feeds).map(([key, { shape }]) => [key, shape]));
    const aligned = await alignModel(reference, { bytes, model }, { shapes });
    expect(aligned.groups.length).toBeGreaterThan(0);
    if (aligned.groups.some(({ units }) => units > 3)) expect(aligned.groups.some(({ moved }) => moved > 1)).toBe(true);
    const before = await outputs(bytes, feeds);
    expect(furthest(before, await outputs(aligned.bytes, feeds)) / Math.max(...before.map(Math.abs))).toBeLessThan(
      1e-5,
    );
  });

  it("says which graph does not fit", async () => {
    const [wide, narrow] = await Promise.all([layers, layers.slice(1)].map((own) => readModelFile(mlpBytes(own))));
    await expect(alignModel(wide!, narrow!, { shapes: { h0: [1, 3] } })).rejects.toThrow("as their graphs differ");
  });
});
