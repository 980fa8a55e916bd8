/** What mergekit computes on 4 × 6 matrices, to 1e-5: testdata/mergekit/make.py says how its outputs were had. */
import { readFileSync } from "node:fs";
import { type RandomStream, randomStream, type Tensor, tensor } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  breadcrumbs,
  defaultParameters,
  karcher,
  linear,
  modelStock,
  nuslerp,
  rankProbabilities,
  slerp,
  sparsifyAtRandom,
  sparsifyByMagnitude,
  sparsifyByRank,
  sparsifyOutliers,
  taskArithmetic,
  ties,
  type WeightMethodName,
  type WeightParameters,
  weightMethods,
} from "../index.ts";
import { difference, plusScaled } from "./entries.ts";

const numbers = z.array(z.number());
const sparse = z.object({ density: z.number(), rescale: z.literal("l1").nullable(), output: numbers });
const drawn = z.array(z.object({ probabilities: numbers, mask: numbers }));
const mergeOf = z.object({ merged: numbers, drawn: drawn.optional() });
const fixture = z
  .object({
    weights: numbers,
    inputs: z.record(z.string(), numbers),
    magnitude: z.array(sparse),
    outliers: z.array(sparse.extend({ gamma: z.number() })),
  })
  .catchall(z.union([numbers, mergeOf]))
  .parse(JSON.parse(readFileSync(new URL("../../testdata/mergekit/mergekit.json", import.meta.url), "utf8")));

const { weights } = fixture;
const input = (name: string): Tensor => tensor("float32", [4, 6], fixture.inputs[name] ?? []);
const [a, b, c, base] = [input("a"), input("b"), input("c"), input("base")];
const models = [a, b, c];

function near(found: Tensor, expected: readonly number[]): void {
  expect(found.shape).toEqual([4, 6]);
  expect(expected.length).toBe(24);
  for (const [k, x] of expected.entries()) expect(Math.abs((found.data[k] ?? Number.NaN) - x)).toBeLessThan(1e-5);
}

/** An output that is a matrix, and one of a recipe's merge. */
const matrixOf = (name: string): number[] => numbers.parse(fixture[name]);
const recipe = (name: string): z.output<typeof mergeOf> => mergeOf.parse(fixture[name]);

describe("mergekit's outputs", () => {
  it("averages", () => {
    near(linear(models, { weights }), matrixOf("linear"));
    near(linear(models, { weights, normalize: false }), matrixOf("linear, not normalised"));
  });

  it("SLERP, NuSLERP and Karcher means", () => {
    near(slerp(a, b, 0.3), matrixOf("slerp 0.3"));
    near(
      slerp(
        a,
        plusScaled(
          tensor(
            "float32",
            [4, 6],
            a.data.map((x) => 1.5 * x),
          ),
          0.005,
          b,
        ),
        0.3,
      ),
      matrixOf("slerp 0.3, nearly parallel"),
    );
    const own = { weights: [1, 0.5] } as const;
    near(nuslerp(a, b, own), matrixOf("nuslerp"));
    near(nuslerp(a, b, { ...own, base }), matrixOf("nuslerp, base"));
    near(nuslerp(a, b, { ...own, per: "row" }), matrixOf("nuslerp by row"));
    near(nuslerp(a, b, { ...own, per: "row", base }), matrixOf("nuslerp by row, base"));
    near(nuslerp(a, b, { ...own, per: "column" }), matrixOf("nuslerp_row_wise"));
    near(karcher(models), matrixOf("karcher"));
    near(karcher([a, tensor("float32", [4, 6], new Float64Array(24)), c]), matrixOf("karcher, one zero"));
  });

  it("sparsification by magnitude and of outliers", () => {
    for (const { density, rescale, output } of fixture.magnitude)
      near(sparsifyByMagnitude(a, { density, rescale: rescale ?? "none" }), output);
    for (const { density, gamma, rescale, output } of fixture.outliers)
      near(sparsifyOutliers(a, { density, gamma, rescale: rescale ?? "none" }), output);
  });

  it("task arithmetic, TIES, breadcrumbs and model stock", () => {
    near(taskArithmetic(base, models, { weights, scale: 0.7 }), recipe("task_arithmetic").merged);
    near(taskArithmetic(base, models, { weights, normalize: true }), recipe("task_arithmetic, normalised").merged);
    near(ties(base, models, { weights, density: 0.5 }), recipe("ties").merged);
    const plain = { weights, density: 0.5, normalize: false, scale: 0.7 };
    near(ties(base, models, plain), recipe("ties, not normalised").merged);
    near(breadcrumbs(base, models, { weights, density: 0.5, gamma: 0.1 }), recipe("breadcrumbs").merged);
    const agreed = { weights, density: 0.5, gamma: 0.1, consensus: true };
    near(breadcrumbs(base, models, agreed), recipe("breadcrumbs_ties").merged);
    near(modelStock(base, models), matrixOf("model_stock"));
    near(modelStock(base, models, { per: "row" }), matrixOf("model_stock, filter_wise"));
  });

  it("DARE and DELLA under mergekit's own masks, rescaled as it does", () => {
    for (const [name, consensus, byRank] of [
      ["dare_linear", false, false],
      ["dare_ties", true, false],
      ["della", true, true],
      ["della_linear", false, true],
    ] as const) {
      const { merged, drawn: masks = [] } = recipe(name);
      const thinned = models.map((model, i) => {
        const { probabilities = [], mask = [] } = masks[i] ?? {};
        const tau = difference(model, base);
        if (byRank) {
          for (const [k, p] of rankProbabilities(tau, 0.5, 0.2).entries())
            expect(p).toBeCloseTo(probabilities[k] ?? 0, 6);
        }
        const options = { density: 0.5, epsilon: 0.2, rescale: "l1" } as const;
        const sparsified = (byRank ? sparsifyByRank : sparsifyAtRandom)(tau, options, replayed(mask));
        return plusScaled(base, 1, sparsified);
      });
      const normalize = name === "della";
      const found = consensus
        ? ties(base, thinned, { weights, normalize })
        : taskArithmetic(base, thinned, { weights });
      near(found, merged);
    }
  });

  it("the same through the table of methods, whose defaults are mergekit's", () => {
    const parameters: WeightParameters = { ...defaultParameters, weight: weights, density: [0.5, 0.5, 0.5] };
    const by = (method: WeightMethodName, changes: Partial<WeightParameters> = {}, tensors = models): Tensor =>
      weightMethods[method].merge({ name: "w", tensors, base, parameters: { ...parameters, ...changes } });
    near(by("linear"), matrixOf("linear"));
    near(by("task_arithmetic", { lambda: 0.7 }), recipe("task_arithmetic").merged);
    near(by("ties"), recipe("ties").merged);
    near(by("breadcrumbs", { gamma: 0.1 }), recipe("breadcrumbs").merged);
    near(by("breadcrumbs_ties", { gamma: 0.1 }), recipe("breadcrumbs_ties").merged);
    near(by("model_stock", { filterWise: true }), matrixOf("model_stock, filter_wise"));
    near(by("slerp", { t: 0.3 }, [a, b]), matrixOf("slerp 0.3"));
    near(by("nuslerp", {}, [a, b]), matrixOf("nuslerp, base"));
    near(by("nuslerp", { flatten: false }, [a, b]), matrixOf("nuslerp by row, base"));
  });
});

/** Uniform numbers under which exactly the entries of a mask are kept. */
function replayed(mask: readonly number[]): RandomStream {
  let at = 0;
  return { ...randomStream(0, "replayed"), uniform: () => (mask[at++] === 1 ? 0 : 1) };
}
