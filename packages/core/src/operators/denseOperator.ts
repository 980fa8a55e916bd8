/** A dense matrix as an operator. */
import { eigh } from "../linalg/eigh.ts";
import { diagonalOf, type Matrix, matmulAside, requireFinite, trace } from "../linalg/matrix.ts";
import { dot } from "../linalg/vector.ts";
import { type EigenOperator, eigenOperator } from "./eigenOperator.ts";
import { type LinearOperator, noStructure, positiveSemidefinite, selfAdjoint } from "./linearOperator.ts";
import { type Facts, makeOperator } from "./makeOperator.ts";
import { asymmetry, requireSemidefiniteLook, semidefinite } from "./spectrum.ts";

export interface DenseOperatorOptions {
  readonly name?: string;
  /** Claims A ≥ 0; where eigenvalues are computed, a negative one is then an error. */
  readonly positiveSemidefinite?: boolean;
}

/**
 * @param matrix Not copied, and not to be changed. Symmetric to the last bit, it is self-adjoint.
 * @throws {UsageError} if an entry is not finite, or a claim of semidefiniteness cannot be.
 *
 * Log-determinant, inverse, power and eigenvalues share one eigendecomposition, made when first needed.
 */
export function denseOperator(matrix: Matrix, options: DenseOperatorOptions = {}): LinearOperator {
  const { name = "dense matrix", positiveSemidefinite: semi = false } = options;
  requireFinite(matrix, "make an operator of a matrix");
  if (semi) requireSemidefiniteLook(matrix, name);
  const symmetric = semi || isSymmetric(matrix);
  return makeOperator({
    name,
    shape: [matrix.rows, matrix.columns],
    structure: semi ? positiveSemidefinite : symmetric ? selfAdjoint : noStructure,
    multiply: (v, k) => rowsTimes(v, k, matrix, true),
    multiplyTransposed: (v, k) => rowsTimes(v, k, matrix, false),
    exact: {
      squaredFrobeniusNorm: () => dot(matrix.data, matrix.data),
      dense: () => matrix.data.slice(),
      ...(matrix.rows === matrix.columns && { trace: () => trace(matrix), diagonal: () => diagonalOf(matrix) }),
      ...(symmetric && spectralFacts(matrix, semi, name)),
    },
  });
}

/** Each row of V times Aᵀ (`flip`) or A. */
async function rowsTimes(v: Float64Array, k: number, matrix: Matrix, flip: boolean): Promise<Float64Array> {
  const rows = { rows: k, columns: flip ? matrix.columns : matrix.rows, data: v };
  return (await matmulAside(rows, matrix, { flip: { b: flip } })).data;
}

/** Facts of the decomposition, which is made when one is asked for. */
function spectralFacts(matrix: Matrix, semi: boolean, name: string): Facts {
  let made: Promise<EigenOperator> | undefined;
  const decomposed = (): Promise<EigenOperator> => {
    made ??= eigh(matrix).then(({ values, vectors }) =>
      eigenOperator({ values: semi ? semidefinite(values, name) : values, vectors, name }),
    );
    return made;
  };
  return {
    logDeterminant: async (damping) => (await decomposed()).exact.logDeterminant(damping),
    inverse: async (damping) => (await decomposed()).exact.inverse(damping),
    power: async (power, damping) => (await decomposed()).exact.power(power, damping),
    eigenvalues: async () => (await decomposed()).exact.eigenvalues(),
  };
}

function isSymmetric(matrix: Matrix): boolean {
  return matrix.rows === matrix.columns && asymmetry(matrix) === 0;
}
