/** Draws of functions: linearised ones have the joint covariance; where the model is linear in its weights both are the same. */
import { datasetFromArrays, referenceEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { fitLaplace } from "../fit.ts";
import { network } from "../fixtures/network.ts";
import { jointCovariance } from "../functionalVariance.ts";
import { gaussian } from "../likelihood/gaussian.ts";
import { randomRows } from "../testing/randomRows.ts";
import { functionSamples, weightSamples } from "./functionSamples.ts";

const data = datasetFromArrays({ inputs: { x: randomRows(20, 3, 1) }, target: randomRows(20, 2, 2) });
const query = datasetFromArrays({ inputs: { x: randomRows(3, 3, 3) } }, { batchSize: 2 });
const deep = network({ "0.weight": randomRows(4, 3, 4), "2.weight": randomRows(2, 4, 5) }, "tanh", "deep");

const fitted = (model: typeof deep, structure: "full" | "kronecker" = "full") =>
  fitLaplace({ model, data, likelihood: gaussian(), structure, engine: referenceEngine(), prior: 2, noise: 0.5 });

test.each(["full", "kronecker"] as const)(
  "%s: the draws' covariance over rows and outputs is the joint one",
  async (structure) => {
    await using fit = await fitted(deep, structure);
    const samples = 4000;
    const { values, rows, outputs } = await functionSamples(fit, query, { samples, seed: 1 });
    const n = rows * outputs;
    const joint = (await jointCovariance(fit, query)).data;
    const column = (i: number): Float64Array => Float64Array.from({ length: samples }, (_, s) => values[s * n + i]!);
    const columns = Array.from({ length: n }, (_, i) => column(i));
    const means = columns.map((c) => c.reduce((a, b) => a + b) / samples);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        const found =
          columns[i]!.reduce((sum, v, s) => sum + (v - means[i]!) * (columns[j]![s]! - means[j]!), 0) / samples;
        const error = Math.sqrt((joint[i * n + i]! * joint[j * n + j]! + joint[i * n + j]! ** 2) / samples);
        expect(Math.abs(found - joint[i * n + j]!)).toBeLessThan(4.5 * error);
      }
    }
  },
);

test("a linear model: drawn weights give the linearised draws of the same seed; a deep one's differ", async () => {
  await using linear = await fitted(network({ "0.weight": randomRows(2, 3, 6) }, "identity", "linear"));
  const [a, b] = [
    await functionSamples(linear, query, { samples: 5, seed: 7 }),
    await weightSamples(linear, query, { samples: 5, seed: 7 }),
  ];
  a.values.forEach((v, i) => expect(v).toBeCloseTo(b.values[i]!, 10));
  await using curved = await fitted(deep);
  const [c, d] = [
    await functionSamples(curved, query, { samples: 5 }),
    await weightSamples(curved, query, { samples: 5 }),
  ];
  expect(c.values.some((v, i) => Math.abs(v - d.values[i]!) > 1e-3)).toBe(true);
  expect((await weightSamples(curved, query, { samples: 5 })).values).toEqual(d.values);
});
