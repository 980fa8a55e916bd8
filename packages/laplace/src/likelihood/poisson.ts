/**
 * Counts, each output the logarithm of a rate: y_c ~ Poisson(exp f_c).
 *
 *     −log p = Σ_c exp(f_c) − y_c f_c + log y_c!        ∂²/∂f² = diag exp(f)
 */
import { type Dataset, type Loss, type RandomStream, squaredError, UsageError } from "@hessonite/core";
import { type Builder, columns, rootOfDiagonal, type Value } from "./diagonal.ts";
import type { Likelihood } from "./likelihood.ts";
import type { RowLikelihood } from "./rowwise.ts";

export function poisson(): Likelihood {
  return {
    name: "poisson",
    kind: "counts",
    loss: poissonLoss(),
    unit: 1,
    noisy: false,
    logNormaliser: () => 0,
    logBase: logFactorials,
    rowwise,
  };
}

const rowwise: RowLikelihood = {
  logDensity: (f, y) => f.reduce((sum, x, c) => sum + y[c]! * x - Math.exp(x) - logFactorial(y[c]!), 0),
  residual: (f, y) => f.map((x, c) => Math.exp(x) - y[c]!),
  outputFactor: (f) => rootOfDiagonal(f.map(Math.exp)),
  sample: (f, _, stream) => f.map((x) => poissonDraw(Math.exp(x), stream)),
};

/** Arrivals of a unit-rate process before `rate`; a normal where these would be many. */
function poissonDraw(rate: number, stream: RandomStream): number {
  if (rate > 500) return Math.max(0, Math.round(rate + Math.sqrt(rate) * stream.normal()));
  const gap = (): number => -Math.log(1 - stream.uniform());
  let count = 0;
  for (let time = gap(); time < rate; time += gap()) count++;
  return count;
}

/** Σ_c exp(f_c) − y_c f_c; shapes and targets as squared error has them. */
function poissonLoss(): Loss {
  const entries = squaredError({ reduction: "sum" });
  const rate = (g: Builder, f: Value): Value => g.unary("Exp", f);
  return {
    ...entries,
    name: "poisson",
    terms: (g, f, y) => {
      const each = g.sub(rate(g, f), g.mul(y, f));
      return each.shape.length > 1 ? g.sum(each, [each.shape.length - 1]) : each;
    },
    likelihood: {
      noise: "normal",
      noiseShape: (prediction) => prediction,
      score: (g, f, y) => g.sub(rate(g, f), y),
      factor: (g, f) => columns(g, g.unary("Sqrt", rate(g, f))),
      // Only the second moment is asked for, and that of a normal is as good.
      sampledScore: (g, f, _, noise) => g.mul(g.unary("Sqrt", rate(g, f)), noise),
    },
    prepare(target, prediction, where) {
      const prepared = entries.prepare(target, prediction, where);
      const bad = prepared.target.data.findIndex((y: number) => !(y >= 0 && Number.isInteger(y)));
      if (bad < 0) return prepared;
      throw new UsageError("Cannot use the targets as one is no count", {
        at: `${where}, entry ${bad}`,
        expected: "0, 1, 2, …",
        found: prepared.target.data[bad]!,
      });
    },
  };
}

/** Σ log y! over the data, each row as often as its weight says. */
async function logFactorials(data: Dataset): Promise<number> {
  let sum = 0;
  for await (const { target, weights, rows } of data.batches()) {
    target?.data.forEach((y: number, i: number) => {
      const row = Math.floor((i * rows) / target.data.length);
      sum += (weights?.data[row] ?? 1) * logFactorial(y);
    });
  }
  return sum;
}

/** log y!: a sum for small y, Stirling's series beyond (its error is below 1e-13 from 20 on). */
function logFactorial(y: number): number {
  if (y > 20) {
    const n = y + 1;
    return (
      (n - 0.5) * Math.log(n) -
      n +
      0.5 * Math.log(2 * Math.PI) +
      1 / (12 * n) -
      1 / (360 * n ** 3) +
      1 / (1260 * n ** 5)
    );
  }
  let sum = 0;
  for (let k = 2; k <= y; k++) sum += Math.log(k);
  return sum;
}
