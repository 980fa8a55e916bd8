/** An array of the data as batches see it: rows on demand, in the form in which the model takes them. */
import { MismatchError } from "../errors.ts";
import { type Dtype, isFloat } from "../ir/dtype.ts";
import { widenedDtype } from "../ir/elements.ts";
import { type Shape, showShape, sizeOf } from "../ir/shape.ts";
import type { NumericArray, Tensor } from "../ir/tensor.ts";
import { checkFinite, type NonFinite } from "./finite.ts";
import { checkDtype, fittedShape, type InputSpec } from "./inputSpec.ts";
import { factorOf, type Scale } from "./scale.ts";

export interface Column {
  /** For messages: `digits.npz, array "x"`. */
  readonly at: string;
  readonly dtype: Dtype;
  readonly shape: Shape;
  /** Rows [start, end). */
  rows(start: number, end: number): Tensor | Promise<Tensor>;
}

/** Rows [start, end) as a view: no copy. */
export function rowsOf({ dtype, shape, data }: Tensor, start: number, end: number): Tensor {
  const width = sizeOf(shape.slice(1));
  return { dtype, shape: [end - start, ...shape.slice(1)], data: data.subarray(start * width, end * width) };
}

/**
 * A tensor in memory as a column, checked at once.
 *
 * @throws {UsageError} if it holds NaN or an infinity; {MismatchError} if it has no axis that counts rows.
 */
export function columnOf(tensor: Tensor, at: string, nonFinite: NonFinite = "error"): Column {
  checkRows(tensor.shape, at);
  if (nonFinite === "error") checkFinite(tensor, at);
  return { at, dtype: tensor.dtype, shape: tensor.shape, rows: (start, end) => rowsOf(tensor, start, end) };
}

/** A column that is read from where it lies, each time, and checked as it is read. */
export function columnFrom(
  read: (start: number, end: number) => Promise<Tensor>,
  { dtype, shape }: Pick<Tensor, "dtype" | "shape">,
  at: string,
  nonFinite: NonFinite = "error",
): Column {
  checkRows(shape, at);
  return {
    at,
    dtype,
    shape,
    async rows(start, end) {
      const tensor = await read(start, end);
      if (nonFinite === "error") checkFinite(tensor, at, start);
      return tensor;
    },
  };
}

function checkRows(shape: Shape, at: string): void {
  if (shape.length > 0) return;
  throw new MismatchError("Cannot use data as an array is a single number", {
    at,
    expected: "a first axis that counts rows",
    found: "shape []",
  });
}

/**
 * The column as an input of the model: its shape fitted, its elements scaled and in the input's type.
 *
 * Rows that need no change stay views. Integers that become floats, and all that is scaled, are float64 in memory, so
 * that an engine which computes in float64 sees x/255 exactly; memory holds one batch of them.
 *
 * @throws {MismatchError} if shape or type do not fit, or an integer lies outside the input's type.
 */
export function asInput(column: Column, spec: InputSpec, scale?: Scale): Column {
  const wanted = spec.dtype === undefined ? undefined : widenedDtype(spec.dtype);
  const floats = wanted === undefined ? scale !== undefined || isFloat(column.dtype) : isFloat(wanted);
  checkDtype(spec, column.dtype, column.at);
  const shape = fittedShape(spec, column.shape, column.at);
  const dtype = wanted ?? (floats && !isFloat(column.dtype) ? "float32" : column.dtype);
  const factor = floats && scale !== undefined ? factorOf(scale, column.dtype, column.at) : 1;
  const convert = floats ? floatsTimes(factor) : integersAs(dtype, column.at);
  return {
    at: column.at,
    dtype,
    shape,
    async rows(start, end) {
      const { data } = await column.rows(start, end);
      return { dtype, shape: [end - start, ...shape.slice(1)], data: convert(data) };
    },
  };
}

/** Integer and boolean labels as int64, floats as they are. */
export function asTarget(column: Column): Column {
  return isFloat(column.dtype) ? column : asInput(column, { name: "target", dtype: "int64" });
}

function floatsTimes(factor: number): (data: NumericArray) => NumericArray {
  if (factor !== 1) return (data) => scaled(data, factor);
  return (data) => (data instanceof Float32Array || data instanceof Float64Array ? data : new Float64Array(data));
}

/** A loop, for every pass through the data comes here: `Float64Array.from` with a function takes five times as long. */
function scaled(data: NumericArray, factor: number): Float64Array {
  const result = new Float64Array(data);
  for (let i = 0; i < result.length; i++) result[i]! *= factor;
  return result;
}

/** How integers of each width are held; see ir/elements.ts. */
function holderOf(dtype: Dtype): Float64ArrayConstructor | Int32ArrayConstructor | Uint8ArrayConstructor {
  if (dtype === "int64" || dtype === "uint64" || dtype === "uint32") return Float64Array;
  return dtype === "uint8" || dtype === "bool" ? Uint8Array : Int32Array;
}

const ranges: Partial<Record<Dtype, readonly [number, number]>> = {
  uint64: [0, Number.MAX_SAFE_INTEGER],
  uint32: [0, 0xffffffff],
  uint16: [0, 0xffff],
  uint8: [0, 0xff],
  bool: [0, 1],
  int32: [-0x80000000, 0x7fffffff],
  int16: [-0x8000, 0x7fff],
  int8: [-0x80, 0x7f],
};

function integersAs(dtype: Dtype, at: string): (data: NumericArray) => NumericArray {
  const Holder = holderOf(dtype);
  const [low, high] = ranges[dtype] ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return (data) => {
    const outside = data.find((x) => x < low || x > high);
    if (outside === undefined) return data instanceof Holder ? data : Holder.from(data);
    throw new MismatchError("Cannot use data as an integer lies outside the type of the model's input", {
      at,
      expected: `${dtype}: ${low} to ${high}`,
      found: outside,
    });
  };
}

/** `x 512, y 511`, for messages. */
export function showRows(columns: Iterable<Column>): string {
  return [...columns].map(({ at, shape }) => `${at}: ${showShape(shape)}`).join("; ");
}
