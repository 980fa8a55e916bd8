/**
 * The geometry of sliding windows, which Conv, its two transposes and the pools share.
 *
 * Tap k of a kernel meets, at output position o, the input position
 *
 *     i = o·stride − pad + k·dilation        along each spatial axis,
 *
 * and skips those outside the input, where padding would be met. For one tap the o that remain are a box; its rows
 * along the last axis are runs of neighbours in the output, and of equal steps in the input.
 */
import { type Shape, sizeOf, stridesOf } from "../../ir/shape.ts";
import { offsetsOf } from "./strided.ts";

/** Spatial sizes and how they relate; every list has one entry per spatial axis, but `pads`: all begins, then all ends. */
export interface Window {
  readonly input: Shape;
  readonly output: Shape;
  readonly kernel: Shape;
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
}

/** All pairs of positions that one tap connects: for each row r and j < length, outputs[r] + j and inputs[r] + j·step. */
export interface Tap {
  readonly inputs: Int32Array;
  readonly outputs: Int32Array;
  readonly length: number;
  readonly step: number;
}

/** The taps of a kernel in row-major order. Positions are within one flattened spatial plane. */
export function tapsOf(window: Window): Tap[] {
  return Array.from({ length: sizeOf(window.kernel) }, (_, k) => tap(window, unravel(k, window.kernel)));
}

function tap({ input, output, strides, pads, dilations }: Window, at: readonly number[]): Tap {
  const shift = at.map((k, axis) => k * dilations[axis]! - pads[axis]!);
  const first = shift.map((s, axis) => Math.max(0, Math.ceil(-s / strides[axis]!)));
  const counts = shift.map((s, axis) => {
    const end = Math.min(output[axis]!, Math.floor((input[axis]! - 1 - s) / strides[axis]!) + 1);
    return Math.max(0, end - first[axis]!);
  });
  const [fromStrides, toStrides] = [stridesOf(input), stridesOf(output)];
  const steps = fromStrides.map((stride, axis) => stride * strides[axis]!);
  const rows = counts.slice(0, -1);
  const inputStart = sum(first.map((o, axis) => o * steps[axis]! + shift[axis]! * fromStrides[axis]!));
  const outputStart = sum(first.map((o, axis) => o * toStrides[axis]!));
  return {
    inputs: offsetsOf(rows, steps, inputStart),
    outputs: offsetsOf(rows, toStrides, outputStart),
    length: counts.at(-1)!,
    step: strides.at(-1)!,
  };
}

/** The index of the element at row-major position `at`. */
function unravel(at: number, shape: Shape): number[] {
  return stridesOf(shape).map((stride, axis) => Math.floor(at / stride) % shape[axis]!);
}

function sum(xs: readonly number[]): number {
  return xs.reduce((a, b) => a + b, 0);
}
