/** Arithmetic on flat vectors, and on K vectors as K contiguous rows of one array. */
import { MismatchError } from "../errors.ts";
import type { Vector } from "../operators/linearOperator.ts";
import { randomStream } from "../random/random.ts";

/** Σ xᵢ yᵢ */
export function dot(x: Vector, y: Vector): number {
  requireLength(y, x.length);
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}

/** ‖x‖₂, safe against overflow and underflow. */
export function norm(x: Vector): number {
  const sum = dot(x, x);
  if (sum > 1e-280 && sum < 1e280) return Math.sqrt(sum);
  const largest = maxAbs(x);
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  let scaled = 0;
  for (const xi of x) scaled += (xi / largest) ** 2;
  return largest * Math.sqrt(scaled);
}

/** max |xᵢ|; NaN if there is one. */
export function maxAbs(x: Vector): number {
  let largest = 0;
  for (const xi of x) {
    const size = Math.abs(xi);
    if (!(size <= largest)) largest = size;
    if (Number.isNaN(size)) return size;
  }
  return largest;
}

/** y ← y + a x */
export function axpy(a: number, x: Vector, y: Vector): void {
  requireLength(y, x.length);
  for (let i = 0; i < x.length; i++) y[i]! += a * x[i]!;
}

/** a x, a new vector. */
export function scaled(a: number, x: Vector): Vector {
  return x.map((xi) => a * xi);
}

/** x + y, a new vector. */
export function plus(x: Vector, y: Vector): Vector {
  requireLength(y, x.length);
  return x.map((xi, i) => xi + y[i]!);
}

/** x − y, a new vector. */
export function minus(x: Vector, y: Vector): Vector {
  requireLength(y, x.length);
  return x.map((xi, i) => xi - y[i]!);
}

/** Σ xᵢ */
export function sum(x: Vector): number {
  let total = 0;
  for (const xi of x) total += xi;
  return total;
}

/** Row `i` of K contiguous rows of `length` entries: a view, not a copy. */
export function row(x: Vector, i: number, length: number): Vector {
  return x.subarray(i * length, (i + 1) * length);
}

/** The rows `indices` of `x`, contiguous, copied. */
export function takeRows(x: Vector, indices: readonly number[], length: number): Vector {
  const taken = new Float64Array(indices.length * length);
  for (const [to, from] of indices.entries()) taken.set(row(x, from, length), to * length);
  return taken;
}

/** `count` independent standard normals from the stream (seed, name). */
export function normals(count: number, seed: number, name: string): Vector {
  const random = randomStream(seed, name);
  return Float64Array.from({ length: count }, () => random.normal());
}

/** Makes x a unit vector in place and returns its former norm; a zero vector stays zero. */
export function normalize(x: Vector): number {
  const length = norm(x);
  if (length > 0) for (let i = 0; i < x.length; i++) x[i]! /= length;
  return length;
}

function requireLength(x: Vector, expected: number): void {
  if (x.length !== expected) {
    throw new MismatchError("Cannot combine two vectors as their lengths differ", { expected, found: x.length });
  }
}
