/**
 * Dense matrices in float64, row by row in one flat array.
 *
 *     entry (i, j) of [rows, columns]  =  data[i · columns + j]
 *
 * Functions return new matrices and never write to their arguments. Factorisations live in files of their own
 * (cholesky.ts, qr.ts, svd.ts, eigh.ts).
 */
import { MismatchError, UsageError } from "../errors.ts";
import { type DenseOptions, type KernelAnswer, type KernelCall, runKernel, runKernelSync } from "./kernel.ts";

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  /** Row-major, rows · columns entries. */
  readonly data: Float64Array;
}

/** A matrix around `data`, which is not copied. */
export function matrix(rows: number, columns: number, data: Float64Array = new Float64Array(rows * columns)): Matrix {
  if (data.length !== rows * columns) {
    throw new MismatchError("Cannot make a matrix as the number of entries is not rows · columns", {
      expected: rows * columns,
      found: data.length,
    });
  }
  return { rows, columns, data };
}

/** From nested rows, for small literals. */
export function fromRows(rows: readonly (readonly number[])[]): Matrix {
  const columns = rows[0]?.length ?? 0;
  if (rows.some((r) => r.length !== columns))
    throw new MismatchError("Cannot make a matrix as its rows differ in length");
  return matrix(rows.length, columns, Float64Array.from(rows.flat()));
}

export function identity(n: number): Matrix {
  return diagonalMatrix(new Float64Array(n).fill(1));
}

/** diag(d) */
export function diagonalMatrix(d: Float64Array): Matrix {
  const m = matrix(d.length, d.length);
  for (let i = 0; i < d.length; i++) m.data[i * d.length + i] = d[i]!;
  return m;
}

/** The diagonal of M, min(rows, columns) entries. */
export function diagonalOf(m: Matrix): Float64Array {
  return Float64Array.from({ length: Math.min(m.rows, m.columns) }, (_, i) => m.data[i * m.columns + i]!);
}

/** Mᵀ, in tiles so that both sides stay in cache. */
export function transpose(m: Matrix): Matrix {
  const { rows, columns, data } = m;
  const result = new Float64Array(data.length);
  const tile = 16;
  for (let i0 = 0; i0 < rows; i0 += tile) {
    for (let j0 = 0; j0 < columns; j0 += tile) {
      for (let i = i0; i < Math.min(i0 + tile, rows); i++) {
        for (let j = j0; j < Math.min(j0 + tile, columns); j++) result[j * rows + i] = data[i * columns + j]!;
      }
    }
  }
  return { rows: columns, columns: rows, data: result };
}

/** M v */
export function matvec(m: Matrix, v: Float64Array): Float64Array {
  requireInner(m.columns, v.length, "a matrix and a vector");
  const result = new Float64Array(m.rows);
  for (let i = 0, at = 0; i < m.rows; i++) {
    let sum = 0;
    for (let j = 0; j < m.columns; j++, at++) sum += m.data[at]! * v[j]!;
    result[i] = sum;
  }
  return result;
}

/** Work, in multiplications, from which a kernel is faster than a loop here with its copies. */
const kernelPays = 4096;

/** A B, with A [m, k] and B [k, n]; either is read transposed if so said, without a copy. */
export function matmul(a: Matrix, b: Matrix, flip: Flip = {}): Matrix {
  const call = multiplyCall(a, b, flip);
  const [m, n, k] = call.sizes as [number, number, number];
  if (m * n * k >= kernelPays) return { rows: m, columns: n, data: runKernelSync(call).results[0]! };
  return smallProduct(flip.a ? transpose(a) : a, flip.b ? transpose(b) : b);
}

/** Which factor of a product is meant transposed. */
export interface Flip {
  readonly a?: boolean;
  readonly b?: boolean;
}

/** The same product, on a worker where it would take long. */
export async function matmulAside(
  a: Matrix,
  b: Matrix,
  { flip = {}, ...options }: DenseOptions & { readonly flip?: Flip } = {},
): Promise<Matrix> {
  const call = multiplyCall(a, b, flip);
  const [m, n, k] = call.sizes as [number, number, number];
  const { results } = await runKernel(call, 2 * m * n * k, options);
  return { rows: m, columns: n, data: results[0]! };
}

/** Whose inner products a Gram matrix holds. */
export interface GramOf {
  readonly of: "columns" | "rows";
}

/** XᵀX for X [n, d], or X Xᵀ of its rows: symmetric to the last bit, at half the cost of the product. */
export function gram(x: Matrix, { of }: GramOf): Matrix {
  const call = gramCall(x, of);
  return gramFrom(call, runKernelSync(call));
}

/** The same matrix, on a worker where it would take long. */
export async function gramAside(x: Matrix, { of, ...options }: DenseOptions & GramOf): Promise<Matrix> {
  const call = gramCall(x, of);
  const [side, length] = call.sizes as [number, number];
  return gramFrom(call, await runKernel(call, side * side * length, options));
}

function gramCall(x: Matrix, of: GramOf["of"]): KernelCall {
  const side = of === "rows" ? x.rows : x.columns;
  const length = of === "rows" ? x.columns : x.rows;
  const sizes = [side, length, of === "rows" ? 1 : 0];
  return { kernel: "gram", sizes, arrays: [{ input: x.data }, { result: side * side }] };
}

function gramFrom({ sizes }: KernelCall, { results }: KernelAnswer): Matrix {
  return { rows: sizes[0]!, columns: sizes[0]!, data: results[0]! };
}

function multiplyCall(a: Matrix, b: Matrix, flip: Flip): KernelCall {
  const [m, k] = flip.a ? [a.columns, a.rows] : [a.rows, a.columns];
  const [inner, n] = flip.b ? [b.columns, b.rows] : [b.rows, b.columns];
  requireInner(k, inner, "two matrices");
  return {
    kernel: "multiply",
    sizes: [m, n, k, flip.a ? 1 : 0, flip.b ? 1 : 0],
    arrays: [{ input: a.data }, { input: b.data }, { result: m * n }],
  };
}

function smallProduct(a: Matrix, b: Matrix): Matrix {
  const result = matrix(a.rows, b.columns);
  for (let i = 0; i < a.rows; i++) {
    const to = result.data.subarray(i * b.columns, (i + 1) * b.columns);
    for (let k = 0; k < a.columns; k++) {
      const aik = a.data[i * a.columns + k]!;
      const from = k * b.columns;
      for (let j = 0; j < to.length; j++) to[j]! += aik * b.data[from + j]!;
    }
  }
  return result;
}

/** s M */
export function scale(s: number, m: Matrix): Matrix {
  return { ...m, data: m.data.map((x) => s * x) };
}

/** A + B */
export function add(a: Matrix, b: Matrix): Matrix {
  requireSame(a, b);
  return { ...a, data: a.data.map((x, i) => x + b.data[i]!) };
}

/** A − B */
export function subtract(a: Matrix, b: Matrix): Matrix {
  return add(a, scale(-1, b));
}

/** A + δ I */
export function plusDiagonal(m: Matrix, delta: number): Matrix {
  requireSquare(m);
  const data = m.data.slice();
  for (let i = 0; i < m.rows; i++) data[i * m.columns + i]! += delta;
  return { ...m, data };
}

/** ½ (A + Aᵀ) */
export function symmetrize(m: Matrix): Matrix {
  requireSquare(m);
  const mirrored = transpose(m).data;
  return { ...m, data: m.data.map((x, i) => 0.5 * (x + mirrored[i]!)) };
}

/** diag(s) A: row i times s_i. */
export function scaleRows(s: Float64Array, m: Matrix): Matrix {
  requireInner(m.rows, s.length, "a diagonal and a matrix");
  return { ...m, data: m.data.map((x, at) => s[Math.floor(at / m.columns)]! * x) };
}

/** A diag(s): column j times s_j. */
export function scaleColumns(m: Matrix, s: Float64Array): Matrix {
  requireInner(m.columns, s.length, "a matrix and a diagonal");
  return { ...m, data: m.data.map((x, at) => x * s[at % m.columns]!) };
}

/** The columns from `start` up to, but without, `end`. */
export function columnsOf(m: Matrix, start: number, end: number): Matrix {
  const result = matrix(m.rows, end - start);
  for (let i = 0; i < m.rows; i++) {
    result.data.set(m.data.subarray(i * m.columns + start, i * m.columns + end), i * result.columns);
  }
  return result;
}

/** Σ Aᵢᵢ */
export function trace(m: Matrix): number {
  requireSquare(m);
  return diagonalOf(m).reduce((sum, x) => sum + x, 0);
}

/** ‖A‖_F */
export function frobeniusNorm(m: Matrix): number {
  const largest = m.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  return largest * Math.sqrt(m.data.reduce((sum, x) => sum + (x / largest) ** 2, 0));
}

/** @throws {MismatchError} unless A is square. */
export function requireSquare(m: Matrix): void {
  if (m.rows !== m.columns) {
    throw new MismatchError("Cannot treat a matrix as square as its sides differ", {
      found: `${m.rows} × ${m.columns}`,
    });
  }
}

/** @throws {UsageError} if an entry is NaN or infinite; the error names the first. */
export function requireFinite(m: Matrix, action: string): void {
  const at = m.data.findIndex((x) => !Number.isFinite(x));
  if (at < 0) return;
  throw new UsageError(`Cannot ${action} as an entry is not finite`, {
    at: `row ${Math.floor(at / m.columns)}, column ${at % m.columns}`,
    found: m.data[at]!,
  });
}

function requireSame(a: Matrix, b: Matrix): void {
  if (a.rows !== b.rows || a.columns !== b.columns) {
    throw new MismatchError("Cannot add two matrices as their shapes differ", {
      expected: `${a.rows} × ${a.columns}`,
      found: `${b.rows} × ${b.columns}`,
    });
  }
}

function requireInner(expected: number, found: number, what: string): void {
  if (expected !== found)
    throw new MismatchError(`Cannot multiply ${what} as the inner sizes differ`, { expected, found });
}
