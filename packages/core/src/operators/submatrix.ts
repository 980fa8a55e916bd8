/** A[rows, columns]: some rows and columns of an operator, at the cost of one of its products. */
import { UsageError } from "../errors.ts";
import type { LinearOperator } from "./linearOperator.ts";
import { type Facts, makeOperator } from "./makeOperator.ts";
import { selection } from "./selection.ts";

/**
 * @param rows Indices of rows, in the order wanted, each at most once.
 * @param columns The same; the rows' unless given, which makes a principal submatrix and keeps A's structure.
 * @throws {UsageError} if an index is out of range or comes twice.
 */
export function submatrix(
  a: LinearOperator,
  rows: ArrayLike<number>,
  columns: ArrayLike<number> = rows,
): LinearOperator {
  const [m, n] = a.shape;
  const name = `${a.name}[${rows.length} × ${columns.length}]`;
  const top = selection(rows, m, `the rows of ${name}`);
  const side = selection(columns, n, `the columns of ${name}`);
  const principal = columns === rows && m === n;
  if (rows.length === 0 || columns.length === 0)
    throw new UsageError(`Cannot take a part of ${a.name} as it would be empty`);
  return makeOperator({
    name,
    shape: [rows.length, columns.length],
    structure: {
      selfAdjoint: principal && a.structure.selfAdjoint,
      positiveSemidefinite: principal && a.structure.positiveSemidefinite,
    },
    multiply: async (v, _, options) =>
      top.apply(await a.apply(await side.adjoint().apply(v, options), options), options),
    multiplyTransposed: async (u, _, options) =>
      side.apply(await a.adjoint().apply(await top.adjoint().apply(u, options), options), options),
    exact: principal ? principalFacts(a, top) : {},
  });
}

function principalFacts({ exact = {} }: LinearOperator, chosen: LinearOperator): Facts {
  const { diagonal, scalar } = exact;
  const selected = diagonal && (async () => chosen.apply(await diagonal.call(exact)));
  return {
    diagonal: selected,
    trace: selected && (async () => (await selected()).reduce((sum, x) => sum + x, 0)),
    scalar: scalar?.bind(exact),
  };
}
