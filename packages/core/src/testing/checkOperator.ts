/**
 * What every operator promises, checked against its dense matrix that came another way.
 *
 * A new operator's test is: build it, build its matrix, one call.
 */
import { eighSync } from "../linalg/eigh.ts";
import { fromRows, type Matrix, symmetrize, transpose } from "../linalg/matrix.ts";
import { dot, row } from "../linalg/vector.ts";
import { toDense } from "../operators/dense.ts";
import type { LinearOperator, Vector } from "../operators/linearOperator.ts";
import type { RandomStream } from "../random/random.ts";
import { checkFacts } from "./checkFacts.ts";
import { checkProducts, randomVector } from "./checkProducts.ts";
import { expectClose } from "./expectClose.ts";
import { type Tolerance, tolerances } from "./tolerance.ts";

export interface OperatorCheck {
  /** How near to the matrix; float64 arithmetic unless said. */
  readonly tolerance?: Tolerance;
}

/**
 * Fails unless `a` and its adjoint keep the contract of LinearOperator: products, K rows, linearity, structure, facts,
 * toDense, errors on wrong lengths, results that are the caller's, memory for them that is overwritten, and products side
 * by side.
 *
 * @param matrix A, row by row.
 * @throws {Error} that says which promise is broken, and where.
 *
 * @example
 * ```ts
 * await checkOperator(diagonal(Float64Array.of(1, 2)), [[1, 0], [0, 2]], randomStream(7));
 * await expect(checkOperator(diagonal(Float64Array.of(1, 2)), [[1, 0], [0, 3]], randomStream(7))).rejects.toThrow(
 *   "A v is the matrix's product",
 * );
 * ```
 */
export async function checkOperator(
  a: LinearOperator,
  matrix: readonly ArrayLike<number>[],
  random: RandomStream,
  { tolerance = tolerances.float64 }: OperatorCheck = {},
): Promise<void> {
  requireShape(a, matrix);
  const dense = fromRows(matrix.map((entries) => Array.from(entries)));
  await checkSide(a, dense, "A", { random, tolerance });
  await checkSide(a.adjoint(), transpose(dense), "Aᵀ", { random, tolerance });
  await checkAdjoint(a, random, tolerance);
}

/** Everything but what an operator and its adjoint promise together. */
async function checkSide(
  a: LinearOperator,
  dense: Matrix,
  name: string,
  { random, tolerance }: { readonly random: RandomStream; readonly tolerance: Tolerance },
): Promise<void> {
  await checkProducts({ a, dense, name, random, tolerance });
  await checkStructure(a, dense, random, tolerance);
  const what = name === "A" ? "the matrix" : "the transposed matrix, of the adjoint";
  expectClose(await toDense(a), dense.data, `toDense gives ${what}`, tolerance);
  await checkFacts(a, dense, tolerance);
}

function requireShape({ shape: [rows, columns] }: LinearOperator, matrix: readonly ArrayLike<number>[]): void {
  if (matrix.length === rows && matrix.every(({ length }) => length === columns)) return;
  const found = `${rows} × ${columns}`;
  throw new Error(
    `the shape is the matrix's\n  expected  ${matrix.length} × ${matrix[0]?.length ?? 0}\n  found     ${found}`,
  );
}

async function checkAdjoint(a: LinearOperator, random: RandomStream, tolerance: Tolerance): Promise<void> {
  const v = randomVector(a.shape[1], random);
  const w = randomVector(a.shape[0], random);
  const product = await a.apply(v);
  const [left, right] = [dot(product, w), dot(v, await a.adjoint().apply(w))];
  expectClose([left], [right], "⟨A v, w⟩ = ⟨v, Aᵀ w⟩", {
    relative: tolerance.relative,
    absolute: tolerance.absolute + tolerance.relative * Math.sqrt(dot(v, v) * dot(w, w)) * Math.max(1, Math.abs(left)),
  });
  expectClose(await a.adjoint().adjoint().apply(v), product, "the adjoint's adjoint is A", tolerance);
}

async function checkStructure(
  a: LinearOperator,
  dense: Matrix,
  random: RandomStream,
  tolerance: Tolerance,
): Promise<void> {
  const { selfAdjoint, positiveSemidefinite, orthonormalColumns, selects } = a.structure;
  if (positiveSemidefinite && !selfAdjoint) throw new Error("a semidefinite operator is self-adjoint");
  if (selfAdjoint && a.adjoint() !== a) throw new Error("a self-adjoint operator is its own adjoint");
  if (positiveSemidefinite) requireSemidefinite(dense, tolerance);
  if (orthonormalColumns) {
    const v = randomVector(a.shape[1], random);
    expectClose(await a.adjoint().apply(await a.apply(v)), v, "AᵀA = I", tolerance);
  }
  if (selects && !rowsOf(dense).every(isUnitOrZero)) throw new Error("each row selects one entry or none");
}

function requireSemidefinite(dense: Matrix, { relative, absolute }: Tolerance): void {
  const { values } = eighSync(symmetrize(dense));
  const [least = 0, most = 0] = [values[0], values.at(-1)];
  if (least >= -dense.rows * relative * Math.abs(most) - absolute) return;
  throw new Error(`a semidefinite operator has no negative eigenvalue\n  found     ${least}, beside ${most}`);
}

function isUnitOrZero(entries: Vector): boolean {
  const others = entries.filter((x) => x !== 0);
  return others.length === 0 || (others.length === 1 && others[0] === 1);
}

function rowsOf({ rows, columns, data }: Matrix): Vector[] {
  return Array.from({ length: rows }, (_, i) => row(data, i, columns));
}
