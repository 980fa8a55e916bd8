/**
 * An operator by its eigendecomposition: every function of it is exact.
 *
 *     A = Q diag(λ) Qᵀ + ρ (I − Q Qᵀ),      f(A) = Q diag(f(λ)) Qᵀ + f(ρ) (I − Q Qᵀ)
 *
 * Q [n, r] has orthonormal columns, dense or Q_A ⊗ Q_B (the block that EKFAC stores for one layer); where r < n, ρ is the
 * eigenvalue of all that Q leaves out, 0 for a matrix of low rank.
 *
 * Source: George et al. (2018), Fast approximate natural gradient descent in a Kronecker-factored eigenbasis,
 * arXiv:1806.03884.
 */
import { MismatchError } from "../errors.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { dot, sum } from "../linalg/vector.ts";
import {
  type ExactFacts,
  type LinearOperator,
  positiveSemidefinite,
  selfAdjoint,
  type Vector,
} from "./linearOperator.ts";
import { makeOperator } from "./makeOperator.ts";
import { denseColumns, kroneckerColumns, type OrthonormalColumns } from "./orthonormalColumns.ts";
import { logAbsSum, raised } from "./spectrum.ts";

export interface EigenOperatorParts {
  /** λ, one a column of Q; for Q_A ⊗ Q_B row by row of [columns of Q_A, columns of Q_B]. Not copied. */
  readonly values: Vector;
  /** Q, or its Kronecker factors; orthonormal columns, not checked. Not copied. */
  readonly vectors: Matrix | { readonly a: Matrix; readonly b: Matrix };
  /** ρ, 0 unless said; without effect for square Q. */
  readonly rest?: number;
  readonly name?: string;
}

/** An operator that knows everything about itself. */
export interface EigenOperator extends LinearOperator {
  readonly values: Vector;
  readonly rest: number;
  readonly exact: Required<Omit<ExactFacts, "scalar" | "dense">>;
}

/** @throws {MismatchError} unless there is one value a column. */
export function eigenOperator({
  values,
  vectors,
  rest = 0,
  name = "eigendecomposition",
}: EigenOperatorParts): EigenOperator {
  const q = "data" in vectors ? denseColumns(vectors) : kroneckerColumns(vectors.a, vectors.b);
  if (values.length !== q.columns) {
    throw new MismatchError("Cannot make an operator of eigenpairs as there is not one value a vector", {
      expected: q.columns,
      found: values.length,
    });
  }
  return fromColumns(q, values, q.columns < q.rows ? rest : 0, name);
}

function fromColumns(q: OrthonormalColumns, values: Vector, rest: number, name: string): EigenOperator {
  const n = q.rows;
  const others = n - q.columns;
  const map = (power: number, damping: number): LinearOperator =>
    fromColumns(
      q,
      raised(values, power, damping, name),
      others === 0 ? 0 : (raised(Float64Array.of(rest), power, damping, name)[0] ?? 0),
      power === -1 ? `${name}⁻¹` : `${name}^${power}`,
    );
  const all = (): Vector => {
    const list = new Float64Array(n).fill(rest);
    list.set(values);
    return list;
  };
  const above = values.map((value) => value - rest);
  const exact: EigenOperator["exact"] = {
    trace: () => sum(values) + rest * others,
    diagonal: async () => (await q.squaredTimes(above)).map((x) => x + rest),
    squaredFrobeniusNorm: () => dot(values, values) + rest * rest * others,
    logDeterminant: (damping) =>
      logAbsSum(values, damping) + (others === 0 ? 0 : others * Math.log(Math.abs(rest + damping))),
    inverse: (damping) => map(-1, damping),
    power: map,
    eigenvalues: all,
  };
  const operator = makeOperator({
    name,
    shape: [n, n],
    structure: rest >= 0 && values.every((value) => value >= 0) ? positiveSemidefinite : selfAdjoint,
    async multiply(v, k) {
      const turned = await q.back(v, k);
      const scaled = turned.map((x, at) => x * (above[at % above.length] ?? 0));
      const result = await q.forward(scaled, k);
      return rest === 0 ? result : result.map((x, at) => x + rest * (v[at] ?? 0));
    },
    exact,
  });
  return Object.assign(operator, { values, rest, exact });
}
