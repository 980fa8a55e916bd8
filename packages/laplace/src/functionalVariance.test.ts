/** The two ways to outputs' covariances agree: by layers' sides, and by Jacobians. */
import { datasetFromArrays, referenceEngine } from "@hessonite/core";
import { expect, test } from "vitest";
import { fitLaplace } from "./fit.ts";
import { byJacobians, functionalVariance, onData } from "./functionalVariance.ts";
import { categorical } from "./likelihood/categorical.ts";
import { randomRows } from "./testing/randomRows.ts";

const digits = "testdata/mnist/digits-cnn.onnx";

test.each(["kronecker", "ekfac", "diagonal", "full"] as const)(
  "%s on a convolutional network, biases joined",
  async (structure) => {
    await using engine = referenceEngine();
    const image = (n: number, seed: number) => ({
      dtype: "float32" as const,
      shape: [n, 1, 28, 28],
      data: Float64Array.from(randomRows(n, 784, seed).flat()),
    });
    const data = datasetFromArrays({ inputs: { x: image(3, 1) }, target: [0, 3, 7] }, { batchSize: 2 });
    await using fit = await fitLaplace({
      model: digits,
      data,
      likelihood: categorical(),
      structure,
      engine,
      weights: structure === "full" ? ["conv1.*", "head.bias"] : ["conv*", "head.bias"],
    });
    const query = datasetFromArrays({ inputs: { x: image(3, 2) } }, { batchSize: 2 });
    expect(fit.posterior.inLayers).toBeDefined();
    const fast = await functionalVariance(fit, query);
    await using problem = await onData(fit, query);
    const slow = await byJacobians(fit.posterior, problem);
    const largest = Math.max(...slow.covariance.map(Math.abs));
    slow.covariance.forEach((v, i) => expect(Math.abs(v - fast.covariance[i]!)).toBeLessThan(1e-10 * largest));
    expect(fast.mean).toEqual(slow.mean);
  },
);
