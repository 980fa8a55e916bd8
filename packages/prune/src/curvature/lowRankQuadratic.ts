/**
 * Curvature from a few directions, and a floor: C = VᵀV + λ I, V [m, P].
 *
 * Gradients of m rows make the empirical Fisher (WoodFisher, M-FAC); the columns of the loss Hessian's factor, pulled back, the
 * exact GGN. Everything goes through one m × m matrix, by Woodbury's identity:
 *
 *     N = V_K V_Kᵀ + λ I,    c = V_M θ₀_M
 *     [C_KK⁻¹]_uu = (I − V_uᵀ N⁻¹ V_u) / λ
 *     θ_K = θ₀_K + V_Kᵀ N⁻¹ c,    q = ½ λ (cᵀ N⁻¹ c + ‖θ₀_M‖²)
 *
 * Sources: Singh & Alistarh (2020), WoodFisher, arXiv:2004.14340; Frantar, Kurtic & Alistarh (2021), M-FAC, arXiv:2107.03356.
 */
import {
  type Cholesky,
  choleskySolve,
  choleskySync,
  gram,
  type Matrix,
  matrix,
  solveTriangular,
  type Vector,
} from "@hessonite/core";
import { inverseForm } from "../layerwise/smallSolve.ts";
import { maskedOrigin, type Quadratic, unitCount } from "./quadratic.ts";

/** The directions, and Gram matrices of their kept parts; shared by quadratics that differ in λ. */
export interface Directions {
  readonly name: string;
  /** V, a direction a row. */
  readonly rows: Matrix;
  /** V_K V_Kᵀ */
  gramOf(kept: Uint8Array): Matrix;
  readonly signal: AbortSignal | undefined;
}

/** Columns worked on at once. */
const chunk = 2048;

/** Gram matrices are kept for the last few masks: a mask that is a part of one is its downdate. */
export function directionsOf(name: string, rows: Matrix, signal?: AbortSignal): Directions {
  let last: { kept: Uint8Array; gram: Matrix } | undefined;
  const memory: { whole?: { kept: Uint8Array; gram: Matrix } } = {};
  const from = (base: { kept: Uint8Array; gram: Matrix }, kept: Uint8Array): Matrix | undefined => {
    const gone: number[] = [];
    for (let at = 0; at < kept.length; at++) {
      if (base.kept[at] === kept[at]) continue;
      if (kept[at]) return undefined;
      gone.push(at);
    }
    if (gone.length > countOf(kept)) return undefined; // summing afresh is less work
    return addGram(rows, gone, base.gram, -1, signal);
  };
  return {
    name,
    rows,
    signal,
    gramOf(kept) {
      const found = (last && from(last, kept)) ?? (memory.whole && from(memory.whole, kept));
      const own = {
        kept: kept.slice(),
        gram: found ?? addGram(rows, indicesOf(kept), matrix(rows.rows, rows.rows), 1, signal),
      };
      memory.whole ??= own;
      last = own;
      return own.gram;
    },
  };
}

const countOf = (kept: Uint8Array): number => kept.reduce((sum, k) => sum + k, 0);

function indicesOf(kept: Uint8Array): number[] {
  const list: number[] = [];
  for (let at = 0; at < kept.length; at++) if (kept[at]) list.push(at);
  return list;
}

/** base + sign · V_I V_Iᵀ */
function addGram(v: Matrix, index: readonly number[], base: Matrix, sign: 1 | -1, signal?: AbortSignal): Matrix {
  const total = matrix(base.rows, base.columns, base.data.slice());
  for (let start = 0; start < index.length; start += chunk) {
    signal?.throwIfAborted();
    const part = gram(columnsOf(v, index.slice(start, start + chunk)), { of: "rows" }).data;
    for (let k = 0; k < part.length; k++) total.data[k]! += sign * part[k]!;
  }
  return total;
}

function columnsOf({ rows, columns, data }: Matrix, index: ArrayLike<number>): Matrix {
  const out = matrix(rows, index.length);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < index.length; k++) out.data[i * index.length + k] = data[i * columns + index[k]!]!;
  }
  return out;
}

/**
 * @param lambda λ > 0.
 *
 * Cost: a mask's first use m² multiplications for each weight that differs, and m³ / 3; the costs of k weights m² k / 2.
 */
export function lowRankQuadratic(directions: Directions, origin: Vector, lambda: number): Quadratic {
  const { rows: v, name, signal } = directions;
  let known: { kept: Uint8Array; factor: Cholesky } | undefined;
  const factorOf = (kept: Uint8Array): Cholesky => {
    if (known && equal(known.kept, kept)) return known.factor;
    const n = directions.gramOf(kept);
    const data = n.data.slice();
    for (let i = 0; i < n.rows; i++) data[i * n.rows + i]! += lambda;
    known = { kept: kept.slice(), factor: choleskySync({ ...n, data }) };
    return known.factor;
  };
  return {
    name: `${name}, λ ${lambda.toExponential(1)}`,
    origin,
    async optimum(kept) {
      const theta = maskedOrigin(origin, kept);
      const lost = origin.map((value, at) => (kept[at] ? 0 : value));
      const c = products(v, lost);
      const solved = choleskySolve(factorOf(kept), matrix(c.length, 1, c)).data;
      addTransposed(v, solved, kept, theta);
      const squares = lost.reduce((sum, x) => sum + x * x, 0);
      return { theta, rise: 0.5 * lambda * (c.reduce((sum, x, i) => sum + x * solved[i]!, 0) + squares) };
    },
    async costs(kept, theta, units) {
      const { lower } = factorOf(kept);
      const perChunk = Math.max(1, Math.floor(chunk / units.size));
      const out = new Float64Array(unitCount(units));
      for (let start = 0; start < out.length; start += perChunk) {
        signal?.throwIfAborted();
        const count = Math.min(perChunk, out.length - start);
        const members = units.members.subarray(start * units.size, (start + count) * units.size);
        const z = solveTriangular(lower, columnsOf(v, members));
        for (let u = 0; u < count; u++) {
          const own = members.subarray(u * units.size, (u + 1) * units.size);
          out[start + u] = unitCost(z, u * units.size, own, theta, lambda);
        }
        await new Promise(setImmediate); // others get a turn
      }
      return out;
    },
    async solve(kept, x) {
      const own = x.map((value, at) => (kept[at] ? value : 0));
      const c = products(v, own);
      const solved = choleskySolve(factorOf(kept), matrix(c.length, 1, c)).data;
      addTransposed(
        v,
        solved.map((value) => -value),
        kept,
        own,
      );
      return own.map((value) => value / lambda);
    },
    async rise(delta) {
      const along = products(v, delta).reduce((sum, x) => sum + x * x, 0);
      return 0.5 * (along + lambda * delta.reduce((sum, x) => sum + x * x, 0));
    },
  };
}

/** ½ λ θ_uᵀ (I − Z_uᵀ Z_u)⁻¹ θ_u */
function unitCost(z: Matrix, first: number, members: Int32Array, theta: Vector, lambda: number): number {
  const n = members.length;
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let dot = 0;
      for (let t = 0; t < z.rows; t++) dot += z.data[t * z.columns + first + i]! * z.data[t * z.columns + first + j]!;
      a[i * n + j] = a[j * n + i] = Number(i === j) - dot;
    }
  }
  const own = Float64Array.from(members, (at) => theta[at]!);
  return Math.max(0, 0.5 * lambda * inverseForm(a, n, own, 1));
}

/** V x */
function products({ rows, columns, data }: Matrix, x: Vector): Float64Array {
  const out = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < columns; j++) sum += data[i * columns + j]! * x[j]!;
    out[i] = sum;
  }
  return out;
}

/** θ_K ← θ_K + V_Kᵀ y */
function addTransposed({ rows, columns, data }: Matrix, y: Float64Array, kept: Uint8Array, theta: Vector): void {
  for (let i = 0; i < rows; i++) {
    const factor = y[i]!;
    for (let j = 0; j < columns; j++) if (kept[j]) theta[j]! += factor * data[i * columns + j]!;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}
