/**
 * One linear layer to prune: its weights, and the curvature of its squared output error.
 *
 *     L(W) = (1/n) ‖X (W − W₀)ᵀ‖² = ½ tr(Δ H Δᵀ)      H = 2 XᵀX / n      W [out, in], X [n, in]
 *
 * Rows of W are independent of each other and share H.
 */
import { choleskyInverse, choleskySync, gram, type Matrix, MismatchError, matrix, UsageError } from "@hessonite/core";

/** A layer made ready: no dead inputs, H positive definite. */
export interface PreparedLayer {
  /** W₀ with the weights of dead inputs 0, `[out, in]`. */
  readonly weights: Matrix;
  /** H with what was added to its diagonal, `[in, in]`. */
  readonly hessian: Matrix;
  readonly inverse: Matrix;
  /** What was added to every diagonal entry of H, in its units. */
  readonly damping: number;
  /** Inputs that were 0 in every row: their weights do nothing, and are 0 now. */
  readonly dead: readonly number[];
}

export interface PrepareOptions {
  /** Added to H's diagonal, relative to its mean; 0 unless said. More is added where H is singular, and told. */
  readonly damping?: number;
}

/** H = 2 XᵀX / n */
export function layerHessian(x: Matrix): Matrix {
  if (x.rows === 0) throw new UsageError("Cannot measure a layer's curvature as there are no rows of inputs");
  requireFiniteEntries(x, "inputs");
  const { data, ...shape } = gram(x, { of: "columns" });
  return { ...shape, data: data.map((v) => (2 / x.rows) * v) };
}

/** Fractions of the mean diagonal that are tried in turn where H is singular. */
const rescues = [1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1] as const;

/**
 * @throws {MismatchError | UsageError} if H does not fit W, or an entry is not finite.
 *
 * Cost: one Cholesky factorisation and inverse of H, shared by all rows.
 */
export function prepareLayer(weights: Matrix, hessian: Matrix, { damping = 0 }: PrepareOptions = {}): PreparedLayer {
  const d = weights.columns;
  if (hessian.rows !== d || hessian.columns !== d) {
    throw new MismatchError("Cannot prune a layer as its curvature is of another width", {
      expected: `${d} × ${d}`,
      found: `${hessian.rows} × ${hessian.columns}`,
    });
  }
  requireFiniteEntries(weights, "weights");
  requireFiniteEntries(hessian, "curvature");
  const dead = Array.from({ length: d }, (_, j) => j).filter((j) => hessian.data[j * d + j] === 0);
  const living = { ...weights, data: weights.data.slice() };
  const base = hessian.data.slice();
  for (const j of dead) {
    base[j * d + j] = 1;
    for (let i = 0; i < weights.rows; i++) living.data[i * d + j] = 0;
  }
  let mean = 0;
  for (let j = 0; j < d; j++) mean += base[j * d + j]! / d;
  for (const fraction of [damping, ...rescues.filter((own) => own > damping)]) {
    const h = plusDiagonal(base, d, fraction * mean);
    const inverse = tryInverse(h);
    if (inverse) return { weights: living, hessian: h, inverse, damping: fraction * mean, dead };
  }
  throw new UsageError("Cannot prune a layer as its curvature is not positive semidefinite");
}

function plusDiagonal(data: Float64Array, d: number, delta: number): Matrix {
  const sum = data.slice();
  for (let j = 0; j < d; j++) sum[j * d + j]! += delta;
  return matrix(d, d, sum);
}

/** Undefined where rounding would rule the inverse. */
function tryInverse(h: Matrix): Matrix | undefined {
  try {
    const factor = choleskySync(h, { maxJitter: 0 });
    const pivots = Float64Array.from({ length: h.rows }, (_, j) => factor.lower.data[j * h.rows + j]! ** 2);
    const [least, most] = [Math.min(...pivots), Math.max(...pivots)];
    return least > 1e-13 * most ? choleskyInverse(factor) : undefined;
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

export function requireFiniteEntries({ data, columns }: Matrix, what: string): void {
  const at = data.findIndex((x) => !Number.isFinite(x));
  if (at < 0) return;
  throw new UsageError(`Cannot prune a layer as its ${what} hold an entry that is not finite`, {
    at: `row ${Math.floor(at / columns)}, column ${at % columns}`,
    found: data[at]!,
  });
}

/** ½ tr(Δ H Δᵀ) for Δ = after − before: the layer's squared output error where H is of its inputs. */
export function reconstructionError(before: Matrix, after: Matrix, hessian: Matrix): number {
  const { rows, columns: d } = before;
  const delta = new Float64Array(d);
  let total = 0;
  for (let r = 0; r < rows; r++) {
    for (let j = 0; j < d; j++) delta[j] = after.data[r * d + j]! - before.data[r * d + j]!;
    for (let i = 0; i < d; i++) {
      if (delta[i] === 0) continue;
      let product = 0;
      for (let j = 0; j < d; j++) product += hessian.data[i * d + j]! * delta[j]!;
      total += 0.5 * delta[i]! * product;
    }
  }
  return total;
}
