/** Yes or no, for each output by itself: y_c ~ Bernoulli(σ(f_c)). */
import { binaryCrossEntropy } from "@hessonite/core";
import { rootOfDiagonal } from "./diagonal.ts";
import type { Likelihood } from "./likelihood.ts";
import type { RowLikelihood } from "./rowwise.ts";

export function bernoulli(): Likelihood {
  return {
    name: "bernoulli",
    kind: "labels",
    loss: binaryCrossEntropy({ reduction: "sum" }),
    unit: 1,
    noisy: false,
    logNormaliser: () => 0,
    rowwise,
  };
}

const sigmoid = (f: number): number => 1 / (1 + Math.exp(-f));

const rowwise: RowLikelihood = {
  // log σ(±f) without overflow; y may be soft.
  logDensity: (f, y) =>
    f.reduce((sum, x, c) => sum + y[c]! * x - Math.max(x, 0) - Math.log1p(Math.exp(-Math.abs(x))), 0),
  residual: (f, y) => f.map((x, c) => sigmoid(x) - y[c]!),
  outputFactor: (f) => rootOfDiagonal(f.map((x) => sigmoid(x) * sigmoid(-x))),
  sample: (f, _, stream) => f.map((x) => Number(stream.uniform() < sigmoid(x))),
};
