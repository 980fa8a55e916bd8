/** Published figures in full: every budget, and the density of a bulk with spikes at its own size. */
import { describe, expect, it } from "vitest";
import { eigh } from "../linalg/eigh.ts";
import { operatorOf } from "../linalg/knownMatrices.ts";
import { positiveSemidefinite } from "../operators/linearOperator.ts";
import {
  bulkAndSpikes,
  distanceBetween,
  matrixOf,
  publishedFigures,
  spectrumNames,
} from "../testing/publishedFigures.ts";
import { broadened } from "./density.ts";
import { spectralDensity } from "./spectralDensity.ts";
import { type TraceMethod, trace } from "./trace.ts";

const methods: readonly TraceMethod[] = ["hutchinson", "hutch++", "xtrace", "xnystrace"];
const seeds = 24;
/** A mean of |error| over that many seeds scatters by a sixth of itself. */
const allowed = 1.6;
/** XNysTrace shifts a matrix by a few roundings of its trace. */
const rounding = 1e-11;

describe.each(spectrumNames)("a trace on the spectrum %s", (spectrum) => {
  const { operator, trace: truth } = matrixOf(spectrum);

  it.each(methods)("by %s has the published error at every budget", { timeout: 600_000 }, async (method) => {
    for (const [i, samples] of publishedFigures.budgets.entries()) {
      let error = 0;
      for (let seed = 0; seed < seeds; seed++) {
        const { mean } = await trace(operator, { method, samples, seed });
        error += Math.abs(mean / truth - 1) / seeds;
      }
      const published = publishedFigures.traces[spectrum]![method]![i]!;
      expect(error, `${samples} products`).toBeLessThan(allowed * published + rounding);
    }
  });
});

it("the density of a bulk and spikes has the published error", { timeout: 600_000 }, async () => {
  const { error, width } = publishedFigures.densities["bulk and spikes"]!;
  const m = bulkAndSpikes(2000, 1);
  const options = { probes: 10, steps: 128, seed: 0, width, points: 2000 };
  const { grid, density } = await spectralDensity(operatorOf(m, positiveSemidefinite), options);
  const { values: nodes } = await eigh(m);
  const truth = broadened({ nodes, weights: nodes.map(() => 1 / nodes.length) }, grid, width);
  expect(distanceBetween(grid, density, truth)).toBeLessThan(1.5 * error);
});
