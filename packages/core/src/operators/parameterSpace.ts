/**
 * The space that vectors live in: parameters in the order of the model's initializers, each row-major, concatenated.
 *
 * See docs/maths/vec.md.
 */

import type { Pieces } from "../engine/engine.ts";
import { MismatchError } from "../errors.ts";
import type { Dtype } from "../ir/dtype.ts";
import { type Shape, sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Vector } from "./linearOperator.ts";

export interface Parameter {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: Dtype;
  /** First entry in the flat vector. */
  readonly offset: number;
  readonly size: number;
}

export interface ParameterSpace {
  readonly parameters: readonly Parameter[];
  /** P, the length of a vector. */
  readonly size: number;
}

/** The space of these tensors, in this order. */
export function parameterSpace(
  list: readonly { readonly name: string; readonly shape: Shape; readonly dtype: Dtype }[],
): ParameterSpace {
  let offset = 0;
  const parameters = list.map(({ name, shape, dtype }) => {
    const parameter = { name, shape, dtype, offset, size: sizeOf(shape) };
    offset += parameter.size;
    return parameter;
  });
  return { parameters, size: offset };
}

/** @throws {MismatchError} unless `v` holds `k` vectors of the space. */
export function requireVectors(space: ParameterSpace, v: Vector, k: number, what: string): void {
  if (v.length === k * space.size) return;
  throw new MismatchError(`Cannot apply the ${what} as the vector's length is not the parameters'`, {
    expected: k === 1 ? space.size : `${k} × ${space.size} = ${k * space.size}`,
    found: v.length,
    try: `concatenate in the order ${namesOf(space)}`,
  });
}

function namesOf({ parameters }: ParameterSpace): string {
  const names = parameters.slice(0, 4).map((p) => p.name);
  return names.join(", ") + (parameters.length > names.length ? `, … (${parameters.length} parameters)` : "");
}

/**
 * The parameters' parts of a vector, `[…shape]` each; with `stacked`, of all rows of `v`, `[rows, …shape]` each. Rows that `v`
 * lacks (a last chunk) are zero. Nothing is copied here.
 */
export function splitVectors(space: ParameterSpace, v: Vector, rows: number, stacked: boolean): Pieces[] {
  return space.parameters.map(({ shape, dtype, offset, size }) => {
    const starts = Array.from({ length: v.length / space.size }, (_, row) => row * space.size + offset);
    const pieces = starts.map((start) => v.subarray(start, start + size));
    return { dtype, shape: stacked ? [rows, ...shape] : shape, pieces };
  });
}

/** out[row] += factor · concat(tensors[row]) for each of `rows` rows. */
export function addVectors(
  space: ParameterSpace,
  out: Vector,
  tensors: readonly Tensor[],
  rows: number,
  factor: number,
): void {
  space.parameters.forEach(({ offset, size }, i) => {
    const { data } = tensors[i]!;
    for (let row = 0; row < rows; row++) {
      const to = row * space.size + offset;
      const from = row * size;
      for (let j = 0; j < size; j++) out[to + j]! += factor * data[from + j]!;
    }
  });
}

/** The parameters' values as one vector. */
export function flatten(space: ParameterSpace, values: readonly Tensor[]): Vector {
  const out = new Float64Array(space.size);
  addVectors(space, out, values, 1, 1);
  return out;
}
