/** Operators as numbers: the dense matrix, its diagonal, single entries. */
import { UsageError } from "../errors.ts";
import type { LinearOperator, Vector } from "./linearOperator.ts";

/** Rows of unit vectors that one product is asked for. */
const rowsAtOnce = 16;

/** `[rows, columns]` row-major. Cost: as many products as the smaller side has entries. */
export async function toDense(
  op: LinearOperator,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<Float64Array> {
  const known = await op.exact?.dense?.();
  if (known) return known;
  const [rows, columns] = op.shape;
  const wide = rows < columns && !op.structure.selfAdjoint;
  const dense = new Float64Array(rows * columns);
  // A's columns are products with unit vectors; a wide A is had faster by its rows, from its adjoint.
  await forEachUnit(wide ? op.adjoint() : op, signal, (j, column) => {
    column.forEach((x, i) => {
      dense[wide ? j * columns + i : i * columns + j] = x;
    });
  });
  return dense;
}

/** The diagonal of a square operator: exact where it knows it, else by unit vectors. */
export async function diagonalOf(
  op: LinearOperator,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<Vector> {
  const known = await op.exact?.diagonal?.();
  if (known) return known;
  const [rows, columns] = op.shape;
  if (rows !== columns)
    throw new UsageError(`Cannot take the diagonal of ${op.name} as it is not square`, {
      found: `${rows} × ${columns}`,
    });
  const diagonal = new Float64Array(rows);
  await forEachUnit(op, signal, (j, column) => {
    diagonal[j] = column[j]!;
  });
  return diagonal;
}

/** A[i, j]. Cost: one product. */
export async function entryOf(op: LinearOperator, i: number, j: number): Promise<number> {
  const [rows, columns] = op.shape;
  if (!(i >= 0 && i < rows && j >= 0 && j < columns && Number.isInteger(i) && Number.isInteger(j))) {
    throw new UsageError(`Cannot read an entry of ${op.name} as it lies outside`, {
      expected: `0 to ${rows - 1}, 0 to ${columns - 1}`,
      found: `${i}, ${j}`,
    });
  }
  const unit = new Float64Array(columns);
  unit[j] = 1;
  return (await op.apply(unit))[i]!;
}

async function forEachUnit(
  op: LinearOperator,
  signal: AbortSignal | undefined,
  take: (j: number, column: Vector) => void,
): Promise<void> {
  const [rows, columns] = op.shape;
  for (let start = 0; start < columns; start += rowsAtOnce) {
    signal?.throwIfAborted();
    const k = Math.min(rowsAtOnce, columns - start);
    const units = new Float64Array(k * columns);
    for (let i = 0; i < k; i++) units[i * columns + start + i] = 1;
    const products = await op.apply(units, { k, ...(signal ? { signal } : {}) });
    for (let i = 0; i < k; i++) take(start + i, products.subarray(i * rows, (i + 1) * rows));
  }
}
