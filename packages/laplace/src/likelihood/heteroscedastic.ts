/**
 * Regression with a noise that the model predicts: outputs [m, s] of C means and C logarithms of variances, y_c ~ N(m_c, e^{s_c}).
 *
 *     −log p = ½ Σ_c s_c + (y_c − m_c)² e^{−s_c} + log 2π        E ∂²/∂(m, s)² = diag(e^{−s}, ½)
 *
 * The exact Hessian is indefinite where a residual is large, so that its expectation, the Fisher matrix, is taken.
 *
 * Source: Immer, Palumbo, Marx, Vogt (2023), Effective Bayesian heteroscedastic regression with deep neural networks, NeurIPS.
 */
import { type Loss, MismatchError, squaredError } from "@hessonite/core";
import { type Builder, columns, rootOfDiagonal, type Value } from "./diagonal.ts";
import type { Likelihood } from "./likelihood.ts";
import type { RowLikelihood } from "./rowwise.ts";

export function heteroscedastic(): Likelihood {
  return {
    name: "heteroscedastic",
    kind: "spread",
    loss: heteroscedasticLoss(),
    unit: 1,
    noisy: false,
    expected: true,
    logNormaliser: (entries) => 0.5 * entries * Math.log(2 * Math.PI),
    rowwise,
  };
}

/** ½ Σ_c s_c + (y_c − m_c)² e^{−s_c} */
function heteroscedasticLoss(): Loss {
  const { prepare } = squaredError({ reduction: "sum" });
  const meansOf = (shape: readonly number[]): number[] => {
    const [rows, outputs] = shape;
    if (shape.length === 2 && outputs! % 2 === 0) return [rows!, outputs! / 2];
    throw new MismatchError("Cannot use a heteroscedastic likelihood as the outputs are not means and log-variances", {
      expected: "[rows, 2 C]: C means, then C logarithms of variances",
      found: `[${shape.join(", ")}]`,
    });
  };
  return {
    name: "heteroscedastic",
    reduction: "sum",
    convex: false,
    termShape: (f) => meansOf(f).slice(0, 1),
    classAxis: () => 1,
    targetInput: (f) => ({ dtype: "float32", shape: meansOf(f) }),
    terms(g, f, y) {
      const { spread, residual, precision } = parts(g, f, y);
      return g.mul(g.sum(g.add(spread, g.mul(g.square(residual), precision)), [1]), 0.5);
    },
    likelihood: {
      noise: "normal",
      noiseShape: (f) => f,
      score(g, f, y) {
        const { residual, precision } = parts(g, f, y);
        const pull = g.mul(residual, precision);
        return g.concat([pull, g.mul(g.sub(1, g.mul(residual, pull)), 0.5)], 1);
      },
      factor: (g, f) => columns(g, rootEntries(g, f)),
      // Only the second moment is asked for, and that of a normal is as good.
      sampledScore: (g, f, _, noise) => g.mul(rootEntries(g, f), noise),
    },
    prepare: (target, f, where) => prepare(target, meansOf(f), where),
  };
}

interface Parts {
  readonly spread: Value;
  /** m − y */
  readonly residual: Value;
  /** e^{−s} */
  readonly precision: Value;
}

function parts(g: Builder, f: Value, y: Value): Parts {
  const c = f.shape[1]! / 2;
  const spread = g.narrow(f, 1, c, c);
  return { spread, residual: g.sub(g.narrow(f, 1, 0, c), y), precision: g.unary("Exp", g.neg(spread)) };
}

/** (e^{−s/2}, √½) */
function rootEntries(g: Builder, f: Value): Value {
  const c = f.shape[1]! / 2;
  const spread = g.narrow(f, 1, c, c);
  return g.concat([g.unary("Exp", g.mul(spread, -0.5)), g.fill(Math.SQRT1_2, spread.dtype, spread.shape)], 1);
}

const rowwise: RowLikelihood = {
  logDensity: (f, y) =>
    y.reduce((sum, own, c) => {
      const s = f[y.length + c]!;
      return sum - 0.5 * (s + (own - f[c]!) ** 2 * Math.exp(-s) + Math.log(2 * Math.PI));
    }, 0),
  residual: (f, y) =>
    f.map((x, at) => {
      const c = at % y.length;
      const r = f[c]! - y[c]!;
      return at < y.length ? r * Math.exp(-f[c + y.length]!) : 0.5 * (1 - r * r * Math.exp(-x));
    }),
  outputFactor(f) {
    const c = f.length / 2;
    return rootOfDiagonal(f.map((_, at) => (at < c ? Math.exp(-f[at + c]!) : 0.5)));
  },
  sample(f, _, stream) {
    const c = f.length / 2;
    return f.slice(0, c).map((m, at) => m + Math.exp(0.5 * f[c + at]!) * stream.normal());
  },
};
