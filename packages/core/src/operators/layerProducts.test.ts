import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readCase } from "../conformance/case.ts";
import { datasetFromArrays } from "../data/fromArrays.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { eighSync } from "../linalg/eigh.ts";
import { diagonalOf, type Matrix, matmul, matrix, subtract, trace } from "../linalg/matrix.ts";
import { squaredError } from "../loss/squaredError.ts";
import { readModel } from "../onnx/decode.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { encodeSpec } from "../onnx/nodeModel.ts";
import { randomStream } from "../random/random.ts";
import { checkOperator } from "../testing/checkOperator.ts";
import { expectClose } from "../testing/expectClose.ts";
import { ints, normalFloats } from "../testing/smallModels.ts";
import { toDense } from "./dense.ts";
import type { BlockShape } from "./factors/blocks.ts";
import { layerBlocks } from "./factors/layerBlocks.ts";
import { mergeFactors } from "./factors/mergeFactors.ts";
import { ggn } from "./ggn.ts";
import { hessian } from "./hessian.ts";
import { layerwise } from "./layerwise.ts";
import { createProblem, type Problem } from "./problem.ts";
import { shampoo } from "./shampoo.ts";
import { tkfac } from "./tkfac.ts";

const folder = fileURLToPath(new URL("../../testdata/conformance/", import.meta.url));
const engine = referenceEngine();

async function problemOf(name: string): Promise<Problem> {
  const { model, data, loss, parameters } = await readCase(`${folder}/${name}`, { exact: true });
  return createProblem({ model, data, loss, parameters, engine });
}

/** f = h W with h = tanh(table[x]), so that rows of the table have gradients of different length. */
function embedding(): Promise<OnnxModel> {
  return readModel(
    encodeSpec({
      inputs: [{ name: "x", dtype: "int64", shape: ["rows"] }],
      outputs: [{ name: "f", dtype: "float32", shape: ["rows", 2] }],
      nodes: [
        { op: "Gather", inputs: ["table", "x"], outputs: ["z"] },
        { op: "Tanh", inputs: ["z"], outputs: ["h"] },
        { op: "MatMul", inputs: ["h", "w"], outputs: ["f"] },
      ],
      initializers: { table: normalFloats([5, 3], 1, "table"), w: normalFloats([3, 2], 2, "w") },
    }),
  );
}

/** Rows and columns `index` of a dense matrix. */
function part(dense: Float64Array, size: number, index: Int32Array): Matrix {
  const n = index.length;
  return matrix(
    n,
    n,
    Float64Array.from({ length: n * n }, (_, at) => dense[index[Math.floor(at / n)]! * size + index[at % n]!]!),
  );
}

/** Of a block over `[out, in]`: Σ_i B[(o, i), (o', i)] and Σ_o B[(o, i), (o, i')], the sums of M Mᵀ and Mᵀ M. */
function partialTraces({ data }: Matrix, { out, in: width }: BlockShape): { left: Matrix; right: Matrix } {
  const [left, right] = [matrix(out, out), matrix(width, width)];
  const n = out * width;
  for (let p = 0; p < n; p++) {
    for (let q = 0; q < n; q++) {
      const [o, i, o2, i2] = [Math.floor(p / width), p % width, Math.floor(q / width), q % width];
      if (i === i2) left.data[o * out + o2]! += data[p * n + q]!;
      if (o === o2) right.data[i * width + i2]! += data[p * n + q]!;
    }
  }
  return { left, right };
}

function rowsOf(dense: Float64Array, n: number): Float64Array[] {
  return Array.from({ length: n }, (_, i) => dense.subarray(i * n, (i + 1) * n));
}

describe("layerwise", () => {
  it.each([
    ["GGN", ggn],
    ["Hessian", hessian],
  ] as const)("is the %s with zeros between the layers, with its blocks computed or not", async (_, make) => {
    await using problem = await problemOf("mlp_ce_mean");
    const { size } = problem.space;
    const whole = make(problem);
    const dense = await toDense(whole);
    for (const bias of ["joint", "separate"] as const) {
      const { blocks } = layerBlocks(problem, { bias });
      const expected = new Float64Array(dense.length);
      for (const { index } of blocks)
        for (const i of index) for (const j of index) expected[i * size + j] = dense[i * size + j]!;
      const rows = rowsOf(expected, size);
      await checkOperator(await layerwise(problem, whole, { bias }), rows, randomStream(1));
      const computed = await layerwise(problem, whole, { bias, dense: true });
      await checkOperator(computed, rows, randomStream(2));
      expect(Object.keys(computed.exact ?? {})).toEqual(
        expect.arrayContaining(["trace", "inverse", "eigenvalues", "logDeterminant"]),
      );
    }
  });
});

describe("TKFAC", () => {
  it.each(["mlp_ce_mean", "mlp_mse_sum", "onedatum_ce_mean"])(
    "has the partial traces of the exact blocks as factors, and so their trace: %s",
    async (name) => {
      await using problem = await problemOf(name);
      const { size } = problem.space;
      const dense = await toDense(ggn(problem));
      const k = await tkfac(problem);
      for (const block of k.factors.blocks) {
        const { left, right } = partialTraces(part(dense, size, block.index), block);
        expectClose(block.g.data, left.data, `${block.name}: G`);
        const share = trace(right) > 0 ? 1 / trace(right) : 0;
        expectClose(
          (block.a as Matrix).data,
          right.data.map((x) => share * x),
          `${block.name}: A`,
        );
      }
      await checkOperator(k, rowsOf(await toDense(k), size), randomStream(3));
    },
  );

  it("is that of the drawn labels' Fisher matrix where labels are drawn", async () => {
    await using problem = await problemOf("mlp_ce_mean");
    const drawn = { samples: 3, seed: 5 };
    const dense = await toDense(ggn(problem, { fisher: "sampled", ...drawn }));
    const k = await tkfac(problem, { fisher: "mc", ...drawn });
    for (const block of k.factors.blocks) {
      const { left } = partialTraces(part(dense, problem.space.size, block.index), block);
      expectClose(block.g.data, left.data, `${block.name}: G`);
    }
  });

  it("has a diagonal A for a table: what its rows' gradients weigh", async () => {
    await using problem = await createProblem({
      model: await embedding(),
      data: datasetFromArrays(
        { inputs: { x: ints([6], [0, 3, 3, 1, 4, 3]) }, target: normalFloats([6, 2], 3, "y") },
        { batchSize: 4 },
      ),
      loss: squaredError(),
      parameters: ["table"],
      engine,
    });
    const dense = await toDense(ggn(problem));
    const [block] = (await tkfac(problem)).factors.blocks;
    const { left, right } = partialTraces(part(dense, problem.space.size, block!.index), block!);
    expect(block!.kind).toBe("table");
    expectClose(block!.g.data, left.data, "G");
    expectClose(
      block!.a as Float64Array,
      diagonalOf(right).map((x) => x / trace(right)),
      "A",
    );
  });

  it("is refused where sums over parts are asked for", async () => {
    await using problem = await problemOf("onedatum_ce_mean");
    const { factors } = await tkfac(problem);
    expect(() => mergeFactors(factors, factors)).toThrow("those of tkfac are no sums over the data");
  });
});

describe("Shampoo", () => {
  it.each(["mlp_ce_mean", "seq_ce_mean", "mlp_bce2_soft_mean"])(
    "has the square roots of the exact blocks' partial traces as factors: %s",
    async (name) => {
      await using problem = await problemOf(name);
      const { size } = problem.space;
      const dense = await toDense(ggn(problem));
      const s = await shampoo(problem);
      expect(s.factors.blocks.length).toBeGreaterThan(0);
      for (const block of s.factors.blocks) {
        const { left, right } = partialTraces(part(dense, size, block.index), block);
        expectClose(matmul(block.g, block.g).data, left.data, `${block.name}: G²`);
        expectClose(matmul(block.a as Matrix, block.a as Matrix).data, right.data, `${block.name}: A²`);
      }
    },
  );

  it("is that of the drawn labels' Fisher matrix where labels are drawn", async () => {
    await using problem = await problemOf("mlp_ce_mean");
    const drawn = { samples: 3, seed: 5 };
    const dense = await toDense(ggn(problem, { fisher: "sampled", ...drawn }));
    const s = await shampoo(problem, { fisher: "mc", ...drawn });
    for (const block of s.factors.blocks) {
      const { left } = partialTraces(part(dense, problem.space.size, block.index), block);
      expectClose(matmul(block.g, block.g).data, left.data, `${block.name}: G²`);
    }
  });

  it("bounds the exact blocks from above where no positions are shared", async () => {
    await using problem = await problemOf("mlp_ce_mean");
    const { size } = problem.space;
    const [exact, bound] = [await toDense(ggn(problem)), await toDense(await shampoo(problem))];
    for (const { index } of layerBlocks(problem).blocks) {
      const { values } = eighSync(subtract(part(bound, size, index), part(exact, size, index)));
      expect(values[0]).toBeGreaterThan(-1e-12);
      expect(values.at(-1)).toBeGreaterThan(1e-6);
    }
  });
});
