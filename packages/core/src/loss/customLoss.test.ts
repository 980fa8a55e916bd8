import { describe, expect, it } from "vitest";
import { datasetFromArrays } from "../data/fromArrays.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import type { OnnxModel } from "../onnx/model.ts";
import { toDense } from "../operators/dense.ts";
import { empiricalFisher } from "../operators/empiricalFisher.ts";
import { ggn } from "../operators/ggn.ts";
import { gradientAndLoss } from "../operators/gradientAndLoss.ts";
import { hessian } from "../operators/hessian.ts";
import { createProblem, type Problem } from "../operators/problem.ts";
import { expectClose } from "../testing/expectClose.ts";
import { floats, intAttr, intsAttr, linearModel, node, normalFloats, smallModel } from "../testing/smallModels.ts";
import { type CustomLossOptions, customLoss } from "./customLoss.ts";

const rows = 5;
const weight = normalFloats([2, 3], 1, "weight");
const x = normalFloats([rows, 3], 2, "x");
const y = normalFloats([rows, 2], 3, "y");
const multiplicity = [1, 0.5, 2, 1, 3];

/** ℓ = Σ_c sin(f_c − y_c): its curvature −sin has either sign. */
const sine = smallModel({ f: ["batch", 2], y: ["batch", 2] }, {}, [
  node("Sub", ["f", "y"], "r"),
  node("Sin", ["r"], "s"),
  node("ReduceSum", ["s", "axes"], "terms", { keepdims: intAttr(0) }),
]);
const graph: OnnxModel = withAxes(sine);

function withAxes(model: OnnxModel): OnnxModel {
  const axes = {
    name: "axes",
    dtype: "int64" as const,
    shape: [1],
    read: () => ({ dtype: "int64" as const, shape: [1], data: Float64Array.of(1) }),
  };
  return { ...model, initializers: new Map([["axes", axes]]) };
}

async function problemOf(options: CustomLossOptions = {}, model: OnnxModel = graph): Promise<Problem> {
  const data = datasetFromArrays({ inputs: { x }, target: y, weights: floats([rows], multiplicity) }, { batchSize: 2 });
  return createProblem({
    model: linearModel(weight),
    data,
    loss: customLoss(model, options),
    engine: referenceEngine(),
  });
}

/** r_nc = (W x_n − y_n)_c */
const residual = (n: number, c: number): number =>
  [0, 1, 2].reduce((s, i) => s + weight.data[3 * c + i]! * x.data[3 * n + i]!, -y.data[2 * n + c]!);

describe("a loss given as a graph", () => {
  it.each([
    ["mean", 1 / 7.5],
    ["sum", 1],
  ] as const)("has value, gradient, Hessian and GGN in closed form, as a %s", async (reduction, scale) => {
    await using problem = await problemOf({ reduction });
    const value = multiplicity.reduce(
      (s, m, n) => s + scale * m * (Math.sin(residual(n, 0)) + Math.sin(residual(n, 1))),
      0,
    );
    const slope = Float64Array.from({ length: 6 }, (_, k) =>
      multiplicity.reduce(
        (s, m, n) => s + scale * m * Math.cos(residual(n, Math.floor(k / 3))) * x.data[3 * n + (k % 3)]!,
        0,
      ),
    );
    const curvature = Float64Array.from({ length: 36 }, (_, at) => {
      const [k, l] = [Math.floor(at / 6), at % 6];
      const c = Math.floor(k / 3);
      if (c !== Math.floor(l / 3)) return 0;
      const term = (n: number): number =>
        -Math.sin(residual(n, c)) * x.data[3 * n + (k % 3)]! * x.data[3 * n + (l % 3)]!;
      return multiplicity.reduce((s, m, n) => s + scale * m * term(n), 0);
    });
    const { loss, gradient } = await gradientAndLoss(problem);
    expect(loss).toBeCloseTo(value, 12);
    expectClose(gradient, slope, "gradient", { relative: 1e-12, absolute: 1e-13 });
    expectClose(await toDense(hessian(problem)), curvature, "Hessian", { relative: 1e-12, absolute: 1e-13 });
    expectClose(await toDense(ggn(problem)), curvature, "GGN", { relative: 1e-12, absolute: 1e-13 });
  });

  it.each([
    ["mean", 1 / 7.5],
    ["sum", 1],
  ] as const)("has the empirical Fisher matrix of its terms' gradients, as a %s", async (reduction, scale) => {
    await using problem = await problemOf({ reduction });
    const slope = (n: number, k: number): number => Math.cos(residual(n, Math.floor(k / 3))) * x.data[3 * n + (k % 3)]!;
    const fisher = Float64Array.from({ length: 36 }, (_, at) =>
      multiplicity.reduce((s, m, n) => s + scale * m * slope(n, Math.floor(at / 6)) * slope(n, at % 6), 0),
    );
    await using operator = empiricalFisher(problem);
    expect(operator.structure.positiveSemidefinite).toBe(true);
    expectClose(await toDense(operator), fisher, "empirical Fisher", { relative: 1e-12, absolute: 1e-13 });
  });

  it("is not taken for convex unless said", async () => {
    await using problem = await problemOf();
    expect(ggn(problem).structure.positiveSemidefinite).toBe(false);
    await using convex = await problemOf({ convex: true });
    expect(ggn(convex).structure.positiveSemidefinite).toBe(true);
  });

  it("has no likelihood to draw from", async () => {
    await using problem = await problemOf();
    expect(() => ggn(problem, { fisher: "sampled", samples: 1, seed: 0 })).toThrow("has no likelihood");
  });

  it("needs two inputs, and terms that count rows", async () => {
    const single = smallModel({ f: ["batch", 2] }, {}, [node("Sin", ["f"], "terms")]);
    expect(() => customLoss(single)).toThrowErrorMatchingInlineSnapshot(`
      [UnsupportedModelError: Cannot use the graph as a loss as it does not have the inputs (prediction, target)
        at        small model
        found     f]
    `);
    const reduced = smallModel({ f: ["batch", 2], y: ["batch", 2] }, {}, [
      node("Sub", ["f", "y"], "r"),
      node("ReduceMean", ["r"], "mean", { axes: intsAttr(0, 1), keepdims: intAttr(0) }),
    ]);
    await expect(problemOf({}, reduced)).rejects.toThrow("leave the reduction out of the graph");
  });
});
