import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readCase } from "../../conformance/case.ts";
import { referenceEngine } from "../../engine/reference/engine.ts";
import { matrix } from "../../linalg/matrix.ts";
import { randomStream } from "../../random/random.ts";
import { expectClose } from "../../testing/expectClose.ts";
import { layerBlocks } from "../factors/layerBlocks.ts";
import { perExampleGradients } from "../perExampleGradients.ts";
import { createProblem, type Problem } from "../problem.ts";
import type { BlockFilter } from "./blockFilter.ts";
import { exampleGradientBlocks, exampleGradientSquares } from "./exampleGradientBlocks.ts";
import { exampleProducts } from "./exampleProducts.ts";

const folder = fileURLToPath(new URL("../../../testdata/conformance/", import.meta.url));
const engine = referenceEngine();
const cases = [
  "mlp_ce_mean",
  "conv_expand_mse_mean",
  "conv_grouped_strided_dilated_mse_mean",
  "deeplin_share_reduce_mse_mean",
  "tied_mixed_bias_mse_mean",
];
const vectorsEach = 3;

async function problemOf(name: string, memory?: number): Promise<Problem> {
  const { model, data, loss, parameters } = await readCase(`${folder}/${name}`, { exact: true });
  return createProblem({ model, data, loss, parameters, engine, ...(memory ? { memory } : {}) });
}

/** Each row's gradient [P], by the program that does not know of layers. */
async function gradientsOf(problem: Problem): Promise<Float64Array[]> {
  const list: Float64Array[] = [];
  const { size } = problem.space;
  for await (const { rows, gradients } of perExampleGradients(problem)) {
    for (let row = 0; row < rows; row++) list.push(gradients.slice(row * size, (row + 1) * size));
  }
  return list;
}

describe.each(cases)("single examples of %s", (name) => {
  it("have the gradients that the layerless program finds", async () => {
    await using problem = await problemOf(name);
    const truth = await gradientsOf(problem);
    const { blocks } = layerBlocks(problem);
    for await (const { firstRow, rows, blocks: found } of exampleGradientBlocks(problem, blocks)) {
      for (let row = 0; row < rows; row++) {
        blocks.forEach(({ index, name: block }, b) => {
          const mine = found[b]!.subarray(row * index.length, (row + 1) * index.length);
          expectClose(
            mine,
            Float64Array.from(index, (i) => truth[firstRow + row]![i]!),
            `gradient of ${block}`,
          );
        });
      }
    }
  });

  it.each([undefined, 2 ** 14])("have products with vectors, in %s bytes", async (memory) => {
    await using problem = await problemOf(name, memory);
    const truth = await gradientsOf(problem);
    const { blocks } = layerBlocks(problem);
    const stream = randomStream(1, "vectors");
    const data = blocks.map(({ index }) =>
      Float64Array.from({ length: vectorsEach * index.length }, () => stream.normal()),
    );
    for await (const { firstRow, rows, products } of exampleProducts(problem, blocks, {
      count: vectorsEach,
      blocks: data,
    })) {
      blocks.forEach(({ index }, b) => {
        const expected = Float64Array.from({ length: vectorsEach * rows }, (_, at) => {
          const [q, row] = [Math.floor(at / rows), at % rows];
          return index.reduce((sum, i, k) => sum + data[b]![q * index.length + k]! * truth[firstRow + row]![i]!, 0);
        });
        expectClose(products[b]!, expected, `products with ${blocks[b]!.name}`);
      });
    }
  });

  it("have lengths in a filter's metric", async () => {
    await using problem = await problemOf(name);
    const truth = await gradientsOf(problem);
    const { blocks } = layerBlocks(problem);
    const stream = randomStream(2, "weights");
    const filters = blocks.map((block): BlockFilter => {
      const weights = Float64Array.from({ length: block.out * block.in }, () => stream.uniform());
      return { weights: matrix(block.out, block.in, weights) };
    });
    for await (const { firstRow, rows, blocks: found } of exampleGradientSquares(problem, blocks, { filters })) {
      blocks.forEach(({ index }, b) => {
        const expected = Float64Array.from({ length: rows }, (_, row) =>
          index.reduce((sum, i, k) => sum + filters[b]!.weights!.data[k]! * truth[firstRow + row]![i]! ** 2, 0),
        );
        expectClose(found[b]!, expected, `lengths in ${blocks[b]!.name}`);
      });
    }
  });
});

describe("vectors of low rank", () => {
  it.each(["mlp_ce_mean", "conv_grouped_strided_dilated_mse_mean", "tied_mixed_bias_mse_mean"])(
    "have the products of the matrices that they make, in %s",
    async (name) => {
      await using problem = await problemOf(name);
      const { blocks } = layerBlocks(problem);
      const stream = randomStream(3, "columns");
      const rank = 2;
      const pairs = blocks.map(({ out, in: width }) =>
        Float64Array.from({ length: vectorsEach * rank * (out + width) }, () => stream.normal()),
      );
      const whole = blocks.map(({ out, in: width }, b) =>
        Float64Array.from({ length: vectorsEach * out * width }, (_, at) => {
          const [q, i, j] = [Math.floor(at / (out * width)), Math.floor(at / width) % out, at % width];
          const entry = (r: number, k: number): number => pairs[b]![(q * rank + r) * (out + width) + k]!;
          return entry(0, i) * entry(0, out + j) + entry(1, i) * entry(1, out + j);
        }),
      );
      for (const by of name.startsWith("mlp") ? (["row", "position"] as const) : (["row"] as const)) {
        const full = exampleProducts(problem, blocks, { count: vectorsEach, blocks: whole }, { by });
        const ranks = blocks.map(() => rank);
        for await (const found of exampleProducts(
          problem,
          blocks,
          { count: vectorsEach, blocks: pairs, ranks },
          { by },
        )) {
          const { products } = (await full.next()).value!;
          found.products.forEach((data, b) => {
            expectClose(data, products[b]!, `products with ${blocks[b]!.name}`);
          });
        }
      }
    },
  );
});

describe("products by position", () => {
  it("sum to those by row", async () => {
    await using problem = await problemOf("deeplin_share_reduce_mse_mean");
    const { blocks } = layerBlocks(problem);
    const data = blocks.map(({ index }, b) => Float64Array.from({ length: index.length }, (_, k) => Math.sin(b + k)));
    const vectors = { count: 1, blocks: data };
    const whole: number[] = [];
    for await (const { products } of exampleProducts(problem, blocks, vectors, { sumBlocks: true }))
      whole.push(...products[0]!);
    const summed: number[] = [];
    for await (const { products, positions, rows } of exampleProducts(problem, blocks, vectors, {
      sumBlocks: true,
      by: "position",
    })) {
      expect(positions).toBeGreaterThan(1);
      for (let row = 0; row < rows; row++)
        summed.push(Array.from(products[0]!.slice(row * positions, (row + 1) * positions)).reduce((a, b) => a + b, 0));
    }
    expectClose(summed, whole, "a row's product is its positions' sum");
  });
});
