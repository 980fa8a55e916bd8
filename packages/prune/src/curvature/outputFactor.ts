/**
 * A square root of the loss's curvature in one row's outputs: S Sᵀ = ∂²ℓ/∂f², S [C, C].
 *
 *     cross-entropy     diag(√p) − p √pᵀ, block by block where a row has several predictions
 *     mse               √2 I                    (ℓ = Σ (f − y)²)
 *     bce-with-logits   diag(√(σ(1 − σ)))
 */
import { type Loss, type Matrix, matrix, UsageError } from "@hessonite/core";

type Factor = (f: Float64Array, shape: readonly number[]) => Matrix;

const factors: Readonly<Record<string, Factor>> = {
  "cross-entropy": softmaxFactor,
  mse: (f) => diagonalMatrix(f.map(() => Math.SQRT2)),
  "bce-with-logits": (f) => diagonalMatrix(f.map((x) => 0.5 / Math.cosh(x / 2))),
};

/**
 * @param shape The row's prediction, without the row's axis: its first axis is the classes'.
 * @throws {UsageError} if the loss is none of the named ones.
 */
export function outputFactor(loss: Loss, f: Float64Array, shape: readonly number[]): Matrix {
  const factor = factors[loss.name];
  if (!factor) {
    throw new UsageError("Cannot factor the loss's curvature as it is none of the losses with a known factor", {
      found: loss.name,
      expected: Object.keys(factors).join(", "),
    });
  }
  return factor(f, shape);
}

function diagonalMatrix(d: Float64Array): Matrix {
  const m = matrix(d.length, d.length);
  d.forEach((x, i) => {
    m.data[i * (d.length + 1)] = x;
  });
  return m;
}

function softmaxFactor(f: Float64Array, [classes = f.length]: readonly number[]): Matrix {
  const positions = f.length / classes;
  const s = matrix(f.length, f.length);
  for (let at = 0; at < positions; at++) {
    const index = Array.from({ length: classes }, (_, c) => c * positions + at);
    const largest = Math.max(...index.map((i) => f[i]!));
    const raised = index.map((i) => Math.exp(f[i]! - largest));
    const total = raised.reduce((a, b) => a + b, 0);
    const p = raised.map((x) => x / total);
    index.forEach((i, a) => {
      index.forEach((j, b) => {
        s.data[i * f.length + j] = (a === b ? Math.sqrt(p[a]!) : 0) - p[a]! * Math.sqrt(p[b]!);
      });
    });
  }
  return s;
}
