/**
 * A layer's curvature in a Kronecker eigenbasis: C = Q (Λ + λ I) Qᵀ,  Q = Q_G ⊗ Q_A, weights `[out, in]`.
 *
 *     KFAC      Λ_kl = g_k a_l               EK-FAC    Λ_kl the mean of squared gradients along q_k ⊗ q_l
 *     [C⁻¹] between entries (i, a) and (j, b) = Σ_kl Q_G,ik Q_G,jk Q_A,al Q_A,bl / (Λ_kl + λ)
 *
 * With nothing pruned the costs are exact by this formula. With a mask the optimum is solved by conjugate gradients on the kept
 * weights, and C_KK's inverse is taken to be C's at the kept weights: exact costs would need a factorisation of C_KK.
 *
 * Sources: van der Ouderaa et al. (2023), The LLM Surgeon, arXiv:2312.17244; Wang et al. (2019), EigenDamage, arXiv:1905.05934.
 */
import { type Matrix, matmul, matrix, transposeMatrix, type Vector } from "@hessonite/core";
import { inverseForm } from "../layerwise/smallSolve.ts";
import { maskedOrigin, type Quadratic, unitCount } from "./quadratic.ts";

export interface KroneckerEigen {
  /** Eigenvectors in columns, `[out, out]` and `[in, in]`. */
  readonly qg: Matrix;
  readonly qa: Matrix;
  /** Λ `[out, in]` */
  readonly values: Matrix;
}

/** @param lambda λ > 0. */
export function kroneckerQuadratic(
  name: string,
  origin: Vector,
  { qg, qa, values }: KroneckerEigen,
  lambda: number,
): Quadratic {
  const [out, width] = [values.rows, values.columns];
  const damped = values.data.map((x) => Math.max(x, 0) + lambda);
  const [qgT, qaT] = [transposeMatrix(qg), transposeMatrix(qa)];
  const filtered = (x: Vector, by: (value: number) => number): Float64Array => {
    const turned = matmul(matmul(qgT, matrix(out, width, x)), qa).data;
    const scaled = turned.map((v, at) => v * by(damped[at]!));
    return matmul(matmul(qg, matrix(out, width, scaled)), qaT).data;
  };
  const apply = (x: Vector): Float64Array => filtered(x, (value) => value);
  const rise = (delta: Vector): number => 0.5 * dot(delta, apply(delta));
  const entry = inverseEntries({ qg, qa, values }, damped);
  return {
    name: `${name}, λ ${lambda.toExponential(1)}`,
    origin,
    async optimum(kept) {
      const lost = origin.map((value, at) => (kept[at] ? 0 : value));
      const right = onto(apply(lost), kept);
      const moved = solveKept(apply, (x) => filtered(x, (value) => 1 / value), right, kept);
      const theta = maskedOrigin(origin, kept).map((value, at) => value + moved[at]!);
      return { theta, rise: rise(theta.map((value, at) => value - origin[at]!)) };
    },
    async costs(_kept, theta, units) {
      const { size } = units;
      return Float64Array.from({ length: unitCount(units) }, (_, u) => {
        const members = units.members.subarray(u * size, (u + 1) * size);
        const part = new Float64Array(size * size);
        members.forEach((a, i) => {
          members.forEach((b, j) => {
            part[i * size + j] = entry(a, b);
          });
        });
        return Math.max(
          0,
          0.5 *
            inverseForm(
              part,
              size,
              Float64Array.from(members, (at) => theta[at]!),
              1,
            ),
        );
      });
    },
    async solve(kept, x) {
      return solveKept(apply, (y) => filtered(y, (value) => 1 / value), onto(x, kept), kept);
    },
    rise: async (delta) => rise(delta),
  };
}

/** Entries of C⁻¹; the diagonal is made at once, (Q_G²) Λ⁻¹ (Q_A²)ᵀ. */
function inverseEntries({ qg, qa, values }: KroneckerEigen, damped: Float64Array): (a: number, b: number) => number {
  const [out, width] = [values.rows, values.columns];
  const inverse = matrix(
    out,
    width,
    damped.map((x) => 1 / x),
  );
  const square = ({ rows, columns, data }: Matrix): Matrix =>
    matrix(
      rows,
      columns,
      data.map((x) => x * x),
    );
  const squared = square(qa);
  const diagonal = matmul(matmul(square(qg), inverse), squared, { b: true }).data;
  const rowPairs = new Map<number, Float64Array>();
  const along = (i: number, j: number): Float64Array => {
    const known = rowPairs.get(i * out + j);
    if (known) return known;
    const sum = new Float64Array(width);
    for (let k = 0; k < out; k++) {
      const weight = qg.data[i * out + k]! * qg.data[j * out + k]!;
      for (let l = 0; l < width; l++) sum[l]! += weight * inverse.data[k * width + l]!;
    }
    rowPairs.set(i * out + j, sum);
    return sum;
  };
  return (a, b) => {
    if (a === b) return diagonal[a]!;
    const sums = along(Math.floor(a / width), Math.floor(b / width));
    const [p, q] = [(a % width) * width, (b % width) * width];
    let total = 0;
    for (let l = 0; l < width; l++) total += sums[l]! * qa.data[p + l]! * qa.data[q + l]!;
    return total;
  };
}

/** Of the solve for an optimum: steps at most, and the residual in C⁻¹'s norm, relative to the first. */
const mostSteps = 100;
const tolerance = 1e-8;

/** C_KK x = right by conjugate gradients, preconditioned by C⁻¹ on K. */
function solveKept(
  apply: (x: Vector) => Float64Array,
  precondition: (x: Vector) => Float64Array,
  right: Float64Array,
  kept: Uint8Array,
): Float64Array {
  const x = new Float64Array(right.length);
  const r = right.slice();
  let z = onto(precondition(r), kept);
  let p = z.slice();
  let rz = dot(r, z);
  const first = rz;
  for (let step = 0; step < mostSteps && rz > tolerance ** 2 * first; step++) {
    const ap = onto(apply(p), kept);
    const length = rz / dot(p, ap);
    for (let i = 0; i < x.length; i++) {
      x[i]! += length * p[i]!;
      r[i]! -= length * ap[i]!;
    }
    z = onto(precondition(r), kept);
    const next = dot(r, z);
    p = p.map((value, i) => z[i]! + (next / rz) * value);
    rz = next;
  }
  return x;
}

const onto = (x: Float64Array, kept: Uint8Array): Float64Array => x.map((value, at) => (kept[at] ? value : 0));

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
