/**
 * The singular value decomposition.
 *
 *     A [m, n] = U diag(σ) Vᵀ      p = min(m, n), U [m, p], σ descending, V [n, p]
 *
 * The eigenvectors of AᵀA as a warm start, then one-sided Jacobi, which restores what the squaring lost (kernels/svd.c).
 */
import { HessoniteError } from "../errors.ts";
import { type DenseOptions, type KernelAnswer, type KernelCall, runKernel, runKernelSync } from "./kernel.ts";
import { type Matrix, requireFinite, transpose } from "./matrix.ts";

export interface Svd {
  /** [m, p], orthonormal columns, also where σ is zero. */
  readonly u: Matrix;
  /** p values, descending. */
  readonly values: Float64Array;
  /** [n, p], orthonormal columns. */
  readonly v: Matrix;
}

/** The thin decomposition of A, of any shape and rank. Absolute error of a singular value: some ε · σ₁. */
export async function svd(a: Matrix, options: DenseOptions = {}): Promise<Svd> {
  const tall = a.rows >= a.columns ? a : transpose(a);
  return triplets(a, tall, await runKernel(svdCall(tall), 20 * tall.rows * tall.columns ** 2, options));
}

/** The same on the calling thread. */
export function svdSync(a: Matrix): Svd {
  const tall = a.rows >= a.columns ? a : transpose(a);
  return triplets(a, tall, runKernelSync(svdCall(tall)));
}

function svdCall(tall: Matrix): KernelCall {
  requireFinite(tall, "decompose a matrix");
  const [m, n] = [tall.rows, tall.columns];
  return {
    kernel: "svd",
    sizes: [m, n],
    arrays: [{ input: tall.data }, { result: n }, { result: m * n }, { result: n * n }],
  };
}

function triplets(a: Matrix, { rows: m, columns: n }: Matrix, { status, results }: KernelAnswer): Svd {
  if (status !== 0) throw new HessoniteError("Cannot decompose a matrix as one-sided Jacobi did not converge");
  const [values, left, right] = results as [Float64Array, Float64Array, Float64Array];
  const u = { rows: m, columns: n, data: left };
  const v = { rows: n, columns: n, data: right };
  return a.rows >= a.columns ? { u, values, v } : { u: v, values, v: u };
}
