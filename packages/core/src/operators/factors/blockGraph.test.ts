import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readCase } from "../../conformance/case.ts";
import { ortNodeEngine } from "../../engine/ort/ortNode.ts";
import { referenceEngine } from "../../engine/reference/engine.ts";
import { evaluateGraph } from "../../engine/reference/interpreter.ts";
import { evaluateOp } from "../../engine/reference/kernels.ts";
import { GraphBuilder, graphOf } from "../../ir/builder.ts";
import { eighMany, eighSync } from "../../linalg/eigh.ts";
import { randomMatrix } from "../../linalg/knownMatrices.ts";
import { gram, type Matrix, matmul, matrix, scaleColumns } from "../../linalg/matrix.ts";
import { randomStream } from "../../random/random.ts";
import { checkOperator } from "../../testing/checkOperator.ts";
import { expectClose } from "../../testing/expectClose.ts";
import { tolerances } from "../../testing/tolerance.ts";
import { ekfac, ekfacOf } from "../ekfac.ts";
import { kfac, kfacOf } from "../kfac.ts";
import { createProblem, type Problem } from "../problem.ts";
import { blockGraph } from "./blockGraph.ts";
import type { BlockwiseOperator } from "./blockwise.ts";
import { eigenOf } from "./eigen.ts";
import type { KroneckerBlock } from "./kroneckerFactors.ts";

const cases = fileURLToPath(new URL("../../../testdata/conformance/", import.meta.url));
const engine = referenceEngine();

async function problemOf(name: string): Promise<Problem> {
  const { model, data, loss, parameters } = await readCase(`${cases}/${name}`, { exact: true });
  return createProblem({ model, data, loss, parameters, engine });
}

const vector = (n: number): Float64Array => {
  const stream = randomStream(4, "block graph");
  return Float64Array.from({ length: n }, () => stream.normal());
};

function throughGraph({ shape: [size], placed }: BlockwiseOperator, v: Float64Array): Float64Array {
  const { v: input, product } = blockGraph(new GraphBuilder(evaluateOp), size, placed, "float64");
  const feed = { dtype: "float64" as const, shape: [size], data: v };
  return Float64Array.from(evaluateGraph(graphOf([input], [product]), new Map([[input, feed]]))[0]!.data);
}

it("keeps the contract where blocks leave entries out: their damped inverse is 1/δ", async () => {
  const [out, width] = [3, 4];
  const block: KroneckerBlock = {
    ...{ name: "w", layer: 0, kind: "matrix", group: null, out, in: width, joint: false },
    index: Int32Array.from({ length: out * width }, (_, i) => i + 2), // 2 entries before and 3 after
    g: gram(randomMatrix(out, out, 1), { of: "columns" }),
    a: gram(randomMatrix(width, width, 2), { of: "columns" }),
  };
  const request = { fisher: { fisher: "type-2" }, approximation: "expand", bias: "joint", groups: "exact" } as const;
  const k = kfacOf({ blocks: [block], request, rows: 1, count: 1, reduction: "mean" }, 17);
  const whole = kron(block.g, block.a as Matrix);
  const rows = Array.from({ length: 17 }, (_, i) =>
    Float64Array.from({ length: 17 }, (_, j) =>
      i >= 2 && i < 14 && j >= 2 && j < 14 ? whole.data[(i - 2) * 12 + j - 2]! : 0,
    ),
  );
  await checkOperator(k, rows, randomStream(1));
  const [basis] = await eigenOf([block], eighMany);
  const values = matrix(
    out,
    width,
    Float64Array.from({ length: 12 }, (_, at) => basis!.g[Math.floor(at / 4)]! * basis!.a[at % 4]!),
  );
  const e = ekfacOf([{ ...block, basis: basis!.basis, values }], 17);
  await checkOperator(e, rows, randomStream(2));
  const inverted = eighSync(matrix(17, 17, Float64Array.from(rows.flatMap((row) => [...row]))));
  for (const [p, operators] of [
    [-1, [await k.inverse(0.3, "exact"), await e.exact!.inverse!(0.3)]],
    [-0.5, [await k.exact!.power!(-0.5, 0.3), await e.exact!.power!(-0.5, 0.3)]],
  ] as const) {
    const levels = inverted.values.map((x) => (x + 0.3) ** p);
    const truth = matmul(scaleColumns(inverted.vectors, levels), inverted.vectors, { b: true });
    for (const operator of operators)
      await checkOperator(operator, rowsOf(truth), randomStream(3), { tolerance: near });
  }
  const shared = 0.3 ** -1; // each factor damped by itself, and 1/δ outside
  const factor = kron(inverseOf(block.g, 0.3), inverseOf(block.a as Matrix, 0.3));
  const factored = rows.map((row, i) =>
    row.map((_, j) => {
      if (i >= 2 && i < 14 && j >= 2 && j < 14) return factor.data[(i - 2) * 12 + j - 2]!;
      return i === j ? shared : 0;
    }),
  );
  await checkOperator(await k.inverse(0.3), factored, randomStream(4), { tolerance: near });
});

const near = { relative: 1e-10, absolute: 1e-10 };

const rowsOf = ({ rows, columns, data }: Matrix): Float64Array[] =>
  Array.from({ length: rows }, (_, i) => data.slice(i * columns, (i + 1) * columns));

function inverseOf(m: Matrix, damping: number): Matrix {
  const { values, vectors } = eighSync(m);
  return matmul(
    scaleColumns(
      vectors,
      values.map((x) => 1 / (x + damping)),
    ),
    vectors,
    { b: true },
  );
}

describe("without damping", () => {
  const request = { fisher: { fisher: "type-2" }, approximation: "expand", bias: "joint", groups: "exact" } as const;
  const index = Int32Array.of(0, 1, 2, 3);
  const shape = { name: "w", layer: 0, kind: "matrix", group: null, out: 2, in: 2, joint: false, index } as const;
  const diagonals = (g: number[], a: number[]) => ({
    g: matrix(2, 2, Float64Array.of(g[0]!, 0, 0, g[1]!)),
    a: matrix(2, 2, Float64Array.of(a[0]!, 0, 0, a[1]!)),
  });
  /** KFAC and EKFAC of diag(g) ⊗ diag(a). */
  const both = (size: number, g: number[], a: number[]) => {
    const values = matrix(2, 2, Float64Array.from(g.flatMap((x) => a.map((y) => x * y))));
    const one = matrix(2, 2, Float64Array.of(1, 0, 0, 1));
    const blocks = [{ ...shape, ...diagonals(g, a) }];
    return [
      kfacOf({ blocks, request, rows: 1, count: 1, reduction: "mean" }, size),
      ekfacOf([{ ...shape, basis: { qg: one, qa: one }, values }], size),
    ];
  };

  it("know determinant and powers where blocks cover everything and nothing is singular", async () => {
    for (const operator of both(4, [2, 3], [5, 7])) {
      expect(await operator.exact!.logDeterminant!(0)).toBeCloseTo(Math.log(2 ** 2 * 3 ** 2 * 5 ** 2 * 7 ** 2), 12);
      const root = await operator.exact!.power!(-0.5, 0);
      const truth = [10, 14, 15, 21].map((x) => x ** -0.5);
      expectClose(await root.exact!.diagonal!(), truth, "diagonal");
      expectClose([await root.exact!.trace!()], [truth.reduce((sum, x) => sum + x, 0)], "trace");
      expectClose(await root.apply(Float64Array.of(1, 1, 1, 1)), truth, "product");
    }
  });

  it("are refused a negative power where something is singular, and have the determinant 0", async () => {
    for (const operator of [...both(4, [2, 0], [5, 7]), ...both(5, [2, 3], [5, 7])]) {
      await expect((async () => operator.exact!.power!(-0.5, 0))()).rejects.toThrow("a positive damping");
      expect(await operator.exact!.logDeterminant!(0)).toBe(Number.NEGATIVE_INFINITY);
    }
  });
});

describe("factors that are not as they should be", () => {
  const request = { fisher: { fisher: "type-2" }, approximation: "expand", bias: "joint", groups: "exact" } as const;
  const of = (g: Matrix, a: Matrix) => {
    const index = Int32Array.from({ length: 4 }, (_, i) => i);
    const shape = { name: "w", layer: 0, kind: "matrix", group: null, out: 2, in: 2, joint: false, index } as const;
    return kfacOf({ blocks: [{ ...shape, g, a }], request, rows: 1, count: 1, reduction: "mean" }, 4);
  };
  const [one, two] = [matrix(2, 2, Float64Array.of(1, 0, 0, 1)), matrix(2, 2, Float64Array.of(1, 2, 2, 1))];

  it.each(["exact", "factored"] as const)("are refused where one is indefinite, %s", async (form) => {
    await expect(of(one, two).inverse(0.1, form)).rejects.toThrow(/positive (semi)?definite/);
    await expect(of(two, one).inverse(0.1, form)).rejects.toThrow(/positive (semi)?definite/);
    await expect(of(one, two).exact!.logDeterminant!(0.1)).rejects.toThrow("factor A of w");
  });

  it("have a heuristic inverse where one is zero, as that of a layer without gradients is", async () => {
    const inverse = await of(matrix(2, 2), one).inverse(0.04, "heuristic"); // π = 1: (0.2 I)⁻¹ ⊗ (1.2 I)⁻¹
    expectClose(await inverse.apply(Float64Array.of(1, 0, 0, 0)), [1 / (0.2 * 1.2), 0, 0, 0], "inverse");
  });
});

/** G ⊗ A, entry by entry. */
function kron(g: Matrix, a: Matrix): Matrix {
  const n = g.rows * a.rows;
  return matrix(
    n,
    n,
    Float64Array.from({ length: n * n }, (_, at) => {
      const [p, q] = [Math.floor(at / n), at % n];
      const [i, j] = [Math.floor(p / a.rows), Math.floor(q / a.rows)];
      return g.data[i * g.rows + j]! * a.data[(p % a.rows) * a.rows + (q % a.rows)]!;
    }),
  );
}

describe("a blockwise operator as a graph", () => {
  it.each([
    "mlp_ce_mean",
    "seq_ce_mean", // weights are stored transposed: gathered and scattered
    "conv_grouped_strided_dilated_mse_mean",
    "attn_ce_mean", // tables, scales and shifts
  ])("is the operator: %s", async (name) => {
    await using problem = await problemOf(name);
    const v = vector(problem.space.size);
    for (const bias of ["joint", "separate"] as const) {
      const k = await kfac(problem, { bias });
      expectClose(throughGraph(k, v), await k.apply(v), `KFAC, ${bias}`);
      const e = await ekfac(problem, { bias });
      expectClose(throughGraph(e, v), await e.apply(v), `EKFAC, ${bias}`);
    }
  });

  it("runs on an engine from the second product on, for large operators, rows one by one and into memory that is given", async () => {
    await using ort = ortNodeEngine({ threads: 1 });
    const [out, width] = [256, 300];
    const size = out * width + 7; // the last seven entries belong to no block
    const block: KroneckerBlock = {
      ...{ name: "w", layer: 0, kind: "matrix", group: null, out, in: width, joint: false },
      index: Int32Array.from({ length: out * width }, (_, i) => i),
      g: gram(randomMatrix(out, out, 1), { of: "columns" }),
      a: gram(randomMatrix(width, width, 2), { of: "columns" }),
    };
    const request = { fisher: { fisher: "type-2" }, approximation: "expand", bias: "joint", groups: "exact" } as const;
    const factors = { blocks: [block], request, rows: 1, count: 1, reduction: "mean" } as const;
    await using here = kfacOf(factors, size);
    await using there = kfacOf(factors, size, ort);
    const v = vector(2 * size);
    const truth = await here.apply(v, { k: 2 });
    expectClose(await there.apply(v, { k: 2 }), truth, "the first products", tolerances.float32);
    const into = new Float64Array(2 * size).fill(Number.NaN);
    expect(await there.apply(v, { k: 2, out: into })).toBe(into);
    expectClose(into, truth, "later ones", tolerances.float32);
    expect(into.some((x, i) => x !== truth[i])).toBe(true); // in float32, so on the engine
    const once = await there.apply(v.subarray(0, size));
    expectClose(once, truth.subarray(0, size), "one row", tolerances.float32);
    await there[Symbol.asyncDispose]();
  });
});
