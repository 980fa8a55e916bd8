/** Traces and densities on the matrices of published figures: no further off than the published methods are. */
import { describe, expect, it } from "vitest";
import { eigh } from "../linalg/eigh.ts";
import { operatorOf } from "../linalg/knownMatrices.ts";
import { positiveSemidefinite } from "../operators/linearOperator.ts";
import {
  bulkAndSpikes,
  distanceBetween,
  heavyTails,
  matrixOf,
  publishedFigures,
  spectrumNames,
} from "../testing/publishedFigures.ts";
import { broadened } from "./density.ts";
import { logSpectralDensity, spectralDensity } from "./spectralDensity.ts";
import { type TraceMethod, trace } from "./trace.ts";

const methods: readonly TraceMethod[] = ["hutchinson", "hutch++", "xtrace", "xnystrace"];
const [seeds, budget] = [8, 1];
/** A mean of |error| over eight seeds scatters by a quarter of itself. */
const allowed = 2;
/** XNysTrace shifts a matrix by a few roundings of its trace. */
const rounding = 1e-11;

describe.each(spectrumNames)("a trace on the spectrum %s", (spectrum) => {
  const { operator, trace: truth } = matrixOf(spectrum);

  it.each(methods)("by %s has the published error", async (method) => {
    const samples = publishedFigures.budgets[budget]!;
    let error = 0;
    for (let seed = 0; seed < seeds; seed++) {
      const { mean } = await trace(operator, { method, samples, seed });
      error += Math.abs(mean / truth - 1) / seeds;
    }
    expect(error).toBeLessThan(allowed * publishedFigures.traces[spectrum]![method]![budget]! + rounding);
  });
});

describe("the density of logarithms", () => {
  it("of heavy tails has the published error", async () => {
    const { error, width } = publishedFigures.densities["heavy tails, logarithm"]!;
    const m = heavyTails(1);
    const floor = 1e-5;
    const options = { probes: 10, steps: 256, seed: 0, width, floor, points: 2000 };
    const { grid, density } = await logSpectralDensity(operatorOf(m, positiveSemidefinite), options);
    const nodes = (await eigh(m)).values.map((value) => Math.log10(Math.abs(value) + floor));
    const truth = broadened({ nodes, weights: nodes.map(() => 1 / nodes.length) }, grid, width);
    expect(distanceBetween(grid, density, truth)).toBeLessThan(1.5 * error);
  });
});

describe("spikes beside a bulk", () => {
  it("are found by themselves, where the theory of their shift puts them", async () => {
    const options = { probes: 4, steps: 40, seed: 1, deflate: "auto" } as const;
    const { outliers } = await spectralDensity(operatorOf(bulkAndSpikes(700, 2), positiveSemidefinite), options);
    expect(outliers.length).toBe(3);
    // A spike s beside a bulk Z Zᵀ / n goes to s + s / (s − 1).
    [5, 4, 3].forEach((s, i) => expect(Math.abs(outliers[i]! - s - s / (s - 1))).toBeLessThan(0.3));
  });
});
