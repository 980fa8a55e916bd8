/** What a model's input takes, and which arrays of the data can be given to it. */
import { MismatchError } from "../errors.ts";
import { type Dtype, isFloat } from "../ir/dtype.ts";
import { type Shape, showShape, sizeOf } from "../ir/shape.ts";

/** An input as the data must fill it. What is absent is not checked. */
export interface InputSpec {
  readonly name: string;
  readonly dtype?: Dtype;
  /** `null` is any length. The first axis counts rows and is never compared: batches come in every size. */
  readonly shape?: readonly (number | null)[];
}

/** `"x" float32 [*, 1, 28, 28]`, for messages. */
export function showSpec({ name, dtype, shape }: InputSpec): string {
  const lengths = shape?.map((d, axis) => (axis === 0 || d === null ? "*" : String(d)));
  return [`"${name}"`, dtype, lengths && `[${lengths.join(", ")}]`].filter((part) => part !== undefined).join(" ");
}

/**
 * The shape that an array has as this input.
 *
 * @returns The array's own, or the input's where they differ by axes of length 1 only: [n, 28, 28] fills [*, 1, 28, 28].
 * @throws {MismatchError} if it does not fit.
 */
export function fittedShape(spec: InputSpec, shape: Shape, at: string): Shape {
  if (!spec.shape || fits(spec.shape, shape)) return shape;
  const wanted = spec.shape.slice(1);
  const known = wanted.filter((d) => d !== null);
  const sameButOnes = String(known.filter((d) => d !== 1)) === String(shape.slice(1).filter((d) => d !== 1));
  if (known.length === wanted.length && sameButOnes && shape.length > 0) return [...shape.slice(0, 1), ...known];
  throw new MismatchError("Cannot use data as an array has another shape than the model's input", {
    at,
    expected: showSpec(spec),
    found: showShape(shape),
    try:
      known.length === wanted.length && sizeOf(known) === sizeOf(shape.slice(1))
        ? "reshape the array: it has as many elements a row as the input"
        : "the first axis counts rows, the others are the input's",
  });
}

function fits(wanted: readonly (number | null)[], shape: Shape): boolean {
  return wanted.length === shape.length && wanted.every((d, axis) => axis === 0 || d === null || d === shape.at(axis));
}

/**
 * Refuses what would change meaning: floats given to an integer input, numbers to a boolean one. Any number may be
 * given to a float input.
 *
 * @throws {MismatchError} if the array's type is one of these.
 */
export function checkDtype(spec: InputSpec, dtype: Dtype, at: string): void {
  if (spec.dtype === undefined || spec.dtype === dtype || accepts(spec.dtype, dtype)) return;
  throw new MismatchError("Cannot use data as an array has another type than the model's input", {
    at,
    expected: showSpec(spec),
    found: dtype,
    try: spec.dtype === "bool" ? "save the array as bool" : `save the array as ${spec.dtype}`,
  });
}

function accepts(wanted: Dtype, given: Dtype): boolean {
  if (wanted === "string" || given === "string") return false;
  if (isFloat(wanted)) return true;
  return wanted === "bool" ? given === "uint8" : !isFloat(given);
}
