/** The structured approximations keep every promise of an operator: facts, K rows, lengths. Their values are held elsewhere. */
import { describe, it } from "vitest";
import { datasetFromArrays } from "../data/fromArrays.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { row } from "../linalg/vector.ts";
import { crossEntropy } from "../loss/crossEntropy.ts";
import { squaredError } from "../loss/squaredError.ts";
import { randomStream } from "../random/random.ts";
import { checkOperator } from "../testing/checkOperator.ts";
import { expectClose } from "../testing/expectClose.ts";
import { floats, ints, linearModel, normalFloats, tanhNetwork } from "../testing/smallModels.ts";

import { toDense } from "./dense.ts";
import { ekfac } from "./ekfac.ts";
import { kroneckerFactors } from "./factors/kroneckerFactors.ts";
import { mergeFactors } from "./factors/mergeFactors.ts";
import { ggn } from "./ggn.ts";
import { kfac, kfacOf } from "./kfac.ts";
import { kfoc } from "./kfoc.ts";
import type { LinearOperator } from "./linearOperator.ts";
import { createProblem, type Problem } from "./problem.ts";
import { shampoo } from "./shampoo.ts";
import { tkfac } from "./tkfac.ts";

const data = datasetFromArrays(
  { inputs: { x: normalFloats([6, 3], 1, "x") }, target: ints([6], [0, 1, 0, 1, 1, 0]) },
  { batchSize: 4 },
);

const approximations: readonly (readonly [string, (problem: Problem) => Promise<LinearOperator>])[] = [
  ["KFAC", (problem) => kfac(problem)],
  ["EKFAC", (problem) => ekfac(problem)],
  ["KFOC", (problem) => kfoc(problem)],
  ["TKFAC", (problem) => tkfac(problem)],
  ["Shampoo", (problem) => shampoo(problem)],
  ["merged factors", (problem) => twice(problem)],
  ["Fisher, by the likelihood's factor", async (problem) => ggn(problem, { fisher: "type-2" })],
  ["KFAC's inverse", async (problem) => (await kfac(problem)).inverse(0.3)],
  ["KFAC's inverse, exact", async (problem) => (await kfac(problem)).inverse(0.3, "exact")],
  ["KFAC's inverse, heuristic", async (problem) => (await kfac(problem)).inverse(0.3, "heuristic")],
  ["EKFAC's root", async (problem) => (await ekfac(problem)).exact!.power!(0.5, 0.3)],
];

async function twice(problem: Problem): Promise<LinearOperator> {
  const factors = await kroneckerFactors(problem);
  return kfacOf(mergeFactors(factors, factors), problem.space.size);
}

describe.each(approximations)("%s", (_, make) => {
  it("keeps the contract", async () => {
    await using problem = await createProblem({
      model: tanhNetwork([3, 4, 2], 5),
      data,
      loss: crossEntropy(),
      engine: referenceEngine(),
    });
    const a = await make(problem);
    const dense = await toDense(a);
    const size = a.shape[0];
    const matrix = Array.from({ length: size }, (_, i) => row(dense, i, size));
    await checkOperator(a, matrix, randomStream(1), { tolerance: { relative: 1e-11, absolute: 1e-12 } });
  });
});

/** f = W x with squared error: every structure is exact, whatever rows weigh. */
describe("rows of unequal weight", () => {
  const weights = floats([6], [1, 3, 0.5, 2, 0, 1.5]);
  const x = normalFloats([6, 3], 1, "x");
  const target = normalFloats([6, 2], 2, "y");
  const exact: readonly (readonly [string, (problem: Problem) => Promise<LinearOperator>])[] = [
    ["KFAC", kfac],
    ["EKFAC", ekfac],
    ["KFOC", kfoc],
    ["TKFAC", tkfac],
    ["KFAC, merged", twice],
  ];

  it.each(
    exact.flatMap(([name, make]) => (["mean", "sum"] as const).map((reduction) => [name, reduction, make] as const)),
  )("count as often as they say in %s of a linear model, %s", async (name, reduction, make) => {
    await using problem = await createProblem({
      model: linearModel(normalFloats([2, 3], 3, "w")),
      data: datasetFromArrays({ inputs: { x }, target, weights }, { batchSize: 4 }),
      loss: squaredError({ reduction }),
      engine: referenceEngine(),
    });
    const scale = (reduction === "mean" ? 2 / (8 * 2) : 2) * (name === "KFAC, merged" && reduction === "sum" ? 2 : 1);
    const truth = Float64Array.from({ length: 36 }, (_, at) => {
      const [i, j] = [Math.floor(at / 6), at % 6];
      if (Math.floor(i / 3) !== Math.floor(j / 3)) return 0;
      const terms = Array.from(weights.data, (w, n) => w * x.data[3 * n + (i % 3)]! * x.data[3 * n + (j % 3)]!);
      return scale * terms.reduce((sum, term) => sum + term, 0);
    });
    const near = { relative: 1e-11, absolute: 1e-12 };
    expectClose(await toDense(await make(problem)), truth, name, near);
    if (name !== "KFAC, merged") expectClose(await toDense(ggn(problem)), truth, "GGN", near);
  });
});
