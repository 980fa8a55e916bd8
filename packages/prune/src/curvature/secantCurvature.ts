/**
 * The loss's curvature in one row's outputs on the way from the dense model's to the present ones, in its eigenvectors.
 *
 *     H̄ = ∫₀¹ ∂²ℓ/∂f² (f₀ + t (f − f₀)) dt          H̄ (f − f₀) = ∇D(f₀ ‖ f),   D the divergence from the dense outputs
 *
 * So ½ ‖H̄^½ (f − f₀)‖² has D's own gradient at f, and at f = f₀ its curvature: where the present model is sure of something
 * else than the dense one was, the curvature at f alone would be near 0 and its step far too long.
 */
import { type Eigendecomposition, eighMany, type Loss, type Matrix, matmul, matrix } from "@hessonite/core";
import { outputFactor } from "./outputFactor.ts";

/** Nodes and weights of Gauss and Legendre's rule on [0, 1], exact to the seventh degree. */
const rule: readonly (readonly [number, number])[] = [
  [0.06943184420297371, 0.17392742256872692],
  [0.33000947820757187, 0.32607257743127307],
  [0.6699905217924281, 0.32607257743127307],
  [0.9305681557970263, 0.17392742256872692],
];

export interface OutputRows {
  readonly loss: Loss;
  /** Of one row's prediction. */
  readonly shape: readonly number[];
  /** f and f₀, `[rows, outputs]`. */
  readonly now: Float64Array;
  readonly dense: Float64Array;
  /** What the curvature of each output's term is multiplied by, `[rows, outputs]`. */
  readonly weights: Float64Array;
}

/** Eigenvalues and eigenvectors of every row's H̄. */
export function secantEigen({ loss, shape, now, dense, weights }: OutputRows): Promise<Eigendecomposition[]> {
  const outputs = shape.reduce((n, d) => n * d, 1);
  const rows = now.length / outputs;
  return eighMany(
    Array.from({ length: rows }, (_, row) => {
      const part = (all: Float64Array): Float64Array => all.subarray(row * outputs, (row + 1) * outputs);
      return secantMean(loss, shape, part(now), part(dense), part(weights));
    }),
  );
}

function secantMean(
  loss: Loss,
  shape: readonly number[],
  now: Float64Array,
  dense: Float64Array,
  weights: Float64Array,
): Matrix {
  const n = now.length;
  const mean = matrix(n, n);
  for (const [t, share] of rule) {
    const at = dense.map((f, k) => f + t * (now[k]! - f));
    const { data } = outputFactor(loss, at, shape);
    const scaled = matrix(
      n,
      n,
      data.map((x, k) => x * Math.sqrt(share * weights[k % n]!)),
    );
    const part = matmul(scaled, scaled, { b: true }).data;
    for (let k = 0; k < part.length; k++) mean.data[k]! += part[k]!;
  }
  return mean;
}
