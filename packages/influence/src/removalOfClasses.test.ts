/** Removal under cross-entropy: what it gives solves the system whose matrix is written out. */
import { createProblem, crossEntropy, datasetFromArrays, diagonal, referenceEngine, tensor } from "@hessonite/core";
import { expect, it } from "vitest";
import { fixtureSchema } from "./fixtures/fixture.ts";
import { sequentialModel } from "./fixtures/sequentialModel.ts";
import { removal } from "./removal.ts";

const [rows, width, classes, alpha] = [5, 2, 3, 4];
const x = [0.3, -1, 1.2, 0.4, -0.7, 0.9, 0.1, 0.8, -0.2, -0.5];
const labels = [0, 2, 1, 1, 0];
const weight = [
  [0.5, -0.3],
  [-0.8, 0.2],
  [0.1, 0.9],
];

/** softmax(W x) */
function probabilities(row: number): number[] {
  const e = weight.map((w) => Math.exp(w[0]! * x[row * width]! + w[1]! * x[row * width + 1]!));
  const total = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / total);
}

it("(α I − Σ (diag p − p pᵀ) ⊗ x xᵀ) δθ = Σ (p − y) ⊗ x over the rows that leave", async () => {
  const model = sequentialModel(
    fixtureSchema.parse({
      application: "influence",
      loss: "cross-entropy",
      params: { "0.weight": weight },
      train_x: [[0, 0]],
      train_y: [0],
      query_x: [],
      query_y: [],
      strategies: {},
    }),
  );
  const inputs = { x: tensor("float32", [rows, width], Float64Array.from(x)) };
  const target = tensor("int64", [rows], Float64Array.from(labels));
  const data = datasetFromArrays({ inputs, target }, { batchSize: 2 });
  const loss = crossEntropy({ reduction: "sum" });
  await using train = await createProblem({ model, data, loss, engine: referenceEngine() });
  const size = classes * width;
  const gone = [1, 4];
  const { newton } = await removal(train, diagonal(new Float64Array(size).fill(1 / alpha)), gone);
  for (let c = 0; c < classes; c++) {
    for (let i = 0; i < width; i++) {
      let [left, right] = [alpha * newton[c * width + i]!, 0];
      for (const row of gone) {
        const p = probabilities(row);
        const along = x[row * width + i]!;
        right += (p[c]! - Number(labels[row] === c)) * along;
        for (let d = 0; d < classes; d++) {
          const h = p[c]! * (Number(c === d) - p[d]!);
          for (let j = 0; j < width; j++) left -= h * along * x[row * width + j]! * newton[d * width + j]!;
        }
      }
      expect(left).toBeCloseTo(right, 11);
    }
  }
});
