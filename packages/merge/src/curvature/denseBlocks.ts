/**
 * Exact curvatures as matrices: one of all entries (GGN), or one a layer (block-diagonal). So they can be kept without data.
 *
 * A symmetric matrix is its lower triangle, row by row: A_ij, j ≤ i, at i(i + 1)/2 + j.
 */
import { type LinearOperator, positiveSemidefinite, UsageError } from "@hessonite/core";

export interface DenseBlock {
  /** Entries of θ that it is of. */
  readonly index: Int32Array;
  /** n(n + 1)/2 entries. */
  readonly lower: Float64Array;
}

/** Entries of θ by the number of their block. */
export function groupsOf(numbers: Int32Array): Int32Array[] {
  return [...new Set(numbers)].map((number) => {
    const own: number[] = [];
    for (const [at, other] of numbers.entries()) if (other === number) own.push(at);
    return Int32Array.from(own);
  });
}

export interface DenseOptions {
  /** Bytes that the matrices may take; 1 GiB unless said. */
  readonly memory?: number;
  readonly signal?: AbortSignal;
}

/** Columns of a product that is asked for. */
const atOnce = 16;

/**
 * The matrices of an operator that has no entries between groups. Products of all groups share their columns, so that there
 * are as many as the largest group has entries.
 *
 * @throws {UsageError} if they would take more than the memory.
 */
export async function denseBlocks(
  metric: LinearOperator,
  groups: readonly Int32Array[],
  { memory = 2 ** 30, signal }: DenseOptions = {},
): Promise<DenseBlock[]> {
  requireRoom(groups, memory);
  const size = metric.shape[0];
  const blocks = groups.map((index) => ({ index, lower: new Float64Array(triangle(index.length)) }));
  const columns = Math.max(...groups.map(({ length }) => length));
  for (let first = 0; first < columns; first += atOnce) {
    const k = Math.min(atOnce, columns - first);
    const units = new Float64Array(k * size);
    for (const { index } of blocks)
      for (let c = 0; c < k && first + c < index.length; c++) units[c * size + (index[first + c] ?? 0)] = 1;
    const products = await metric.apply(units, { k, ...(signal ? { signal } : {}) });
    for (const block of blocks)
      for (let c = 0; c < k; c++) addColumn(block, first + c, products.subarray(c * size, (c + 1) * size));
  }
  return blocks;
}

/** Half of each entry off the diagonal from its column, half from its row: the matrix is symmetric to the last bit. */
function addColumn({ index, lower }: DenseBlock, j: number, column: Float64Array): void {
  if (j >= index.length) return;
  for (const [i, at] of index.entries()) {
    const entry = column[at] ?? 0;
    const place = i >= j ? triangle(i) + j : triangle(j) + i;
    lower[place] = (lower[place] ?? 0) + (i === j ? entry : entry / 2);
  }
}

function triangle(n: number): number {
  return (n * (n + 1)) / 2;
}

function requireRoom(groups: readonly Int32Array[], memory: number): void {
  const bytes = 8 * groups.reduce((sum, { length }) => sum + triangle(length), 0);
  if (bytes <= memory) return;
  const mebibytes = (amount: number): string => `${Math.ceil(amount / 2 ** 20)} MiB`;
  throw new UsageError("Cannot keep an exact curvature as its matrix is larger than the memory", {
    expected: `at most ${mebibytes(memory)}`,
    found: mebibytes(bytes),
    try: "kfac or ekfac, or more memory",
  });
}

/** The blocks as an operator; zero between them. */
export function denseMetric(blocks: readonly DenseBlock[], size: number): LinearOperator {
  const self: LinearOperator = {
    name: "exact curvature",
    shape: [size, size],
    structure: positiveSemidefinite,
    adjoint: () => self,
    async apply(v, { k = 1, signal } = {}) {
      const out = new Float64Array(k * size);
      for (let row = 0; row < k; row++) {
        signal?.throwIfAborted();
        const [from, to] = [row * size, (row + 1) * size];
        for (const block of blocks) multiply(block, v.subarray(from, to), out.subarray(from, to));
      }
      return out;
    },
  };
  return self;
}

function multiply({ index, lower }: DenseBlock, v: Float64Array, out: Float64Array): void {
  const own = Float64Array.from(index, (at) => v[at] ?? 0);
  const sums = new Float64Array(own.length);
  for (let i = 0, place = 0; i < own.length; i++) {
    const x = own[i] ?? 0;
    let sum = 0;
    for (let j = 0; j < i; j++, place++) {
      const a = lower[place] ?? 0;
      sum += a * (own[j] ?? 0);
      sums[j] = (sums[j] ?? 0) + a * x;
    }
    sums[i] = (sums[i] ?? 0) + sum + (lower[place++] ?? 0) * x;
  }
  for (const [i, at] of index.entries()) out[at] = sums[i] ?? 0;
}
