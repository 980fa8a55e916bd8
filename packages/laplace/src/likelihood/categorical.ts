/** Classification: y ~ Categorical(softmax f). */
import { crossEntropy, type Matrix, matrix } from "@hessonite/core";
import { softmaxRows } from "../predictive/softmax.ts";
import type { Likelihood } from "./likelihood.ts";
import type { RowLikelihood } from "./rowwise.ts";

export function categorical(): Likelihood {
  return {
    name: "categorical",
    kind: "classes",
    loss: crossEntropy({ reduction: "sum" }),
    unit: 1,
    noisy: false,
    logNormaliser: () => 0,
    rowwise,
  };
}

const rowwise: RowLikelihood = {
  logDensity(f, [label]) {
    const largest = f.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY);
    return f[label!]! - largest - Math.log(f.reduce((sum, x) => sum + Math.exp(x - largest), 0));
  },
  residual: (f, [label]) => softmaxRows(f, 1).map((p, c) => p - Number(c === label)),
  outputFactor: (f) => centred(softmaxRows(f, 1)),
  sample(f, _, stream) {
    const u = stream.uniform();
    let sum = 0;
    for (const [label, p] of softmaxRows(f, 1).entries()) {
      sum += p;
      if (u < sum) return Float64Array.of(label);
    }
    return Float64Array.of(f.length - 1); // rounding: the sum ended below u
  },
};

/** S with S Sᵀ = diag p − p pᵀ: column k is √p_k (e_k − p). */
function centred(p: Float64Array): Matrix {
  const c = p.length;
  return matrix(
    c,
    c,
    Float64Array.from({ length: c * c }, (_, at) => {
      const [i, k] = [Math.floor(at / c), at % c];
      return Math.sqrt(p[k]!) * (Number(i === k) - p[i]!);
    }),
  );
}
