/**
 * H as it is, known by its products alone: no matrix is kept.
 *
 *     Σ v = (s H + δ)⁻¹ v                          by conjugate gradients
 *     log det(s H + δ) = P · E qᵀ log(s H + δ) q     by Lanczos from random unit vectors q, once for every s and δ
 *     tr Σ             = P · E qᵀ (s H + δ)⁻¹ q      likewise
 *
 * Lanczos gives each quadratic form's Gauss quadrature, which is above it for the logarithm (its even derivatives are negative),
 * and with a node fixed at 0 (Radau) one that is below it: H is semidefinite. What is left is the probes' own spread.
 *
 * Sources: Ubaru, Chen & Saad (2017), Fast estimation of tr(f(A)); Golub & Meurant (2010), Matrices, Moments and Quadrature.
 */
import {
  conjugateGradient,
  EngineError,
  eigh,
  type LinearOperator,
  lanczos,
  type Matrix,
  matrix,
  randomStream,
  UsageError,
} from "@hessonite/core";
import { groupsOf, type Prior, requirePriorKind } from "../prior.ts";
import type { Curvature, LogDeterminantError, Posterior } from "./posterior.ts";

export interface ProbeOptions {
  /** Random vectors, at least 2. */
  readonly probes: number;
  /** Products a vector. */
  readonly steps: number;
  readonly seed: number;
  /** Residual of a solution relative to its right-hand side. */
  readonly tolerance: number;
  readonly signal?: AbortSignal;
}

/** qᵀ f(H) q ≈ Σ w f(θ) for one q. */
interface Rule {
  readonly nodes: Float64Array;
  readonly weights: Float64Array;
}

/** A probe's quadrature from above and from below (of the logarithm). */
interface Bracket {
  readonly gauss: Rule;
  readonly radau: Rule;
}

/**
 * @param product H/factor, semidefinite.
 * @param release Releases what products need.
 *
 * Cost: probes · steps products, and for each row that is predicted a solve for each output.
 */
export async function matrixFreeCurvature(
  product: LinearOperator,
  factor: number,
  options: ProbeOptions,
  release: () => Promise<void>,
): Promise<Curvature> {
  const [size] = product.shape;
  const brackets = await bracketsOf(product, factor, options);
  return {
    structure: "matrix-free",
    size,
    groups(kind) {
      requirePriorKind(kind, ["scalar"], "matrix-free");
      return groupsOf(kind, new Int32Array(size));
    },
    posterior: async (scale, prior) => solvedPosterior(product, factor, brackets, scale, prior, options.tolerance),
    release,
  };
}

async function bracketsOf(product: LinearOperator, factor: number, options: ProbeOptions): Promise<Bracket[]> {
  const { probes, steps, seed, signal } = options;
  if (!(Number.isInteger(probes) && probes >= 2 && Number.isInteger(steps) && steps >= 1)) {
    throw new UsageError("Cannot estimate the log-determinant with that many probes and steps", {
      expected: "2 probes and 1 step, or more",
      found: `${probes} and ${steps}`,
    });
  }
  const [n] = product.shape;
  const stream = randomStream(seed, "log-determinant");
  const start = Float64Array.from({ length: probes * n }, () => stream.normal());
  const runs = await lanczos(product, start, { k: probes, steps: Math.min(steps, n), ...(signal ? { signal } : {}) });
  return Promise.all(
    runs.map(async ({ tridiagonal: { diagonal, offDiagonal }, residual }) => {
      const gauss = await ruleOf(diagonal, offDiagonal, factor);
      if (residual === 0) return { gauss, radau: gauss }; // the nodes are eigenvalues
      // T with a last row that makes 0 an eigenvalue: α = β² eᵀ T⁻¹ e.
      const wide = await ruleOf(
        Float64Array.of(...diagonal, residual ** 2 * lastOfInverse(diagonal, offDiagonal)),
        Float64Array.of(...offDiagonal, residual),
        factor,
      );
      return { gauss, radau: wide };
    }),
  );
}

/** eᵀ T⁻¹ e of the last entry, by elimination downwards. */
function lastOfInverse(diagonal: Float64Array, offDiagonal: Float64Array): number {
  let pivot = diagonal[0]!;
  for (let i = 1; i < diagonal.length; i++) pivot = diagonal[i]! - offDiagonal[i - 1]! ** 2 / pivot;
  return 1 / pivot;
}

/** Nodes (of H: the factor is in them) and weights. */
async function ruleOf(diagonal: Float64Array, offDiagonal: Float64Array, factor: number): Promise<Rule> {
  const n = diagonal.length;
  const t = matrix(n, n);
  diagonal.forEach((x, i) => {
    t.data[i * (n + 1)] = x;
  });
  offDiagonal.slice(0, n - 1).forEach((x, i) => {
    t.data[i * n + i + 1] = x;
    t.data[(i + 1) * n + i] = x;
  });
  const { values, vectors } = await eigh(t);
  return {
    nodes: values.map((x) => factor * Math.max(x, 0)),
    weights: values.map((_, i) => vectors.data[i]! ** 2),
  };
}

function solvedPosterior(
  product: LinearOperator,
  factor: number,
  brackets: readonly Bracket[],
  scale: number,
  prior: Prior,
  tolerance: number,
): Posterior {
  const [size] = product.shape;
  const delta = prior.precision[0]!;
  const log = (x: number): number => Math.log(scale * x + delta);
  const above = brackets.map(({ gauss }) => size * integral(gauss, log));
  const below = brackets.map(({ radau }) => size * integral(radau, log));
  const middle = above.map((x, i) => 0.5 * (x + below[i]!));
  const error: LogDeterminantError = {
    standardError: standardErrorOf(middle),
    lower: meanOf(below),
    upper: meanOf(above),
  };
  return {
    logDeterminant: meanOf(middle),
    logDeterminantError: error,
    timesRoot: () => noRoot("a root of the covariance"),
    timesRootTransposed: () => noRoot("draws of the weights"),
    variances: () => noRoot("every weight's variance"),
    groupVariances: () =>
      Float64Array.of(meanOf(brackets.map(({ gauss }) => size * integral(gauss, (x) => 1 / (scale * x + delta))))),
    async timesCovariance(rows, signal) {
      const own = scale * factor;
      const solution = await solved(product, rows, delta / own, tolerance, signal);
      return matrix(
        rows.rows,
        size,
        solution.map((x) => x / own),
      );
    },
  };
}

/** Rows solved at once. */
const atOnce = 32;

async function solved(
  product: LinearOperator,
  { rows, data }: Matrix,
  damping: number,
  relativeTolerance: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const [n] = product.shape;
  const all = new Float64Array(rows * n);
  for (let start = 0; start < rows; start += atOnce) {
    const k = Math.min(atOnce, rows - start);
    const own = data.slice(start * n, (start + k) * n);
    const found = await conjugateGradient(product, own, {
      k,
      damping,
      relativeTolerance,
      ...(signal ? { signal } : {}),
    });
    if (found.outcome !== "converged") {
      throw new EngineError("Cannot solve for the covariance as conjugate gradients stopped", {
        found: `${found.outcome} after ${found.iterations} iterations`,
        expected: `a residual of ${relativeTolerance}`,
        try: "a larger prior precision, or a larger tolerance: float32 products reach about 1e-6",
      });
    }
    all.set(found.solution, start * n);
  }
  return all;
}

const integral = ({ nodes, weights }: Rule, f: (x: number) => number): number =>
  nodes.reduce((sum, x, i) => sum + weights[i]! * f(x), 0);

const meanOf = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

function standardErrorOf(values: readonly number[]): number {
  const mean = meanOf(values);
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length * (values.length - 1)));
}

function noRoot(what: string): never {
  throw new UsageError(`Cannot give ${what} as a matrix-free posterior is known by its products alone`, {
    try: "a full, Kronecker, diagonal or low-rank posterior; predictive variances and the evidence are known",
  });
}
