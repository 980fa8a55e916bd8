/**
 * Matrix products.
 *
 *     Y[…, m, n] = Σₖ A[…, m, k] B[…, k, n]        batch axes broadcast
 */
import { type Shape, sizeOf, stridesOf } from "../../ir/shape.ts";
import type { NumericArray } from "../../ir/tensor.ts";
import type { Kernels } from "./kernel.ts";
import { allocate, settle } from "./storage.ts";
import { offsetsOf } from "./strided.ts";

export const matmulKernels: Kernels<"MatMul"> = {
  MatMul: ([a, b], _, out) => {
    const [rows, inner, columns] = [a!.shape.at(-2)!, a!.shape.at(-1)!, b!.shape.at(-1)!];
    const batch = out.shape.slice(0, -2);
    const lefts = matrixOffsets(a!.shape, batch);
    const rights = matrixOffsets(b!.shape, batch);
    const y = allocate(out.dtype, sizeOf(out.shape));
    for (let i = 0; i < lefts.length; i++) {
      const [left, right] = [a!.data.subarray(lefts[i]), b!.data.subarray(rights[i])];
      multiply(left, right, y.subarray(i * rows * columns), rows, inner, columns);
    }
    return settle(out.dtype, y);
  },
};

/** Where the operand's matrix for each index of the result's batch begins. */
function matrixOffsets(shape: Shape, batch: Shape): Int32Array {
  const added = batch.length - (shape.length - 2);
  const own = stridesOf(shape);
  return offsetsOf(
    batch,
    batch.map((_, axis) => (axis < added || shape[axis - added] === 1 ? 0 : own[axis - added]!)),
  );
}

/** y[m, n] += Σₖ a[m, k] b[k, n], by rows of b: unit strides inside, whatever the shapes. */
function multiply(
  a: NumericArray,
  b: NumericArray,
  y: NumericArray,
  rows: number,
  inner: number,
  columns: number,
): void {
  const blocked = inner - (inner % 4);
  for (let m = 0; m < rows; m++) {
    const [row, left] = [m * columns, m * inner];
    for (let k = 0; k < blocked; k += 4) addFourRows(y, row, a, left + k, b, k * columns, columns);
    for (let k = blocked; k < inner; k++) addRow(y, row, a[left + k]!, b, k * columns, columns);
  }
}

function addRow(y: NumericArray, row: number, scale: number, b: NumericArray, from: number, columns: number): void {
  for (let n = 0; n < columns; n++) y[row + n]! += scale * b[from + n]!;
}

/** Four rows of b at once, which spares three quarters of the reads and writes of y. */
function addFourRows(
  y: NumericArray,
  row: number,
  a: NumericArray,
  left: number,
  b: NumericArray,
  first: number,
  columns: number,
): void {
  const [s0, s1, s2, s3] = [a[left]!, a[left + 1]!, a[left + 2]!, a[left + 3]!];
  const [second, third, fourth] = [first + columns, first + 2 * columns, first + 3 * columns];
  for (let n = 0; n < columns; n++) {
    y[row + n]! += s0 * b[first + n]! + s1 * b[second + n]! + s2 * b[third + n]! + s3 * b[fourth + n]!;
  }
}
