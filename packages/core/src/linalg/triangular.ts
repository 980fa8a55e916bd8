/** Systems with a lower triangular matrix: L X = B and Lᵀ X = B. */
import { MismatchError } from "../errors.ts";
import { type DenseOptions, type KernelCall, runKernel, runKernelSync } from "./kernel.ts";
import { type Matrix, requireSquare } from "./matrix.ts";

/**
 * Solves L X = B, or Lᵀ X = B if `transposed`.
 *
 * @param l Lower triangular [n, n] without a zero on the diagonal; what is above the diagonal is not read.
 * @param b Right-hand sides as columns, [n, k].
 */
export function solveTriangular(l: Matrix, b: Matrix, options: { readonly transposed?: boolean } = {}): Matrix {
  return { ...b, data: runKernelSync(triangularCall(l, b, options.transposed)).results[0]! };
}

/** The same solution, on a worker where it would take long. */
export async function solveTriangularAside(
  l: Matrix,
  b: Matrix,
  options: DenseOptions & { readonly transposed?: boolean } = {},
): Promise<Matrix> {
  const answer = await runKernel(triangularCall(l, b, options.transposed), l.rows * l.rows * b.columns, options);
  return { ...b, data: answer.results[0]! };
}

function triangularCall(l: Matrix, b: Matrix, transposed = false): KernelCall {
  requireSquare(l);
  if (b.rows !== l.rows) {
    throw new MismatchError("Cannot solve a triangular system as the right-hand side has another number of rows", {
      expected: l.rows,
      found: b.rows,
    });
  }
  return {
    kernel: "solveTriangular",
    sizes: [l.rows, b.columns, transposed ? 1 : 0],
    arrays: [{ input: l.data }, { update: b.data }],
  };
}
