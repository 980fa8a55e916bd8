/** What an operator promises of its products, against its dense matrix. */
import { MismatchError } from "../errors.ts";
import { type Matrix, matvec } from "../linalg/matrix.ts";
import { row } from "../linalg/vector.ts";
import type { LinearOperator, Vector } from "../operators/linearOperator.ts";
import type { RandomStream } from "../random/random.ts";
import { expectClose } from "./expectClose.ts";
import type { Tolerance } from "./tolerance.ts";

export interface ProductCheck {
  readonly a: LinearOperator;
  readonly dense: Matrix;
  /** What messages call the operator: "A", or "Aᵀ". */
  readonly name: string;
  readonly random: RandomStream;
  readonly tolerance: Tolerance;
}

/** As many rows as kernels that take two or four at a time have some left over from. */
const severalRows = 5;

const exactly: Tolerance = { relative: 0, absolute: 0 };

/** Fails unless products are the matrix's, row by row of K, linear, the caller's own, and refused for wrong lengths. */
export async function checkProducts(check: ProductCheck): Promise<void> {
  const { a, dense, name, random, tolerance } = check;
  const [rows, columns] = a.shape;
  const vectors = Array.from({ length: severalRows }, () => randomVector(columns, random));
  const v = vectors[0]!;
  const given = v.slice();
  const product = await a.apply(v);
  expectClose(v, given, `${name} v leaves v as it was`, exactly);
  expectClose(product, matvec(dense, v), `${name} v is the matrix's product`, tolerance);
  await checkLinearity(check, v, vectors[1]!, product);
  await checkOwnership(a, v, product, name);
  await checkMemory(a, joined(vectors.slice(0, 3)), name);
  await checkRows(check, vectors);
  expectClose(await a.apply(new Float64Array(columns)), new Float64Array(rows), `${name} 0 = 0`, tolerance);
  await rejects(a, new Float64Array(columns + 1), 1, name);
  await rejects(a, new Float64Array(3 * columns - 1), 3, name);
}

async function checkLinearity(
  { a, name, tolerance }: ProductCheck,
  v: Vector,
  u: Vector,
  product: Vector,
): Promise<void> {
  const combined = await a.apply(u.map((x, i) => 2 * x - 3 * v[i]!));
  const expected = (await a.apply(u)).map((x, i) => 2 * x - 3 * product[i]!);
  expectClose(combined, expected, `${name} is linear`, tolerance);
}

/** Rows together, and products that run at the same time. */
async function checkRows({ a, dense, name, tolerance }: ProductCheck, vectors: readonly Vector[]): Promise<void> {
  const block = await a.apply(joined(vectors), { k: vectors.length });
  for (const [i, v] of vectors.entries()) {
    const claim = `row ${i} of ${name}'s product with ${vectors.length} rows is that row's product`;
    expectClose(row(block, i, a.shape[0]), matvec(dense, v), claim, tolerance);
  }
  const together = await Promise.all(vectors.map((v) => a.apply(v)));
  for (const [i, v] of vectors.entries()) {
    expectClose(together[i]!, matvec(dense, v), `${name}'s products do not disturb each other`, tolerance);
  }
}

/** Writing into a result must change neither the input nor a later result. */
async function checkOwnership(a: LinearOperator, v: Vector, product: Vector, name: string): Promise<void> {
  const first = product.slice();
  const given = v.slice();
  const mine = await a.apply(v);
  mine.fill(Number.NaN);
  expectClose(v, given, `the result of ${name} v is not v itself`, exactly);
  expectClose(product, first, `an earlier result of ${name} v stays`, exactly);
  const later = await a.apply(v);
  if (later.some(Number.isNaN))
    throw new Error(`the result of ${name} v is the caller's: writing to it changed a later one`);
}

/** Memory that is given for the result, k · rows entries, may hold anything, and may be too small or v's own. */
async function checkMemory(a: LinearOperator, vectors: Vector, name: string): Promise<void> {
  const product = await a.apply(vectors, { k: 3 });
  const given = vectors.slice();
  const own = vectors.slice();
  for (const out of [product.map((_, i) => (i % 2 === 0 ? Number.NaN : 7)), new Float64Array(1), own]) {
    const v = out === own ? own : vectors;
    expectClose(await a.apply(v, { k: 3, out }), product, `${name} v is the same into memory that is given`, exactly);
    expectClose(v, given, `${name} v leaves v as it was where memory is given`, exactly);
  }
}

async function rejects(a: LinearOperator, v: Vector, k: number, name: string): Promise<void> {
  try {
    await a.apply(v, { k });
  } catch (error) {
    if (error instanceof MismatchError) return;
    throw new Error(`${name} rejects a vector of the wrong length by a MismatchError\n  found     ${String(error)}`);
  }
  throw new Error(`${name} rejects a vector of ${v.length} entries as ${k} × ${a.shape[1]}: it was taken`);
}

function joined(vectors: readonly Vector[]): Vector {
  return Float64Array.from(vectors.flatMap((vector) => Array.from(vector)));
}

/** Uniform in [−1, 1). */
export function randomVector(n: number, random: RandomStream): Vector {
  return Float64Array.from({ length: n }, () => 2 * random.uniform() - 1);
}
