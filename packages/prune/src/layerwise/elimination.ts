/**
 * The exact greedy order in which rows that share a mask lose their units, each step at least cost.
 *
 *     cost(u) = ½ Σ_r w_ruᵀ [H⁻¹]_uu⁻¹ w_ru        w and H⁻¹ as they are once the units before are gone
 *
 * Removing a unit takes its Schur complement in H⁻¹, so the whole is a Cholesky factorisation of H⁻¹ that chooses its pivots
 * as it goes. Only the pivots' columns are formed (left-looking): H⁻¹ itself is shared by all rows and never written.
 *
 *     column c:   v = H⁻¹[c, ·] − Σ_t L_tc L_t·,    w ← w − v w_c / v_c,    L ← v / √v_c
 *
 * Source: Frantar & Alistarh (2022), Optimal Brain Compression, arXiv:2208.11580.
 */
import type { Matrix } from "@hessonite/core";
import { inverseForm } from "./smallSolve.ts";

export interface EliminationOptions {
  /** Columns a unit spans. */
  readonly width: number;
  /** Of every `of` units exactly `zeros` go. */
  readonly quota?: { readonly zeros: number; readonly of: number };
  /** Units to remove; all that may go unless said. */
  readonly steps?: number;
}

export interface Elimination {
  /** Units in the order they go. */
  readonly order: Int32Array;
  /** The loss's rise of each step. */
  readonly rises: Float64Array;
}

/** Memory that one elimination needs, reused by the next. */
export type Scratch = (length: number) => Float64Array;

export function scratchMemory(): Scratch {
  let memory = new Float64Array(0);
  return (length) => {
    if (memory.length < length) memory = new Float64Array(length);
    return memory;
  };
}

/**
 * @param rows The rows' weights `[height, d]`; not written to.
 *
 * Cost: k units of width w: about k² w² d / 2 − k³ w³ / 3 multiplications, d³/6 for all.
 */
export function eliminate(
  inverse: Matrix,
  rows: Matrix,
  { width, quota, steps }: EliminationOptions,
  scratch: Scratch = scratchMemory(),
): Elimination {
  const d = inverse.rows;
  const units = d / width;
  const count = Math.min(steps ?? units, quota ? (units / quota.of) * quota.zeros : units);
  const state = begin(inverse, rows, width, scratch(count * width * d));
  const taken = new Uint8Array(quota ? units / quota.of : 0);
  const [order, rises] = [new Int32Array(count), new Float64Array(count)];
  for (let step = 0; step < count; step++) {
    const { position, cost } = cheapest(state, quota && { ...quota, taken });
    const unit = state.unitAt[position]!;
    order[step] = unit;
    rises[step] = 0.5 * cost;
    if (quota) taken[Math.floor(unit / quota.of)]!++;
    retire(state, position);
    for (let j = 0; j < width; j++) pivot(state, inverse, j);
  }
  return { order, rises };
}

/** Active units come first; position p holds unit `unitAt[p]`, its columns at p·width. */
interface State {
  readonly d: number;
  readonly width: number;
  readonly height: number;
  active: number;
  readonly unitAt: Int32Array;
  readonly columnAt: Int32Array;
  /** `[height, d]` by position. */
  readonly w: Float64Array;
  /** Diagonal blocks of the current inverse `[units, width, width]` by position. */
  readonly blocks: Float64Array;
  /** Rows of Lᵀ by position. */
  readonly factor: Float64Array;
  factors: number;
  readonly v: Float64Array;
  readonly small: Float64Array;
  readonly smallRight: Float64Array;
}

function begin(inverse: Matrix, { rows: height, data }: Matrix, width: number, factor: Float64Array): State {
  const d = inverse.rows;
  const units = d / width;
  const blocks = new Float64Array(units * width * width);
  for (let u = 0; u < units; u++) {
    for (let i = 0; i < width; i++) {
      const from = (u * width + i) * d + u * width;
      blocks.set(inverse.data.subarray(from, from + width), (u * width + i) * width);
    }
  }
  return {
    d,
    width,
    height,
    active: units,
    unitAt: Int32Array.from({ length: units }, (_, u) => u),
    columnAt: Int32Array.from({ length: d }, (_, j) => j),
    w: data.slice(),
    blocks,
    factor,
    factors: 0,
    v: new Float64Array(d),
    small: new Float64Array(width * width),
    smallRight: new Float64Array(height * width),
  };
}

interface Taken {
  readonly zeros: number;
  readonly of: number;
  readonly taken: Uint8Array;
}

function cheapest(state: State, quota: Taken | undefined): { readonly position: number; readonly cost: number } {
  let [position, cost] = [0, Number.POSITIVE_INFINITY];
  for (let p = 0; p < state.active; p++) {
    if (quota && quota.taken[Math.floor(state.unitAt[p]! / quota.of)]! >= quota.zeros) continue;
    const own = costAt(state, p);
    if (own < cost) [position, cost] = [p, own];
  }
  return { position, cost };
}

/** Σ_r w_uᵀ [H⁻¹]_uu⁻¹ w_u */
function costAt({ d, width, height, w, blocks, small, smallRight }: State, p: number): number {
  if (width === 1) {
    let sum = 0;
    for (let r = 0; r < height; r++) sum += w[r * d + p]! * w[r * d + p]!;
    return sum / blocks[p]!;
  }
  small.set(blocks.subarray(p * width * width, (p + 1) * width * width));
  for (let r = 0; r < height; r++) {
    for (let j = 0; j < width; j++) smallRight[r * width + j] = w[r * d + p * width + j]!;
  }
  return inverseForm(small, width, smallRight, height);
}

/** Moves a unit behind the active ones. */
function retire(state: State, position: number): void {
  const { d, width, height, unitAt, columnAt, w, blocks, factor } = state;
  const last = --state.active;
  if (position === last) return;
  [unitAt[position], unitAt[last]] = [unitAt[last]!, unitAt[position]!];
  for (let k = 0; k < width * width; k++) swap(blocks, position * width * width + k, last * width * width + k);
  for (let j = 0; j < width; j++) {
    const [a, b] = [position * width + j, last * width + j];
    [columnAt[a], columnAt[b]] = [columnAt[b]!, columnAt[a]!];
    for (let r = 0; r < height; r++) swap(w, r * d + a, r * d + b);
    for (let t = 0; t < state.factors; t++) swap(factor, t * d + a, t * d + b);
  }
}

function swap(data: Float64Array, a: number, b: number): void {
  const kept = data[a]!;
  data[a] = data[b]!;
  data[b] = kept;
}

/** Takes column `j` of the unit that was retired last. */
function pivot(state: State, inverse: Matrix, j: number): void {
  const { d, width, height, columnAt, w, blocks, factor, v } = state;
  const at = state.active * width + j;
  const end = (state.active + 1) * width; // the rest of this unit is still wanted
  const from = columnAt[at]! * d;
  for (let i = 0; i < end; i++) v[i] = inverse.data[from + columnAt[i]!]!;
  subtractFactors(state, at, end);
  const d0 = Math.max(v[at]!, Number.MIN_VALUE);
  for (let r = 0; r < height; r++) {
    const ratio = w[r * d + at]! / d0;
    for (let i = 0; i < end; i++) w[r * d + i]! -= ratio * v[i]!;
    w[r * d + at] = 0;
  }
  const root = 1 / Math.sqrt(d0);
  const row = factor.subarray(state.factors * d, state.factors * d + end);
  for (let i = 0; i < end; i++) row[i] = v[i]! * root;
  state.factors++;
  downdate(blocks, row, state.active, width);
}

/** v ← v − Σ_t L_tc L_t· over the first `end` positions, four rows at a time. */
function subtractFactors({ d, factor, factors, v }: State, at: number, end: number): void {
  let t = 0;
  for (; t + 4 <= factors; t += 4) {
    const [o0, o1, o2, o3] = [t * d, (t + 1) * d, (t + 2) * d, (t + 3) * d];
    const [a, b, c, e] = [factor[o0 + at]!, factor[o1 + at]!, factor[o2 + at]!, factor[o3 + at]!];
    for (let i = 0; i < end; i++) {
      v[i]! -= a * factor[o0 + i]! + b * factor[o1 + i]! + c * factor[o2 + i]! + e * factor[o3 + i]!;
    }
  }
  for (; t < factors; t++) {
    const [o, a] = [t * d, factor[t * d + at]!];
    for (let i = 0; i < end; i++) v[i]! -= a * factor[o + i]!;
  }
}

/** Every active unit's diagonal block less l lᵀ. */
function downdate(blocks: Float64Array, l: Float64Array, active: number, width: number): void {
  if (width === 1) {
    for (let u = 0; u < active; u++) blocks[u]! -= l[u]! * l[u]!;
    return;
  }
  for (let u = 0; u < active; u++) {
    for (let i = 0; i < width; i++) {
      for (let k = 0; k < width; k++) blocks[(u * width + i) * width + k]! -= l[u * width + i]! * l[u * width + k]!;
    }
  }
}
