import { describe, expect, it } from "vitest";
import type { Dataset } from "../data/dataset.ts";
import { datasetFromArrays } from "../data/fromArrays.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { cholesky, choleskySolve } from "../linalg/cholesky.ts";
import { fromRows, type Matrix, matmul, matrix, transpose } from "../linalg/matrix.ts";
import { crossEntropy } from "../loss/crossEntropy.ts";
import type { Loss } from "../loss/loss.ts";
import { squaredError } from "../loss/squaredError.ts";
import { readModel } from "../onnx/decode.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { encodeSpec } from "../onnx/nodeModel.ts";
import { gradientAndLoss } from "../operators/gradientAndLoss.ts";
import { createProblem } from "../operators/problem.ts";
import { randomStream } from "../random/random.ts";
import { lossAt } from "./lossAt.ts";
import { matchFunctions } from "./matchFunctions.ts";
import { ownPredictions } from "./ownPredictions.ts";

const stream = randomStream(3, "functions");
const normals = (rows: number, columns: number): number[][] =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, () => stream.normal()));

/** f = x W + b */
async function linearModel(w: number[][], b: number[]): Promise<OnnxModel> {
  const [inputs, outputs] = [w.length, b.length];
  return readModel(
    encodeSpec({
      inputs: [{ name: "x", dtype: "float32", shape: ["rows", inputs] }],
      outputs: [{ name: "f", dtype: "float32", shape: ["rows", outputs] }],
      nodes: [{ op: "Gemm", inputs: ["x", "w", "b"], outputs: ["f"] }],
      initializers: {
        w: { dtype: "float32", shape: [inputs, outputs], data: Float32Array.from(w.flat()) },
        b: { dtype: "float32", shape: [outputs], data: Float32Array.from(b) },
      },
    }),
  );
}

/** f = x T h */
async function twoLayers(trunk: number[][], head: number[][]): Promise<OnnxModel> {
  const weights = (w: number[][]) => ({
    dtype: "float32" as const,
    shape: [w.length, w[0]!.length],
    data: Float32Array.from(w.flat()),
  });
  return readModel(
    encodeSpec({
      inputs: [{ name: "x", dtype: "float32", shape: ["rows", trunk.length] }],
      outputs: [{ name: "f", dtype: "float32", shape: ["rows", 1] }],
      nodes: [
        { op: "MatMul", inputs: ["x", "trunk"], outputs: ["z"] },
        { op: "MatMul", inputs: ["z", "head"], outputs: ["f"] },
      ],
      initializers: { trunk: weights(trunk), head: weights(head) },
    }),
  );
}

/** Every row five times over, so that the rows kept aside are the rows computed with. */
const fiveFold = (rows: number[][]): Dataset =>
  datasetFromArrays({ inputs: { x: rows.flatMap((row) => Array(5).fill(row) as number[][]) } }, { batchSize: 8 });

describe("matchFunctions", () => {
  it("finds the least-squares fit of both models' predictions, each on its own rows", async () => {
    const [x1, x2] = [normals(9, 3), normals(6, 3)];
    const weights = [normals(3, 1), normals(3, 1)].map((w) => w.map((row) => row.map(Math.fround)));
    const biases = [[0.5], [-1]];
    const models = await Promise.all(weights.map((w, i) => linearModel(w, biases[i]!)));
    const engine = referenceEngine();
    const { values, after, before } = await matchFunctions({
      student: models[0]!,
      teachers: [x1, x2].map((x, i) => ({ name: `${i}`, model: models[i]!, data: fiveFold(x), loss: squaredError() })),
      engine,
      steps: 5,
      relativeTolerance: 1e-12,
    });
    // Rows counted as often as they are: α is the share of rows, the loss a mean over them.
    const design = fromRows([...x1, ...x2].map((row) => [...row, 1]));
    const predictions = [x1, x2].flatMap((x, i) =>
      x.map((row) => row.reduce((sum, v, k) => sum + v * weights[i]![k]![0]!, biases[i]![0]!)),
    );
    const fit = await solved(
      matmul(transpose(design), design),
      matmul(transpose(design), matrix(15, 1, Float64Array.from(predictions))),
    );
    fit.forEach((entry, k) => expect(values[k]).toBeCloseTo(entry, 6));
    expect(after).toBeLessThan(before);
  });

  it("leaves a model that matches already as it is, and entries that are not free", async () => {
    const [a, b] = [await linearModel(normals(3, 4), [0, 0, 0, 0]), await linearModel(normals(3, 4), [1, 0, 0, -1])];
    const data = fiveFold(normals(8, 3));
    const common = { student: a, engine: referenceEngine(), steps: 2 };
    const same = await matchFunctions({ ...common, teachers: [{ name: "a", model: a, data, loss: crossEntropy() }] });
    const own = [...a.initializers.values()].flatMap((i) => [...i.read().data]);
    expect([...same.values]).toEqual(own);
    expect(same.before).toBeCloseTo(0, 12);
    const free = Uint8Array.from({ length: 16 }, (_, k) => k % 2);
    const some = await matchFunctions({
      ...common,
      teachers: [{ name: "b", model: b, data, loss: crossEntropy() }],
      free,
    });
    expect(some.after).toBeLessThan(some.before);
    some.values.forEach((value, k) => (k % 2 === 0 ? expect(value).toBe(own[k]) : expect(value).not.toBe(own[k])));
  });

  it("finds the trunk that several heads share: each teacher's rows see the student with its own head", async () => {
    const [x1, x2] = [normals(9, 3), normals(8, 3)];
    const heads = [normals(2, 1), normals(2, 1)].map((w) => w.map((row) => row.map(Math.fround)));
    const trunks = [normals(3, 2), normals(3, 2)].map((w) => w.map((row) => row.map(Math.fround)));
    const models = await Promise.all(trunks.map((trunk, i) => twoLayers(trunk, heads[i]!)));
    const [first] = models;
    const teachers = [x1, x2].map((x, i) => ({
      name: `${i}`,
      model: models[i]!,
      student: models[i]!,
      data: fiveFold(x),
      loss: squaredError(),
    }));
    const { values, space } = await matchFunctions({
      student: first!,
      teachers,
      engine: referenceEngine(),
      parameters: ["trunk"],
      steps: 5,
      relativeTolerance: 1e-12,
    });
    expect(space.parameters.map(({ name }) => name)).toEqual(["trunk"]);
    // f = xᵀ T h is linear in T: rows x ⊗ h of a least-squares problem, h the head of the row's own task.
    const rowsOf = (x: number[][], i: number): number[][] =>
      x.map((row) => row.flatMap((v) => heads[i]!.map(([h]) => v * h!)));
    const design = fromRows([...rowsOf(x1, 0), ...rowsOf(x2, 1)]);
    const targets = [x1, x2].flatMap((x, i) =>
      rowsOf(x, i).map((row) => row.reduce((sum, v, k) => sum + v * trunks[i]!.flat()[k]!, 0)),
    );
    const fit = await solved(
      matmul(transpose(design), design),
      matmul(transpose(design), matrix(17, 1, Float64Array.from(targets))),
    );
    fit.forEach((entry, k) => expect(values[k]).toBeCloseTo(entry, 6));
  });

  it("needs rows to keep aside", async () => {
    const model = await linearModel(normals(3, 2), [0, 0]);
    const data = datasetFromArrays({ inputs: { x: normals(3, 3) } });
    const few = matchFunctions({
      student: model,
      engine: referenceEngine(),
      teachers: [{ name: "a", model, data, loss: crossEntropy() }],
    });
    await expect(few).rejects.toThrowErrorMatchingInlineSnapshot(`
      [UsageError: Cannot match functions as a model has too few rows to keep some aside
        at        a
        expected  5 or more
        found     3]
    `);
  });
});

describe("ownPredictions", () => {
  it("makes the loss a divergence: its gradient is 0 at the model, its difference the mean KL", async () => {
    const [a, b] = [await linearModel(normals(3, 4), [0, 1, 0, 0]), await linearModel(normals(3, 4), [1, 0, 0, -1])];
    const x = normals(7, 3);
    const engine = referenceEngine();
    const at = async (model: OnnxModel, data: Dataset, loss: Loss): Promise<Float64Array> => {
      await using problem = await createProblem({ model, data, loss, engine });
      const taught = await ownPredictions(problem);
      await using own = await createProblem({ model, ...taught, engine });
      const { gradient, loss: entropy } = await gradientAndLoss(own);
      for (const slope of gradient) expect(slope).toBeCloseTo(0, 12);
      await using elsewhere = lossAt(own);
      const there = Float64Array.from([...b.initializers.values()].flatMap((i) => [...i.read().data]));
      return Float64Array.of((await elsewhere.at(there)) - entropy);
    };
    const [kl] = await at(a, datasetFromArrays({ inputs: { x } }, { batchSize: 4 }), crossEntropy());
    const logits = (model: OnnxModel, row: number[]): number[] => {
      const [w, c] = [...model.initializers.values()].map((i) => i.read().data);
      return [0, 1, 2, 3].map((k) => row.reduce((sum, v, i) => sum + v * w![i * 4 + k]!, c![k]!));
    };
    const logp = (f: number[]): number[] => f.map((v) => v - Math.log(f.reduce((sum, u) => sum + Math.exp(u), 0)));
    const expected = x.reduce((sum, row) => {
      const [p, q] = [logp(logits(a, row)), logp(logits(b, row))];
      return sum + p.reduce((s, lp, k) => s + Math.exp(lp) * (lp - q[k]!), 0) / x.length;
    }, 0);
    expect(kl).toBeCloseTo(expected, 10);
  });
});

async function solved(a: Matrix, b: Matrix): Promise<Float64Array> {
  return choleskySolve(await cholesky(a), b).data;
}
