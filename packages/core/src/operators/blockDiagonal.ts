/** A ⊕ B ⊕ …: blocks along the diagonal, zeros elsewhere. What the blocks know, the whole knows. */

import { UsageError } from "../errors.ts";
import { sum } from "../linalg/vector.ts";
import type { ApplyOptions, LinearOperator, Vector } from "./linearOperator.ts";
import { bracketed, type Facts, fromAll, makeOperator } from "./makeOperator.ts";

export interface BlockDiagonal extends LinearOperator {
  readonly blocks: readonly LinearOperator[];
}

/** @throws {UsageError} if there is no block. */
export function blockDiagonal(blocks: readonly LinearOperator[], name?: string): BlockDiagonal {
  if (blocks.length === 0) throw new UsageError("Cannot make a block-diagonal operator as there are no blocks");
  const rows = total(blocks.map(({ shape }) => shape[0]));
  const columns = total(blocks.map(({ shape }) => shape[1]));
  const operator = makeOperator({
    name: name ?? nameOf(blocks),
    shape: [rows, columns],
    structure: {
      selfAdjoint: blocks.every(({ structure }) => structure.selfAdjoint),
      positiveSemidefinite: blocks.every(({ structure }) => structure.positiveSemidefinite),
      ...(blocks.every(({ structure }) => structure.orthonormalColumns) && { orthonormalColumns: true }),
      ...(blocks.every(({ structure }) => structure.selects) && { selects: true }),
    },
    multiply: (v, k, options) => blockwise(blocks, v, k, options),
    multiplyTransposed: (v, k, options) =>
      blockwise(
        blocks.map((block) => block.adjoint()),
        v,
        k,
        options,
      ),
    exact: blocks.every(({ shape }) => shape[0] === shape[1]) ? factsOf(blocks) : {},
  });
  return Object.assign(operator, { blocks });
}

function nameOf(blocks: readonly LinearOperator[]): string {
  const names = blocks.slice(0, 3).map(({ name }) => bracketed(name));
  return names.join(" ⊕ ") + (blocks.length > 3 ? ` ⊕ … (${blocks.length} blocks)` : "");
}

async function blockwise(
  blocks: readonly LinearOperator[],
  v: Vector,
  k: number,
  options: ApplyOptions,
): Promise<Vector> {
  const rows = total(blocks.map(({ shape }) => shape[0]));
  const columns = total(blocks.map(({ shape }) => shape[1]));
  const result = new Float64Array(k * rows);
  let [from, to] = [0, 0];
  for (const block of blocks) {
    const [height, width] = block.shape;
    const part = await block.apply(takeColumns(v, k, columns, from, width), options);
    for (let i = 0; i < k; i++) result.set(part.subarray(i * height, (i + 1) * height), i * rows + to);
    from += width;
    to += height;
  }
  return result;
}

/** Columns `from … from + width` of k rows of `columns` entries. */
function takeColumns(v: Vector, k: number, columns: number, from: number, width: number): Vector {
  const taken = new Float64Array(k * width);
  for (let i = 0; i < k; i++) taken.set(v.subarray(i * columns + from, i * columns + from + width), i * width);
  return taken;
}

function factsOf(blocks: readonly LinearOperator[]): Facts {
  return {
    trace: fromAll(
      blocks,
      (e) => e.trace?.bind(e),
      (all) => () => summed(all.map((fact) => fact())),
    ),
    squaredFrobeniusNorm: fromAll(
      blocks,
      (e) => e.squaredFrobeniusNorm?.bind(e),
      (all) => () => summed(all.map((fact) => fact())),
    ),
    logDeterminant: fromAll(
      blocks,
      (e) => e.logDeterminant?.bind(e),
      (all) => (damping) => summed(all.map((fact) => fact(damping))),
    ),
    diagonal: fromAll(
      blocks,
      (e) => e.diagonal?.bind(e),
      (all) => () => joined(all.map((fact) => fact())),
    ),
    eigenvalues: fromAll(
      blocks,
      (e) => e.eigenvalues?.bind(e),
      (all) => () => joined(all.map((fact) => fact())),
    ),
    inverse: fromAll(
      blocks,
      (e) => e.inverse?.bind(e),
      (all) => async (damping, rule) => blockDiagonal(await Promise.all(all.map((fact) => fact(damping, rule)))),
    ),
    power: fromAll(
      blocks,
      (e) => e.power?.bind(e),
      (all) => async (power, damping) => blockDiagonal(await Promise.all(all.map((fact) => fact(power, damping)))),
    ),
  };
}

async function summed(numbers: readonly (number | Promise<number>)[]): Promise<number> {
  return sum(Float64Array.from(await Promise.all(numbers)));
}

async function joined(vectors: readonly (Vector | Promise<Vector>)[]): Promise<Vector> {
  const all = await Promise.all(vectors);
  const result = new Float64Array(total(all.map(({ length }) => length)));
  let at = 0;
  for (const vector of all) {
    result.set(vector, at);
    at += vector.length;
  }
  return result;
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, x) => sum + x, 0);
}
