/**
 * The eigendecomposition of a symmetric matrix.
 *
 *     A = V diag(λ) Vᵀ      λ ascending, eigenvector j in column j of V
 *
 * Blocked tridiagonalisation, divide and conquer, blocked back-transformation (kernels/eigh.c), or a system LAPACK.
 * Residual ‖A V − V Λ‖ / ‖A‖ and ‖VᵀV − I‖ stay at some 1e-15 · √n, also for clustered and multiple eigenvalues.
 */
import { HessoniteError } from "../errors.ts";
import { defaultWorkers, sideBySide } from "./densePool.ts";
import { type DenseOptions, type KernelAnswer, type KernelCall, runKernel, runKernelSync } from "./kernel.ts";
import { type Backend, lapackFor } from "./lapack.ts";
import { type Matrix, requireFinite, requireSquare } from "./matrix.ts";

export interface Eigendecomposition {
  /** Ascending. */
  readonly values: Float64Array;
  /** Orthonormal; column j belongs to value j. */
  readonly vectors: Matrix;
}

export interface EighOptions extends DenseOptions {
  /** "auto" (the default) takes a system LAPACK where koffi finds one, else our kernels. */
  readonly backend?: Backend;
}

export interface EighManyOptions extends EighOptions {
  /** Called as each is there, with its position among the matrices. */
  readonly onResult?: (index: number, found: Eigendecomposition) => void | Promise<void>;
}

/**
 * Eigendecomposition of the symmetric matrix A, of which one triangle is read.
 *
 * Small matrices are done at once, large ones on a worker thread: the event loop is never blocked for long.
 *
 * @throws {UsageError} if an entry is NaN or infinite.
 *
 * @example
 * ```ts
 * const { values, vectors } = await eigh(fromRows([[2, 1], [1, 2]]));
 * expect(values[1]).toBeCloseTo(3); // vectors: (1, ∓1)/√2 in columns
 * ```
 */
export async function eigh(a: Matrix, options: EighOptions = {}): Promise<Eigendecomposition> {
  const call = eighCall(a);
  options.signal?.throwIfAborted();
  const lapack = await lapackFor(options.backend ?? "auto", a.rows);
  if (lapack) return lapack.eigh(a, options.signal);
  return decomposition(a, await runKernel(call, 9 * a.rows ** 3, options));
}

/** One decomposition a matrix, `workers` of them side by side. */
export async function eighMany(
  matrices: readonly Matrix[],
  options: EighManyOptions = {},
): Promise<Eigendecomposition[]> {
  const { onResult, ...each } = options;
  return sideBySide([...matrices.entries()], options.workers ?? (await defaultWorkers()), async ([i, a]) => {
    const found = await eigh(a, each);
    await onResult?.(i, found);
    return found;
  });
}

/** The same on the calling thread, by our kernels. */
export function eighSync(a: Matrix): Eigendecomposition {
  return decomposition(a, runKernelSync(eighCall(a)));
}

function eighCall(a: Matrix): KernelCall {
  requireSquare(a);
  requireFinite(a, "diagonalise a matrix");
  const n = a.rows;
  return { kernel: "eigh", sizes: [n], arrays: [{ input: a.data }, { result: n }, { result: n * n }] };
}

function decomposition({ rows: n }: Matrix, { status, results }: KernelAnswer): Eigendecomposition {
  if (status !== 0) throw new HessoniteError("Cannot diagonalise a matrix as the QL iteration did not converge");
  const [values, vectors] = results as [Float64Array, Float64Array];
  return { values, vectors: { rows: n, columns: n, data: vectors } };
}
