/** Sweeps of rounding against constrained least squares, explicit inverses and each other. */
import { choleskySync, type Matrix, matrix } from "@hessonite/core";
import { describe, expect, it } from "vitest";
import { correlatedLayer, solvePlainly } from "../layerwise/knownLayers.ts";
import { layerHessian, prepareLayer, reconstructionError } from "../layerwise/layer.ts";
import { parsePattern, unitsOf } from "../layerwise/pattern.ts";
import { sparsegptSweep } from "../layerwise/sparsegpt.ts";
import { gridOf, roundedTo } from "./grid.ts";
import { obqSweep } from "./obq.ts";
import { roundLayer } from "./roundLayer.ts";

const d = 8;
const { x, weights } = correlatedLayer(3, 4, d);
const hessian = layerHessian(x);
const layer = prepareLayer(weights, hessian);
const grid = gridOf(weights, 4, d);
const round = (weight: number, row: number, column: number): number => roundedTo(grid, weight, row, column);
const wholeUnits = unitsOf(parsePattern("element"), weights);

/** The weights left that minimise ½ (w − w₀)ᵀ H (w − w₀) once those of `fixed` are what they are. */
function bestOfRest(w0: Float64Array, fixed: ReadonlyMap<number, number>): Map<number, number> {
  const left = Array.from({ length: d }, (_, j) => j).filter((j) => !fixed.has(j));
  if (left.length === 0) return new Map();
  const h = (i: number, j: number): number => hessian.data[i * d + j]!;
  const found = solvePlainly(
    left.map((i) => left.map((j) => h(i, j))),
    left.map((i) => [...fixed].reduce((sum, [j, value]) => sum - h(i, j) * (value - w0[j]!), 0)),
  );
  return new Map(left.map((j, k) => [j, w0[j]! + found[k]!]));
}

/** What adding j at its level costs: two constrained minima, one after the other. */
function priceOf(w0: Float64Array, fixed: ReadonlyMap<number, number>, j: number, to: number): number {
  const lossAt = (held: ReadonlyMap<number, number>): number => {
    const rest = bestOfRest(w0, held);
    const delta = Array.from({ length: d }, (_, i) => (held.get(i) ?? rest.get(i)!) - w0[i]!);
    return delta.reduce(
      (sum, a, i) => sum + delta.reduce((own, b, k) => own + 0.5 * a * hessian.data[i * d + k]! * b, 0),
      0,
    );
  };
  return lossAt(new Map([...fixed, [j, to]])) - lossAt(fixed);
}

/** Weights to levels one by one, every step from the definition; `next` says which. */
function plainSweep(row: number, next: (open: readonly { j: number; price: number }[]) => number): number[] {
  const w0 = weights.data.slice(row * d, (row + 1) * d);
  const fixed = new Map<number, number>();
  while (fixed.size < d) {
    const rest = bestOfRest(w0, fixed);
    const open = [...rest].map(([j, w]) => ({ j, price: priceOf(w0, fixed, j, round(w, row, j)) }));
    const j = next(open);
    fixed.set(j, round(rest.get(j)!, row, j));
  }
  return Array.from({ length: d }, (_, j) => fixed.get(j)!);
}

const rowOf = ({ data }: Matrix, row: number): number[] => [...data.slice(row * d, (row + 1) * d)];

describe("rounding one after the other", () => {
  it("takes the cheapest next and moves the rest to their least squares, as OBQ is defined", () => {
    const swept = obqSweep(layer, round);
    for (let row = 0; row < 4; row++) {
      const plain = plainSweep(row, (open) => open.reduce((best, one) => (one.price < best.price ? one : best)).j);
      rowOf(swept, row).forEach((w, j) => expect(w).toBeCloseTo(plain[j]!, 9));
    }
  });

  it.each([3, 128])("in the columns' order is the sweep that rows share, in blocks of %i", (blockSize) => {
    const swept = sparsegptSweep(layer, wholeUnits, { sparsity: 0, round, blockSize }).weights;
    for (let row = 0; row < 4; row++) {
      const plain = plainSweep(row, (open) => Math.min(...open.map(({ j }) => j)));
      rowOf(swept, row).forEach((w, j) => expect(w).toBeCloseTo(plain[j]!, 9));
    }
  });

  it("costs ½ Σ e² with e the errors over U's diagonal, H⁻¹ = UᵀU", () => {
    const { lower } = choleskySync(layer.inverse);
    const asked: { before: number; after: number; j: number }[] = [];
    const swept = sparsegptSweep(layer, wholeUnits, {
      sparsity: 0,
      round: (weight, row, j) => {
        const after = round(weight, row, j);
        asked.push({ before: weight, after, j });
        return after;
      },
    }).weights;
    const told = asked.reduce(
      (sum, { before, after, j }) => sum + 0.5 * ((before - after) / lower.data[j * (d + 1)]!) ** 2,
      0,
    );
    expect(reconstructionError(weights, swept, hessian) / told).toBeCloseTo(1, 9);
  });

  it("has less error than the nearest levels on nearly every layer", () => {
    const totals = { nearest: 0, columns: 0, cheapest: 0 };
    let worse = 0;
    for (let seed = 0; seed < 20; seed++) {
      const own = correlatedLayer(seed, 3, 16);
      const h = layerHessian(own.x);
      const loss = (options: object): number =>
        reconstructionError(own.weights, roundLayer(own.weights, { bits: 4, ...options }).weights, h);
      const losses = {
        nearest: loss({}),
        columns: loss({ hessian: h }),
        cheapest: loss({ hessian: h, order: "cheapest" }),
      };
      totals.nearest += losses.nearest;
      totals.columns += losses.columns;
      totals.cheapest += losses.cheapest;
      worse += Number(losses.columns > losses.nearest);
    }
    expect(worse).toBeLessThanOrEqual(1);
    expect(totals.columns).toBeLessThan(0.7 * totals.nearest);
    expect(totals.cheapest).toBeLessThan(0.7 * totals.nearest);
  });

  it("is no worse than the best levels of all by more than a few times, and never better", () => {
    const small = correlatedLayer(5, 1, 4);
    const h = layerHessian(small.x);
    const levels = Array.from({ length: 15 }, (_, k) => k - 7);
    const { grid: own, weights: found } = roundLayer(small.weights, {
      bits: 4,
      hessian: h,
      order: "cheapest",
      damping: 0,
    });
    const [step] = own.scales.data;
    let least = Number.POSITIVE_INFINITY;
    for (const a of levels)
      for (const b of levels)
        for (const c of levels)
          for (const e of levels) {
            const candidate = matrix(1, 4, Float64Array.of(a * step!, b * step!, c * step!, e * step!));
            least = Math.min(least, reconstructionError(small.weights, candidate, h));
          }
    const loss = reconstructionError(small.weights, found, h);
    expect(loss).toBeGreaterThanOrEqual(least - 1e-12);
    expect(loss).toBeLessThan(4 * least);
  });
});

describe("a pruned layer, rounded", () => {
  const holed = { ...weights, data: weights.data.map((w, at) => (at % 3 === 1 ? 0 : w)) };

  it.each(["columns", "cheapest"] as const)("keeps its zeros, by %s, and a bias off the grid", (order) => {
    const { weights: after, grid: own } = roundLayer(holed, { bits: 4, hessian, order, inputs: d - 1, block: 4 });
    after.data.forEach((w, at) => {
      const column = at % d;
      if (column < d - 1 && holed.data[at] === 0) expect(w).toBe(0);
      if (column < d - 1) expect(roundedTo(own, w, Math.floor(at / d), column)).toBeCloseTo(w, 12);
    });
    const biases = Array.from({ length: 4 }, (_, row) => after.data[row * d + d - 1]!);
    expect(biases.some((b, row) => b !== holed.data[row * d + d - 1])).toBe(true); // it takes what is left
    const plain = roundLayer(holed, { bits: 4, inputs: d - 1, block: 4 }).weights;
    expect(reconstructionError(holed, after, hessian)).toBeLessThan(reconstructionError(holed, plain, hessian));
  });

  it("is pruned and rounded in one sweep where a mask is given", () => {
    const gone = Uint8Array.from(weights.data, (_, at) => Number(at % 2 === 0));
    const { weights: after, mask } = sparsegptSweep(layer, wholeUnits, { sparsity: 0.9, gone, round });
    expect(mask).toEqual(gone);
    after.data.forEach((w, at) => {
      if (gone[at]) expect(w).toBe(0);
      else expect(round(w, Math.floor(at / d), at % d)).toBeCloseTo(w, 12);
    });
  });
});
