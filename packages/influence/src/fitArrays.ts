/** Factors and matrices as arrays by name, and back. */
import {
  type KroneckerFactors,
  type LayerBlocks,
  type Matrix,
  matrix,
  type Problem,
  type Tensor,
  tensor,
  UsageError,
} from "@hessonite/core";
import type { Arrays } from "./fitShards.ts";

const square = ({ rows, columns, data }: Matrix): Tensor => tensor("float64", [rows, columns], data);

/** `g 0`, `a 0`, `g 1`, … ; a table's `a` is its diagonal. */
export function factorArrays({ blocks }: KroneckerFactors): Arrays {
  const tensorOf = (a: Matrix | Float64Array): Tensor =>
    a instanceof Float64Array ? tensor("float64", [a.length], a) : square(a);
  return Object.fromEntries([
    ...blocks.map(({ g }, i) => [`g ${i}`, square(g)] as const),
    ...blocks.flatMap(({ a }, i) => (a ? [[`a ${i}`, tensorOf(a)] as const] : [])),
  ]);
}

/** @throws {UsageError} if the arrays are of other blocks. */
export function factorsOf(
  { survey, loss }: Problem,
  { blocks, request }: LayerBlocks,
  arrays: Arrays,
): KroneckerFactors {
  return {
    request,
    rows: survey.weightedRows,
    count: survey.count,
    reduction: loss.reduction,
    blocks: blocks.map((block, i) => {
      const g = matrixIn(arrays, `g ${i}`);
      if (g.rows !== block.out) throw otherModel(block.name, `[${g.rows}, ${g.columns}]`);
      const a = arrays[`a ${i}`];
      if (!a) return { ...block, g };
      return { ...block, g, a: a.shape.length === 1 ? new Float64Array(a.data) : matrixIn(arrays, `a ${i}`) };
    }),
  };
}

/** `0`, `1`, … */
export function matrixArrays(list: readonly Matrix[]): Arrays {
  return Object.fromEntries(list.map((m, i) => [String(i), square(m)]));
}

export function matricesOf(arrays: Arrays): Matrix[] {
  return Object.keys(arrays).map((_, i) => matrixIn(arrays, String(i)));
}

function matrixIn(arrays: Arrays, name: string): Matrix {
  const value = arrays[name];
  if (!value) throw otherModel(name, Object.keys(arrays).slice(0, 4).join(", "));
  const [rows, columns] = value.shape as [number, number];
  return matrix(rows, columns, new Float64Array(value.data));
}

const otherModel = (expected: string, found: string): UsageError =>
  new UsageError("Cannot use the kept factors as they are of another model", { expected, found });
