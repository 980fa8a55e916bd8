/**
 * Stochastic Lanczos quadrature: what a self-adjoint operator's spectrum looks like from random vectors.
 *
 *     qᵀ f(A) q ≈ Σ_j w_j f(θ_j),      tr f(A) = n · E qᵀ f(A) q
 *
 * θ, w: nodes and weights of the Gauss quadrature that Lanczos makes of a random unit vector q, exact for polynomials of
 * degree 2 steps − 1. Zero and low-rank operators are right: Lanczos ends where its Krylov space does, and the nodes are
 * then eigenvalues.
 *
 * Source: Ubaru, Chen & Saad (2017), Fast estimation of tr(f(A)) via stochastic Lanczos quadrature, SIAM J. Matrix Anal.
 * 38(4).
 */
import { UsageError } from "../errors.ts";
import { lanczos, lanczosQuadrature } from "../linalg/lanczos.ts";
import { projectOut } from "../linalg/orthogonalize.ts";
import { maxAbs, row, sum } from "../linalg/vector.ts";
import type { LinearOperator, Vector } from "../operators/linearOperator.ts";
import { type Estimate, type EstimatorOptions, exactly, meanAndError, requireSamples } from "./estimate.ts";
import { meterOf, probeRows, requireSquareOperator } from "./probes.ts";

export interface QuadratureOptions extends EstimatorOptions {
  /** Random starting vectors, at least 2. */
  readonly probes: number;
  /** Products a starting vector. */
  readonly steps: number;
  /** Bytes that Lanczos bases may take at once; 512 MiB unless said. */
  readonly memory?: number;
}

/** qᵀ f(A) q ≈ Σ w f(θ) for one random unit vector q. */
export interface Quadrature {
  readonly nodes: Vector;
  /** They sum to 1. */
  readonly weights: Vector;
}

export interface Quadratures {
  readonly quadratures: readonly Quadrature[];
  readonly products: number;
}

/**
 * One quadrature a probe.
 *
 * @param known Orthonormal rows that probes are made orthogonal to: an invariant subspace of which A is zero.
 */
export async function lanczosQuadratures(
  a: LinearOperator,
  options: QuadratureOptions,
  known: Vector = new Float64Array(0),
): Promise<Quadratures> {
  const n = requireSquareOperator(a, "estimate the spectrum");
  const { probes, steps, seed = 0, memory = 2 ** 29 } = options;
  requireSamples(probes, "estimate a spectrum");
  requireSamples(steps, "run Lanczos", { least: 1 });
  const length = Math.min(steps, n - known.length / n);
  const atOnce = Math.max(1, Math.min(16, Math.floor(memory / (8 * n * length))));
  const meter = meterOf(options, probes * length);
  const quadratures: Quadrature[] = [];
  for (let first = 0; first < probes; first += atOnce) {
    const k = Math.min(atOnce, probes - first);
    const start = probeRows("normal", n, seed, first, k);
    for (let i = 0; i < k; i++) projectOut(row(start, i, n), known, known.length / n);
    let before = 0;
    const runs = await lanczos(a, start, {
      k,
      steps: length,
      ...(meter.signal && { signal: meter.signal }),
      onProgress({ products }) {
        meter.spend(products - before);
        before = products;
      },
    });
    quadratures.push(...runs.map(({ tridiagonal }) => lanczosQuadrature(tridiagonal)));
  }
  return { quadratures, products: meter.spent };
}

/** tr f(A): from A's eigenvalues where it knows them, else estimated. */
export async function traceOfFunction(
  a: LinearOperator,
  f: (eigenvalue: number) => number,
  options: QuadratureOptions,
): Promise<Estimate> {
  const { seed = 0 } = options;
  const known = await a.exact?.eigenvalues?.();
  if (known !== undefined) return exactly(sum(withoutRounding(known).map(f)), seed);
  const { quadratures, products } = await lanczosQuadratures(a, options);
  const n = a.shape[0];
  return { ...meanAndError(quadratures.map((quadrature) => n * integral(cleaned(quadrature), f))), products, seed };
}

/** Σ w f(θ) */
function integral({ nodes, weights }: Quadrature, f: (node: number) => number): number {
  return nodes.reduce((total, node, j) => total + ((weights[j] ?? 0) === 0 ? 0 : (weights[j] ?? 0) * f(node)), 0);
}

const cleaned = ({ nodes, weights }: Quadrature): Quadrature => ({ nodes: withoutRounding(nodes), weights });

/** Eigenvalues with those that are nothing but rounding set to zero. */
function withoutRounding(values: Float64Array): Float64Array {
  const least = 1e-13 * Math.sqrt(values.length) * maxAbs(values);
  return values.map((value) => (Math.abs(value) <= least ? 0 : value));
}

/** @throws {UsageError} unless A is known to be positive semidefinite. */
export function requireSemidefinite({ name, structure }: LinearOperator, what: string): void {
  if (structure.positiveSemidefinite) return;
  throw new UsageError(`Cannot estimate the ${what} of ${name} as it is not known to be positive semidefinite`, {
    try: "an operator that is: the GGN, a Fisher matrix, or a power",
  });
}
