/**
 * The QR factorisation by blocked Householder reflections.
 *
 *     A [m, n] = Q R      Q [m, p] with orthonormal columns, R [p, n] upper triangular, p = min(m, n)
 */
import { type DenseOptions, type KernelAnswer, type KernelCall, runKernel, runKernelSync } from "./kernel.ts";
import { type Matrix, requireFinite } from "./matrix.ts";

export interface Qr {
  readonly q: Matrix;
  /** Its diagonal may be negative, and is zero where columns depend on earlier ones. */
  readonly r: Matrix;
}

/** The thin factorisation of A, of any shape and rank. */
export async function qr(a: Matrix, options: DenseOptions = {}): Promise<Qr> {
  return factors(a, await runKernel(qrCall(a), 4 * a.rows * a.columns * Math.min(a.rows, a.columns), options));
}

/** The same on the calling thread. */
export function qrSync(a: Matrix): Qr {
  return factors(a, runKernelSync(qrCall(a)));
}

function qrCall(a: Matrix): KernelCall {
  requireFinite(a, "factor a matrix");
  const [m, n] = [a.rows, a.columns];
  const p = Math.min(m, n);
  return { kernel: "qr", sizes: [m, n], arrays: [{ input: a.data }, { result: m * p }, { result: p * n }] };
}

function factors({ rows: m, columns: n }: Matrix, { results }: KernelAnswer): Qr {
  const p = Math.min(m, n);
  const [q, r] = results as [Float64Array, Float64Array];
  return { q: { rows: m, columns: p, data: q }, r: { rows: p, columns: n, data: r } };
}
