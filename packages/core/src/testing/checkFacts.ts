/** The exact facts that an operator declares, against its dense matrix. */
import { eighSync } from "../linalg/eigh.ts";
import { diagonalOf, type Matrix, matmul, matrix, plusDiagonal, scaleColumns } from "../linalg/matrix.ts";
import { sum } from "../linalg/vector.ts";
import { toDense } from "../operators/dense.ts";
import type { LinearOperator } from "../operators/linearOperator.ts";
import { expectClose } from "./expectClose.ts";
import type { Tolerance } from "./tolerance.ts";

/** What damped facts are asked with: large enough that no matrix of a test is singular beside it. */
const damping = 0.7;

/** Powers that are asked for, of A + damping · I. */
const powers = [-1, -0.5, 0.5, 2];

/** How much of the accuracy of products inverses and powers of well-conditioned matrices may lose. */
const slack = 100;

/** Fails unless every fact that `a` declares is true of `dense`. */
export async function checkFacts(a: LinearOperator, dense: Matrix, tolerance: Tolerance): Promise<void> {
  const { rows, columns, data } = dense;
  const exact = a.exact ?? {};
  const close = (found: ArrayLike<number>, truth: ArrayLike<number>, fact: string, near = tolerance): void =>
    expectClose(found, truth, `the operator knows its ${fact}`, near);

  if (exact.dense) close(await exact.dense(), data, "matrix");
  if (exact.squaredFrobeniusNorm) close([await exact.squaredFrobeniusNorm()], [sum(data.map((x) => x * x))], "norm");
  if (rows !== columns) return;
  const diagonal = diagonalOf(dense);
  if (exact.trace) close([await exact.trace()], [sum(diagonal)], "trace", scaledTo(diagonal, tolerance));
  if (exact.diagonal) close(await exact.diagonal(), diagonal, "diagonal");
  const zero = matrix(rows, rows);
  if (exact.scalar) close(data, plusDiagonal(zero, exact.scalar()).data, "scalar");
  const loose = { relative: slack * tolerance.relative, absolute: slack * tolerance.absolute };
  if (exact.inverse) {
    const inverse = await square(await exact.inverse(damping));
    close(matmul(inverse, plusDiagonal(dense, damping)).data, plusDiagonal(zero, 1).data, "inverse", loose);
  }
  if (a.structure.selfAdjoint) await checkSpectralFacts(a, dense, loose);
}

async function checkSpectralFacts(
  { exact = {}, structure }: LinearOperator,
  dense: Matrix,
  loose: Tolerance,
): Promise<void> {
  const { values, vectors } = eighSync(dense);
  if (exact.eigenvalues) {
    expectClose((await exact.eigenvalues()).slice().sort(), values, "the operator knows its eigenvalues", loose);
  }
  if (exact.logDeterminant) {
    const truth = sum(values.map((value) => Math.log(Math.abs(value + damping))));
    expectClose([await exact.logDeterminant(damping)], [truth], "the operator knows its log-determinant", loose);
  }
  for (const power of exact.power && structure.positiveSemidefinite ? powers : []) {
    const truth = matmul(
      scaleColumns(
        vectors,
        values.map((value) => (value + damping) ** power),
      ),
      vectors,
      { b: true },
    );
    const found = await square(await exact.power!(power, damping));
    expectClose(found.data, truth.data, `the operator knows its power ${power}`, loose);
  }
}

async function square(a: LinearOperator): Promise<Matrix> {
  return { rows: a.shape[0], columns: a.shape[1], data: await toDense(a) };
}

/** For a sum that cancels: errors are of the size of its terms. */
function scaledTo(terms: Float64Array, { relative, absolute }: Tolerance): Tolerance {
  return { relative, absolute: absolute + relative * sum(terms.map(Math.abs)) };
}
