/** Tensors from the arrays that programs have at hand. */
import { MismatchError, UsageError } from "../errors.ts";
import type { Dtype } from "../ir/dtype.ts";
import { decodeElements, type NumericDtype } from "../ir/elements.ts";
import { type Shape, sizeOf } from "../ir/shape.ts";
import { type NumericArray, type Tensor, tensor } from "../ir/tensor.ts";

type AnyTypedArray =
  | NumericArray
  | BigInt64Array
  | BigUint64Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8ClampedArray;

/** Numbers in lists of lists, one level an axis. */
export type NumberList = readonly number[] | readonly NumberList[];

/**
 * An array as callers may give it: a tensor; data with a shape; a typed array of one number a row; lists of numbers.
 * A list of integers alone is int64, others float64.
 */
export type ArrayLike = Tensor | { readonly data: AnyTypedArray; readonly shape: Shape } | AnyTypedArray | NumberList;

const dtypeOfArray: ReadonlyMap<string, NumericDtype> = new Map([
  ["Float64Array", "float64"],
  ["Float32Array", "float32"],
  ["BigInt64Array", "int64"],
  ["BigUint64Array", "uint64"],
  ["Int32Array", "int32"],
  ["Uint32Array", "uint32"],
  ["Int16Array", "int16"],
  ["Uint16Array", "uint16"],
  ["Int8Array", "int8"],
  ["Uint8Array", "uint8"],
  ["Uint8ClampedArray", "uint8"],
]);

/**
 * The tensor. Its data are a view of the array where we hold that type as it is; do not write to the array afterwards.
 *
 * @throws {MismatchError} if the data do not fill the shape, or lists of one level differ in length.
 * @throws {UsageError} if the value is no array of numbers.
 */
export function arrayTensor(value: ArrayLike, at = "array"): Tensor {
  if (Array.isArray(value)) return listTensor(value as NumberList, at);
  if (ArrayBuffer.isView(value)) return typedTensor(value as AnyTypedArray, [(value as AnyTypedArray).length], at);
  const { data, shape, dtype } = (value ?? {}) as { data?: unknown; shape?: unknown; dtype?: Dtype };
  if (!ArrayBuffer.isView(data) || !Array.isArray(shape)) {
    throw new UsageError("Cannot use a value as an array of numbers as it is none", {
      at,
      expected: "a tensor, { data, shape }, a typed array, or lists of numbers",
      found: value === null ? "null" : typeof value,
    });
  }
  return dtype === undefined
    ? typedTensor(data as AnyTypedArray, shape as Shape, at)
    : tensor(dtype, shape as Shape, data as NumericArray);
}

function typedTensor(array: AnyTypedArray, shape: Shape, at: string): Tensor {
  const dtype = dtypeOfArray.get(Object.prototype.toString.call(array).slice("[object ".length, -1));
  if (dtype === undefined)
    throw new UsageError("Cannot use a value as an array of numbers as its type holds none", { at });
  if (array.length !== sizeOf(shape)) {
    throw new MismatchError("Cannot use an array as its data do not fill its shape", {
      at,
      expected: `${sizeOf(shape)} elements for [${shape.join(", ")}]`,
      found: array.length,
    });
  }
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  return { dtype, shape, data: decodeElements(dtype, bytes, array.length, { at }) };
}

function listTensor(list: NumberList, at: string): Tensor {
  const shape = shapeOfList(list);
  const numbers: unknown[] = (list as unknown[]).flat(Number.POSITIVE_INFINITY);
  const ragged = numbers.length !== sizeOf(shape) || !isRegular(list, shape);
  if (ragged)
    throw new MismatchError("Cannot use lists as an array as those of one level differ in length", {
      at,
      expected: `[${shape.join(", ")}]`,
    });
  const odd = numbers.find((x) => typeof x !== "number");
  if (odd !== undefined)
    throw new UsageError("Cannot use lists as an array as an entry is not a number", { at, found: String(odd) });
  const data = Float64Array.from(numbers as number[]);
  return { dtype: data.every((x) => Number.isSafeInteger(x)) ? "int64" : "float64", shape, data };
}

function shapeOfList(list: unknown): number[] {
  return Array.isArray(list) ? [list.length, ...shapeOfList((list as unknown[])[0])] : [];
}

function isRegular(list: unknown, [length, ...inner]: readonly number[]): boolean {
  if (length === undefined) return !Array.isArray(list);
  return Array.isArray(list) && list.length === length && list.every((entry) => isRegular(entry, inner));
}
