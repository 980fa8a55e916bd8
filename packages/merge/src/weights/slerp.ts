/**
 * Spherical interpolation between two tensors.
 *
 *     θ = sin((1−t)ω)/sin ω · a + sin(tω)/sin ω · b        cos ω = ⟨a, b⟩ / ‖a‖‖b‖
 *
 * Nearly parallel tensors are interpolated on the straight line.
 *
 * Source: Shoemake (1985), Animating rotation with quaternion curves, SIGGRAPH; thresholds as in mergekit.
 */
import { type Tensor, UsageError } from "@hessonite/core";
import { combine, difference, inner, length, map, plusScaled, requireAlike, requireFraction } from "./entries.ts";

/** |cos ω| above which SLERP is linear. */
const parallel = 0.9995;
/** sin ω below which NuSLERP is linear. */
const colinear = 1e-8;

/** From a (t = 0) to b (t = 1), each as one vector. */
export function slerp(a: Tensor, b: Tensor, t: number): Tensor {
  requireFraction(t, "t");
  requireAlike([a, b]);
  const cos = cosine(a.data, b.data);
  const [onA, onB] = Math.abs(cos) > parallel ? [1 - t, t] : arc(Math.acos(cos), t);
  return combine([a, b], ([x = 0, y = 0]) => onA * x + onB * y);
}

export interface NuslerpOptions {
  /** t = w_b / (w_a + w_b); a half each where they add up to 0. */
  readonly weights: readonly [number, number];
  /**
   * What is turned: the whole tensor, each of its rows (vectors along the last axis), or each of its columns (along the first:
   * mergekit's `nuslerp_row_wise: true`). The tensor unless said.
   */
  readonly per?: "tensor" | "row" | "column";
  /** Interpolate what differs from this. */
  readonly base?: Tensor;
}

/** SLERP by weights, of tensors or task vectors, whole or by row. */
export function nuslerp(a: Tensor, b: Tensor, { weights, per = "tensor", base }: NuslerpOptions): Tensor {
  requireAlike(base ? [a, b, base] : [a, b]);
  if (base) return plusScaled(base, 1, nuslerp(difference(a, base), difference(b, base), { weights, per }));
  const total = weights[0] + weights[1];
  const t = Math.abs(total) < 1e-6 ? 0.5 : weights[1] / total;
  const { count, vectorOf } = vectorsOf(a.shape, per);
  const factors = Array.from(cosines(a, b, count, vectorOf), (cos) => interpolation(cos, t));
  return combine([a, b], ([x = 0, y = 0], k) => {
    const [onA, onB] = factors[vectorOf(k)] ?? [1 - t, t];
    return onA * x + onB * y;
  });
}

interface Vectors {
  readonly count: number;
  /** Which vector an entry belongs to. */
  readonly vectorOf: (k: number) => number;
}

function vectorsOf(shape: readonly number[], per: "tensor" | "row" | "column"): Vectors {
  const size = shape.reduce((n, d) => n * d, 1);
  const last = shape.at(-1) ?? 1;
  const alongFirst = size / (shape[0] ?? 1);
  return {
    tensor: { count: 1, vectorOf: () => 0 },
    row: { count: size / last, vectorOf: (k: number) => Math.floor(k / last) },
    column: { count: alongFirst, vectorOf: (k: number) => k % alongFirst },
  }[per];
}

/** Between the vectors of two tensors; norms below 1e-7 count as that. */
function cosines(a: Tensor, b: Tensor, count: number, vectorOf: Vectors["vectorOf"]): Float64Array {
  const [inner, ofA, ofB] = [new Float64Array(count), new Float64Array(count), new Float64Array(count)];
  for (let k = 0; k < a.data.length; k++) {
    const [v, x, y] = [vectorOf(k), a.data[k] ?? 0, b.data[k] ?? 0];
    inner[v] = (inner[v] ?? 0) + x * y;
    ofA[v] = (ofA[v] ?? 0) + x * x;
    ofB[v] = (ofB[v] ?? 0) + y * y;
  }
  const norm = (squared = 0): number => Math.max(Math.sqrt(squared), 1e-7);
  return inner.map((product, v) => product / (norm(ofA[v]) * norm(ofB[v])));
}

function interpolation(cos: number, t: number): readonly [number, number] {
  const angle = Math.acos(Math.min(1, Math.max(-1, cos)));
  return Math.abs(Math.sin(angle)) < colinear ? [1 - t, t] : arc(angle, t);
}

function arc(angle: number, t: number): readonly [number, number] {
  return [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
}

/** Norms below 1e-8 count as that. */
function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return inner(a, b) / (Math.max(length(a), 1e-8) * Math.max(length(b), 1e-8));
}

export interface KarcherOptions {
  /** One a tensor, normalised; equal unless given. */
  readonly weights?: readonly number[];
  readonly maxIterations?: number;
  /** Length of the mean tangent, and of a tensor, that counts as 0. */
  readonly tolerance?: number;
}

/**
 * The Karcher mean of directions: the u on the unit sphere with Σ w_i log_u(θ_i/‖θ_i‖) = 0, times the mean norm.
 *
 * Iterates u ← exp_u(Σ w_i log_u(θ_i/‖θ_i‖)) from the normalised mean. Tensors of norm 0 have no direction but count in
 * the mean norm. The outcome where iterations run out is the iterate reached.
 *
 * Source: Karcher (1977), Riemannian center of mass and mollifier smoothing, Comm. Pure Appl. Math. 30.
 */
export function karcher(tensors: readonly Tensor[], options: KarcherOptions = {}): Tensor {
  const { maxIterations = 10, tolerance = 1e-5 } = options;
  const [first] = requireAlike(tensors);
  if (tensors.length === 1) return first;
  const given = options.weights ?? tensors.map(() => 1);
  const total = given.reduce((sum, w) => sum + w, 0);
  if (!(total > 0))
    throw new UsageError("Cannot find the Karcher mean as the weights do not add up to more than 0", { found: total });
  const norms = tensors.map(({ data }) => length(data));
  const scale = norms.reduce((sum, norm, i) => sum + ((given[i] ?? 0) / total) * norm, 0);
  const directed = tensors.flatMap((tensor, i) => {
    const norm = norms[i] ?? 0;
    return norm > tolerance ? [{ weight: given[i] ?? 0, unit: Float64Array.from(tensor.data, (x) => x / norm) }] : [];
  });
  if (directed.length === 0) return map(first, () => 0);
  const share = directed.reduce((sum, { weight }) => sum + weight, 0);
  const u = sphereMean(
    directed.map(({ weight, unit }) => ({ weight: weight / share, unit })),
    maxIterations,
    tolerance,
  );
  return { ...first, data: u.map((x) => scale * x) };
}

interface Directed {
  readonly weight: number;
  readonly unit: Float64Array;
}

function sphereMean(points: readonly Directed[], maxIterations: number, tolerance: number): Float64Array {
  const size = points[0]?.unit.length ?? 0;
  const mean = new Float64Array(size);
  for (const { weight, unit } of points) for (const [k, x] of unit.entries()) mean[k] = (mean[k] ?? 0) + weight * x;
  const norm = length(mean);
  let u = norm < tolerance ? (points[0]?.unit ?? mean) : mean.map((x) => x / norm);
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    const tangent = meanTangent(u, points, tolerance);
    const step = length(tangent);
    if (step < tolerance) break;
    const moved = u.map((x, k) => Math.cos(step) * x + (Math.sin(step) / step) * (tangent[k] ?? 0));
    const size = length(moved);
    u = moved.map((x) => x / size);
  }
  return u;
}

/** Σ w log_u(p), log_u(p) = ω/sin ω (p − cos ω u) */
function meanTangent(u: Float64Array, points: readonly Directed[], tolerance: number): Float64Array {
  const tangent = new Float64Array(u.length);
  for (const { weight, unit } of points) {
    const cos = Math.min(1, Math.max(-1, inner(u, unit)));
    const angle = Math.acos(cos);
    if (angle < tolerance) continue;
    const factor = (weight * angle) / Math.sin(angle);
    for (const [k, x] of unit.entries()) tangent[k] = (tangent[k] ?? 0) + factor * (x - cos * (u[k] ?? 0));
  }
  return tangent;
}
