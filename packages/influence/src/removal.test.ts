/** Ridge regression has closed forms: every removal is compared with the refit. */
import {
  cholesky,
  choleskySolve,
  createProblem,
  datasetFromArrays,
  fromRows,
  gram,
  type LinearOperator,
  type Matrix,
  matmul,
  matrix,
  type OnnxModel,
  type Problem,
  randomStream,
  referenceEngine,
  squaredError,
  tensor,
  transposeMatrix,
} from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { fitCurvature } from "./curvature.ts";
import { pairwiseScores } from "./pairwise.ts";
import { removal } from "./removal.ts";

const [n, d, lambda] = [40, 6, 0.7];
const stream = randomStream(11, "ridge");
const x = Array.from({ length: n }, () => Array.from({ length: d }, () => stream.normal()));
const y = x.map((row) => row.reduce((sum, v, i) => sum + v * Math.cos(i), 0) + 0.3 * stream.normal());
const query = Array.from({ length: d }, () => stream.normal());
const queryTarget = 1.5;
const engine = referenceEngine();

/** argmin Σ (xᵀθ − y)² + λ‖θ‖² */
async function ridge(rows: readonly number[]): Promise<Float64Array> {
  const a = fromRows(rows.map((i) => x[i]!));
  const normal = plusDiagonal(gram(a, { of: "columns" }), lambda);
  const b = matmul(
    transposeMatrix(a),
    matrix(
      rows.length,
      1,
      Float64Array.from(rows, (i) => y[i]!),
    ),
  );
  return choleskySolve(await cholesky(normal), b).data;
}

function plusDiagonal(m: Matrix, by: number): Matrix {
  return matrix(
    m.rows,
    m.columns,
    m.data.map((v, k) => v + (Math.floor(k / m.columns) === k % m.columns ? by : 0)),
  );
}

function linearModel(theta: Float64Array): OnnxModel {
  const weight = tensor("float32", [1, d], theta);
  return {
    source: "ridge",
    irVersion: 8,
    opsets: new Map([["", 20]]),
    producer: "",
    inputs: [{ name: "x", dtype: "float32", shape: ["rows", d] }],
    outputs: [{ name: "f", dtype: "float32", shape: ["rows", 1] }],
    initializers: new Map([["w", { name: "w", dtype: "float32", shape: [1, d], read: () => weight }]]),
    nodes: [
      {
        name: "f",
        opType: "Gemm",
        domain: "",
        inputs: ["x", "w"],
        outputs: ["f"],
        attrs: { transB: { kind: "int", value: 1 } },
      },
    ],
  };
}

const all = Array.from({ length: n }, (_, i) => i);
const problemOf = async (inputs: readonly (readonly number[])[], target: readonly number[]): Promise<Problem> =>
  createProblem({
    model: linearModel(await ridge(all)),
    data: datasetFromArrays({ inputs: { x: inputs as number[][] }, target: target.map((t) => [t]) }, { batchSize: 16 }),
    loss: squaredError({ reduction: "sum" }),
    engine,
  });

/** (2 XᵀX + 2 λ)⁻¹ */
async function inverseOfSum(): Promise<LinearOperator> {
  const h = plusDiagonal(gram(fromRows(x), { of: "columns" }), lambda);
  const factor = await cholesky(h);
  const self: LinearOperator = {
    name: "ridge inverse",
    shape: [d, d],
    structure: { selfAdjoint: true, positiveSemidefinite: true },
    adjoint: () => self,
    async apply(v, { k = 1 } = {}) {
      const solved = choleskySolve(factor, transposeMatrix(matrix(k, d, v)));
      return transposeMatrix(solved).data.map((value) => value / 2);
    },
  };
  return self;
}

const without = (gone: readonly number[]): number[] => all.filter((i) => !gone.includes(i));
const loss = (theta: Float64Array): number => (query.reduce((sum, v, i) => sum + v * theta[i]!, 0) - queryTarget) ** 2;

describe("removal from ridge regression", () => {
  it.each([[[0]], [[7]], [[39]], [[3, 4, 5, 20]]])("of rows %j is the refit, within 1e-10", async (gone) => {
    await using train = await problemOf(x, y);
    const theta = await ridge(all);
    const refit = await ridge(without(gone));
    const { newton } = await removal(train, await inverseOfSum(), gone);
    newton.forEach((step, i) => {
      expect(Math.abs(theta[i]! + step - refit[i]!)).toBeLessThan(1e-10);
    });
  });

  it("of one row is the first order over 1 − h", async () => {
    await using train = await problemOf(x, y);
    const inverseOperator = await inverseOfSum();
    for (const row of [0, 7, 39]) {
      const { first, newton } = await removal(train, inverseOperator, [row]);
      const h = (await inverseOperator.apply(Float64Array.from(x[row]!))).reduce(
        (sum, v, i) => sum + 2 * v * x[row]![i]!,
        0,
      );
      newton.forEach((step, i) => {
        expect(Math.abs(step - first[i]! / (1 - h))).toBeLessThan(1e-12);
      });
    }
  });

  it("changes a query's loss to second order in the step", async () => {
    await using train = await problemOf(x, y);
    const inverseOperator = await inverseOfSum();
    const theta = await ridge(all);
    const residual = query.reduce((sum, v, i) => sum + v * theta[i]!, 0) - queryTarget;
    let worst = 0;
    for (const row of all) {
      const { newton } = await removal(train, inverseOperator, [row]);
      const truth = loss(await ridge(without([row]))) - loss(theta);
      const along = query.reduce((sum, v, i) => sum + v * newton[i]!, 0);
      expect(Math.abs(2 * residual * along + along ** 2 - truth)).toBeLessThan(1e-10);
      worst = Math.max(worst, along ** 2 / Math.abs(truth));
    }
    expect(worst).toBeGreaterThan(0.005); // what the first order alone leaves out
  });

  it("is what scores say to first order, in sign and units", async () => {
    await using train = await problemOf(x, y);
    await using queries = await problemOf([query], [queryTarget]);
    const curvature = await fitCurvature(train, { strategy: "ggn" });
    const damping = (2 * lambda) / n;
    const { scores } = await pairwiseScores(
      curvature,
      { train, query: queries },
      { damping, relativeTolerance: 1e-13 },
    );
    const inverseOperator = await inverseOfSum();
    const residual = query.reduce((sum, v, i) => sum + v * train.values[0]!.data[i]!, 0) - queryTarget;
    for (const row of all) {
      const { first } = await removal(train, inverseOperator, [row]);
      const change = query.reduce((sum, v, i) => sum + 2 * residual * v * first[i]!, 0);
      expect(Math.abs(scores[0]![row]! - change)).toBeLessThan(1e-10);
    }
    // EK-FAC is exact here up to its Kronecker factors: one output, so G is a number.
    const ekfac = await fitCurvature(train, { strategy: "kfac", fisher: "type-2" });
    const same = await pairwiseScores(ekfac, { train, query: queries }, { damping });
    same.scores[0]!.forEach((score, i) => {
      expect(Math.abs(score - scores[0]![i]!)).toBeLessThan(1e-10);
    });
  });

  it("refuses rows that are not there", async () => {
    await using train = await problemOf(x, y);
    await expect(removal(train, await inverseOfSum(), [n])).rejects.toThrow("the data do not have it");
  });
});
