/** A loss given as a graph: the Gaussian one again, and one that curves downwards. */
import { datasetFromArrays, type OnnxModel, referenceEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { evidence } from "../evidence.ts";
import { type FitOptions, fitLaplace, type Laplace } from "../fit.ts";
import { network } from "../fixtures/network.ts";
import { functionalVariance } from "../functionalVariance.ts";
import { randomRows } from "../testing/randomRows.ts";
import { type CustomOptions, customLikelihood } from "./custom.ts";
import { gaussian } from "./gaussian.ts";

const x = randomRows(15, 3, 1);
const y = randomRows(15, 2, 2);
const model = network({ "0.weight": randomRows(2, 3, 3) }, "identity", "linear");
const query = datasetFromArrays({ inputs: { x: randomRows(3, 3, 4) } });

/** Σ_c of a function of f − y, or its product with itself. */
function lossGraph(opType: "Mul" | "Sin"): OnnxModel {
  const node = (name: string, inputs: string[], output: string) => ({
    name: output,
    opType: name,
    domain: "",
    inputs,
    outputs: [output],
    attrs: {},
  });
  const port = (name: string) => ({ name, dtype: "float64" as const, shape: ["rows", 2] });
  const axes = { dtype: "int64" as const, shape: [1], data: Float64Array.of(1) };
  return {
    source: "loss",
    irVersion: 10,
    opsets: new Map([["", 21]]),
    producer: "test",
    inputs: [port("f"), port("y")],
    outputs: [{ name: "terms", dtype: "float64", shape: ["rows"] }],
    initializers: new Map([
      ["axes", { name: "axes", dtype: "int64", shape: [1], read: () => axes }],
      [
        "half",
        {
          name: "half",
          dtype: "float64",
          shape: [],
          read: () => ({ dtype: "float64", shape: [], data: Float64Array.of(0.5) }),
        },
      ],
    ]),
    nodes: [
      node("Sub", ["f", "y"], "r"),
      node(opType, opType === "Mul" ? ["r", "r"] : ["r"], "each"),
      node("Mul", ["each", "half"], "scaled"),
      { ...node("ReduceSum", ["scaled", "axes"], "terms"), attrs: { keepdims: { kind: "int", value: 0 } } },
    ],
  };
}

const fitted = (options: Partial<FitOptions>): Promise<Laplace> =>
  fitLaplace({
    model,
    data: datasetFromArrays({ inputs: { x }, target: y }, { batchSize: 4 }),
    likelihood: gaussian(),
    structure: "full",
    engine: referenceEngine(),
    prior: 1.3,
    ...options,
  });

const custom = (opType: "Mul" | "Sin", options: CustomOptions = {}) => customLikelihood(lossGraph(opType), options);

test.each(["full", "diagonal", "block-diagonal", "low-rank", "matrix-free"] as const)(
  "½‖f − y‖² as a graph is the Gaussian likelihood at noise 1 but for its normaliser: %s",
  async (structure) => {
    const options = { structure, rank: 6, steps: 6, probes: 3 };
    await using own = await fitted(options);
    await using graph = await fitted({ ...options, likelihood: custom("Mul", { convex: true }) });
    expect(evidence(graph).total - 15 * Math.log(2 * Math.PI)).toBeCloseTo(evidence(own).total, 8);
    const [a, b] = [await functionalVariance(graph, query), await functionalVariance(own, query)];
    a.covariance.forEach((v, i) => expect(v).toBeCloseTo(b.covariance[i]!, 8));
  },
);

test("curvature that is indefinite is said, whatever the structure", async () => {
  for (const structure of ["full", "diagonal", "block-diagonal"] as const) {
    await expect(fitted({ structure, likelihood: custom("Sin") })).rejects.toThrow("the curvature is indefinite");
  }
  for (const structure of ["low-rank", "matrix-free"] as const) {
    await expect(fitted({ structure, likelihood: custom("Sin") })).rejects.toThrow("the curvature may be indefinite");
  }
  for (const structure of ["kronecker", "ekfac", "function-space"] as const) {
    await expect(fitted({ structure, likelihood: custom("Mul") })).rejects.toThrow(/likelihood/);
  }
});
