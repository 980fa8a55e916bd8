/** Pruning of one layer against brute force: predicted rises, masks, orders, optima. */
import { fromRows, type Matrix, matrix, randomStream } from "@hessonite/core";
import { describe, expect, it, test } from "vitest";
import { allocate } from "./allocate.ts";
import { leastSquaresUpdate, summedUpdates } from "./compensate.ts";
import { obsCosts } from "./costs.ts";
import { eliminate } from "./elimination.ts";
import { jointUpdate } from "./jointUpdate.ts";
import { bestOnKept, correlatedLayer, exhaustiveBest, inputKinds, measuredLoss, normalMatrix } from "./knownLayers.ts";
import { layerHessian, prepareLayer } from "./layer.ts";
import { parsePattern, patternName } from "./pattern.ts";
import { type LayerMethod, layerMethods, pruneLayer } from "./pruneLayer.ts";
import { refine } from "./refine.ts";
import { changeOf, sweep, tableauOf } from "./tableau.ts";

const rowOf = ({ columns, data }: Matrix, r: number): Float64Array => data.slice(r * columns, (r + 1) * columns);
const keptOf = (mask: ArrayLike<number>): number[] => Array.from(mask, (m, j) => (m ? -1 : j)).filter((j) => j >= 0);

describe("the joint update", () => {
  const { x, weights } = correlatedLayer(1, 4, 12);
  const layer = prepareLayer(weights, layerHessian(x));
  const stream = randomStream(2, "masks");

  it.each([0.2, 0.5, 0.8])(
    "is constrained least squares, and its rise is what is measured, with %f pruned",
    (share) => {
      const mask = Uint8Array.from({ length: 48 }, () => Number(stream.uniform() < share));
      const { weights: after, rises } = jointUpdate(layer, mask);
      for (let r = 0; r < 4; r++) {
        const best = bestOnKept(layerHessian(x), rowOf(weights, r), keptOf(mask.subarray(r * 12, (r + 1) * 12)));
        rowOf(after, r).forEach((w, j) => expect(w).toBeCloseTo(best.w[j]!, 10));
        expect(rises[r]! / best.loss).toBeCloseTo(1, 10);
      }
      const measured = measuredLoss(x, weights, after);
      expect(rises.reduce((a, b) => a + b, 0) / measured).toBeCloseTo(1, 10);
    },
  );

  it("of a single weight costs ½ w² / [H⁻¹]_jj, and moves as the summed updates do", () => {
    const costs = obsCosts(layer);
    for (const at of [0, 17, 47]) {
      const mask = new Uint8Array(48);
      mask[at] = 1;
      const { weights: after } = jointUpdate(layer, mask);
      expect(costs.data[at]! / measuredLoss(x, weights, after)).toBeCloseTo(1, 10);
      summedUpdates(layer, mask).data.forEach((w, i) => expect(w).toBeCloseTo(after.data[i]!, 10));
    }
  });
});

describe("greedy elimination", () => {
  /** Each step tries every unit that may go and solves for the rest from scratch. */
  function plainGreedy(
    h: Matrix,
    rows: Matrix,
    width: number,
    may: (unit: number, gone: number[]) => boolean,
  ): number[] {
    const gone: number[] = [];
    const loss = (units: readonly number[]): number => {
      const kept = Array.from({ length: h.rows }, (_, j) => j).filter((j) => !units.includes(Math.floor(j / width)));
      let total = 0;
      for (let r = 0; r < rows.rows; r++) total += bestOnKept(h, rowOf(rows, r), kept).loss;
      return total;
    };
    for (;;) {
      const open = Array.from({ length: h.rows / width }, (_, u) => u).filter((u) => !gone.includes(u) && may(u, gone));
      if (open.length === 0) return gone;
      gone.push(open.reduce((best, u) => (loss([...gone, u]) < loss([...gone, best]) ? u : best)));
    }
  }

  test.each([
    ["elements", 1, 1],
    ["rows that share a mask", 3, 1],
    ["blocks of 1 × 4", 1, 4],
    ["blocks of 2 × 2", 2, 2],
  ])("of %s is the plain one", (_, height, width) => {
    const { x, weights } = correlatedLayer(3, height, 12, "Gaussian mixes");
    const h = layerHessian(x);
    const { inverse } = prepareLayer(weights, h);
    const { order, rises } = eliminate(inverse, weights, { width });
    expect([...order]).toEqual(plainGreedy(h, weights, width, () => true));
    let total = 0;
    const mask = new Uint8Array(12);
    order.forEach((unit, step) => {
      mask.fill(1, unit * width, (unit + 1) * width);
      total += rises[step]!;
      let truth = 0;
      for (let r = 0; r < height; r++) truth += bestOnKept(h, rowOf(weights, r), keptOf(mask)).loss;
      expect(total / truth).toBeCloseTo(1, 8);
    });
  });

  it("keeps to 2:4", () => {
    const { x, weights } = correlatedLayer(4, 1, 12);
    const h = layerHessian(x);
    const { order } = eliminate(prepareLayer(weights, h).inverse, weights, { width: 1, quota: { zeros: 2, of: 4 } });
    const may = (u: number, gone: number[]): boolean =>
      gone.filter((g) => Math.floor(g / 4) === Math.floor(u / 4)).length < 2;
    expect([...order]).toEqual(plainGreedy(h, weights, 1, may));
  });

  it("shares one threshold between rows: OBC takes the smallest rises of all", () => {
    const { x, weights } = correlatedLayer(5, 5, 8);
    const h = layerHessian(x);
    const { mask } = pruneLayer(weights, h, { method: "obc", sparsity: 0.4 });
    const orders = [0, 1, 2, 3, 4].map((r) => plainGreedy(h, matrix(1, 8, rowOf(weights, r)), 1, () => true));
    const rises = orders.flatMap((order, r) => {
      const losses = order.map((_, k) => {
        const gone = order.slice(0, k + 1);
        return bestOnKept(
          h,
          rowOf(weights, r),
          [0, 1, 2, 3, 4, 5, 6, 7].filter((j) => !gone.includes(j)),
        ).loss;
      });
      return losses.map((loss, k) => ({ r, rise: loss - (losses[k - 1] ?? 0) }));
    });
    const taken = rises.sort((a, b) => a.rise - b.rise).slice(0, 16);
    const expected = new Uint8Array(40);
    orders.forEach((order, r) => {
      for (const j of order.slice(0, taken.filter((t) => t.r === r).length)) expected[r * 8 + j] = 1;
    });
    expect([...mask]).toEqual([...expected]);
  });
});

describe("the tableau", () => {
  const { x, weights } = correlatedLayer(6, 2, 10, "Gaussian mixes");
  const h = layerHessian(x);
  const { inverse } = prepareLayer(weights, h);
  const truth = (out: ArrayLike<number>): number =>
    [0, 1].reduce((sum, r) => sum + bestOnKept(h, rowOf(weights, r), keptOf(out)).loss, 0);

  it("knows its loss, weights and every change's loss, entries coming and going", () => {
    const tableau = tableauOf(inverse, weights);
    const stream = randomStream(7, "walk");
    for (let step = 0; step < 30; step++) {
      const set = [...stream.permutation(10)].slice(0, 1 + (step % 4));
      const change = changeOf(tableau, set);
      const out = tableau.out.slice();
      for (const k of set) out[k] = 1 - out[k]!;
      expect(tableau.loss + change).toBeCloseTo(truth(out), 7);
      sweep(tableau, set[0]!);
      expect(tableau.loss).toBeCloseTo(truth(tableau.out), 7);
      const best = bestOnKept(h, rowOf(weights, 1), keptOf(tableau.out));
      for (const j of keptOf(tableau.out)) expect(tableau.w[10 + j]!).toBeCloseTo(best.w[j]!, 7);
    }
  });
});

describe("refinement", () => {
  test.each(Object.keys(inputKinds) as (keyof typeof inputKinds)[])(
    "with pair swaps and a beam of 32 is at the optimum of 16 weights, 8 kept, on at least 19 of 20 rows: %s",
    (kind) => {
      let reached = 0;
      for (let seed = 0; seed < 20; seed++) {
        const { x, weights } = correlatedLayer(100 + seed, 1, 16, kind);
        const h = layerHessian(x);
        const best = exhaustiveBest(prepareLayer(weights, h).inverse, weights.data, 8)[8]!;
        const found = pruneLayer(weights, h, { method: "obc", sparsity: 0.5, refinement: { kind: "beam", width: 32 } });
        expect(found.mask.filter((m) => m === 1)).toHaveLength(8);
        expect(found.loss).toBeGreaterThan(best * (1 - 1e-9));
        reached += Number(found.loss < best * (1 + 1e-9));
      }
      expect(reached).toBeGreaterThanOrEqual(19);
    },
  );

  it("by swaps is never worse than greedy, and by pairs never worse than by swaps", () => {
    for (let seed = 0; seed < 10; seed++) {
      const { x, weights } = correlatedLayer(seed, 1, 24, "Gaussian mixes");
      const { inverse } = prepareLayer(weights, layerHessian(x));
      const greedy = tableauOf(inverse, weights);
      for (const k of eliminate(inverse, weights, { width: 1, steps: 12 }).order) sweep(greedy, k);
      const before = greedy.loss;
      refine(greedy, { width: 1 }, { pairs: false });
      const swapped = greedy.loss;
      refine(greedy, { width: 1 }, { pairs: true });
      expect(swapped).toBeLessThanOrEqual(before);
      expect(greedy.loss).toBeLessThanOrEqual(swapped);
    }
  });

  it("of a layer is at the optimum over rows, which no single row can see", () => {
    const { x, weights } = correlatedLayer(8, 6, 16);
    const h = layerHessian(x);
    const { inverse } = prepareLayer(weights, h);
    const curves = Array.from({ length: 6 }, (_, r) => exhaustiveBest(inverse, rowOf(weights, r), 16));
    let best = Float64Array.of(0);
    for (const curve of curves) {
      const next = new Float64Array(best.length + 16).fill(Number.POSITIVE_INFINITY);
      best.forEach((a, i) => curve.forEach((b, k) => (next[i + k] = Math.min(next[i + k]!, a + b))));
      best = next;
    }
    const plain = pruneLayer(weights, h, { method: "obc", sparsity: 0.5 });
    const found = pruneLayer(weights, h, { method: "obc", sparsity: 0.5, refinement: { kind: "beam", width: 32 } });
    expect(found.loss).toBeLessThan(1.01 * best[48]!);
    expect(found.loss).toBeLessThan(plain.loss);
  });
});

describe("masks", () => {
  const { x, weights } = correlatedLayer(9, 8, 16);
  const h = layerHessian(x);
  const methods: readonly LayerMethod[] = layerMethods;

  test.each(methods)("of %s keep to n:m, and pruned weights are exactly 0", (method) => {
    for (const [n, m] of [
      [2, 4],
      [4, 8],
      [1, 4],
    ] as const) {
      const { mask, weights: after } = pruneLayer(weights, h, { method, pattern: { kind: "n:m", n, m } });
      for (let first = 0; first < mask.length; first += m) {
        expect(mask.subarray(first, first + m).filter((v) => v === 1)).toHaveLength(m - n);
      }
      mask.forEach((gone, at) => expect(after.data[at] === 0).toBe(gone === 1));
    }
  });

  test.each(methods.filter((m) => m !== "sparsegpt"))("of %s keep to blocks, rows and columns", (method) => {
    for (const text of ["block1x4", "block4x1", "block2x2", "row", "column"]) {
      const pattern = parsePattern(text);
      expect(patternName(pattern)).toBe(text);
      const { mask } = pruneLayer(weights, h, { method, pattern, sparsity: 0.5 });
      const [height, width] =
        text === "row" ? [1, 16] : text === "column" ? [8, 1] : [Number(text[5]), Number(text[7])];
      expect(mask.filter((v) => v === 1)).toHaveLength(64);
      mask.forEach((gone, at) => {
        const [r, c] = [Math.floor(at / 16), at % 16];
        const corner = (r - (r % height!)) * 16 + c - (c % width!);
        expect(gone).toBe(mask[corner]);
      });
    }
  });

  it("by magnitude and Wanda are what sorting says", () => {
    const sorted = (values: readonly number[], count: number): Set<number> =>
      new Set(
        values
          .map((v, at) => [v, at] as const)
          .sort((a, b) => a[0] - b[0])
          .slice(0, count)
          .map(([, at]) => at),
      );
    const magnitude = pruneLayer(weights, h, { method: "magnitude", sparsity: 0.25 });
    const least = sorted([...weights.data].map(Math.abs), 32);
    magnitude.mask.forEach((gone, at) => expect(gone === 1).toBe(least.has(at)));
    const wanda = pruneLayer(weights, h, { method: "wanda", sparsity: 0.25 });
    for (let r = 0; r < 8; r++) {
      const norms = Array.from({ length: 16 }, (_, j) => {
        let sum = 0;
        for (let n = 0; n < x.rows; n++) sum += x.data[n * 16 + j]! ** 2;
        return Math.abs(weights.data[r * 16 + j]!) * Math.sqrt(sum);
      });
      const own = sorted(norms, 4);
      for (let j = 0; j < 16; j++) expect(wanda.mask[r * 16 + j] === 1).toBe(own.has(j));
    }
    expect(wanda.loss / measuredLoss(x, weights, wanda.weights)).toBeCloseTo(1, 10);
  });
});

/** SparseGPT as its paper writes it: one column at a time, the inverse of what is left from scratch. */
function plainSweep(h: Matrix, weights: Matrix, zeros: number, of: number): Matrix {
  const d = h.columns;
  const w = weights.data.slice();
  const mask = new Uint8Array(w.length);
  const inverseOf = (first: number): number[][] => {
    const rest = Array.from({ length: d - first }, (_, k) => first + k);
    const part = matrix(rest.length, rest.length);
    rest.forEach((i, a) => rest.forEach((j, b) => (part.data[a * rest.length + b] = h.data[i * d + j]!)));
    const { inverse } = prepareLayer(matrix(1, rest.length), part);
    return rest.map((_, a) => [...inverse.data.subarray(a * rest.length, (a + 1) * rest.length)]);
  };
  const diagonal = Array.from({ length: d }, (_, j) => inverseOf(j)[0]![0]!);
  for (let j = 0; j < d; j++) {
    const inverse = inverseOf(j);
    for (let r = 0; r < weights.rows; r++) {
      if (j % of === 0) {
        const group = Array.from({ length: of }, (_, k) => j + k);
        group.sort((a, b) => w[r * d + a]! ** 2 / diagonal[a]! - w[r * d + b]! ** 2 / diagonal[b]!);
        for (const k of group.slice(0, zeros)) mask[r * d + k] = 1;
      }
      if (!mask[r * d + j]) continue;
      const error = w[r * d + j]! / inverse[0]![0]!;
      for (let k = j; k < d; k++) w[r * d + k]! -= error * inverse[0]![k - j]!;
      w[r * d + j] = 0;
    }
  }
  return matrix(weights.rows, d, w);
}

describe("SparseGPT", () => {
  it.each([8, 16, 128])("is the sweep over columns that its paper writes, in blocks of %i", (blockSize) => {
    const { x, weights } = correlatedLayer(10, 6, 16);
    const h = layerHessian(x);
    const found = pruneLayer(weights, h, {
      method: "sparsegpt",
      pattern: { kind: "n:m", n: 2, m: 4 },
      blockSize,
      damping: 0,
    });
    plainSweep(h, weights, 2, 4).data.forEach((w, at) => expect(found.weights.data[at]).toBeCloseTo(w, 9));
    expect(found.loss / measuredLoss(x, weights, found.weights)).toBeCloseTo(1, 9);
  });

  it("removes the share that was asked for, and its own updates are no better than the joint one", () => {
    const { x, weights } = correlatedLayer(11, 6, 16);
    const swept = pruneLayer(weights, layerHessian(x), { method: "sparsegpt", sparsity: 0.5 });
    const joint = pruneLayer(weights, layerHessian(x), { method: "sparsegpt", sparsity: 0.5, compensation: "joint" });
    expect(swept.mask.filter((m) => m === 1)).toHaveLength(48);
    expect([...joint.mask]).toEqual([...swept.mask]);
    expect(joint.loss).toBeLessThan(swept.loss);
  });
});

describe("least squares on the pruned model's inputs", () => {
  it("is the joint update where the inputs are the dense model's", () => {
    const { x, weights } = correlatedLayer(12, 3, 8);
    const mask = Uint8Array.from({ length: 24 }, (_, at) => Number(at % 3 === 0));
    const own = leastSquaresUpdate(weights, mask, { dense: x, pruned: x });
    const joint = jointUpdate(prepareLayer(weights, layerHessian(x)), mask);
    own.data.forEach((w, at) => expect(w).toBeCloseTo(joint.weights.data[at]!, 9));
  });

  it("solves the normal equations of other inputs", () => {
    const { x, weights } = correlatedLayer(13, 1, 6);
    const other = normalMatrix(randomStream(14, "noise"), x.rows, 6);
    const pruned = matrix(
      x.rows,
      6,
      x.data.map((v, at) => v + 0.3 * other.data[at]!),
    );
    const after = leastSquaresUpdate(weights, Uint8Array.of(0, 1, 0, 0, 1, 0), { dense: x, pruned });
    const residual = (n: number): number =>
      Array.from(
        { length: 6 },
        (_, j) => pruned.data[n * 6 + j]! * after.data[j]! - x.data[n * 6 + j]! * weights.data[j]!,
      ).reduce((a, b) => a + b, 0);
    for (const j of [0, 2, 3, 5]) {
      let slope = 0;
      for (let n = 0; n < x.rows; n++) slope += residual(n) * pruned.data[n * 6 + j]!;
      expect(slope / x.rows).toBeCloseTo(0, 9);
    }
    expect([after.data[1], after.data[4]]).toEqual([0, 0]);
  });
});

describe("sharing out", () => {
  it("finds the best choices of all", () => {
    const stream = randomStream(15, "curves");
    const curves = Array.from({ length: 4 }, () =>
      Array.from({ length: 4 }, (_, k) => ({
        saving: k * stream.integer(5),
        loss: k === 0 ? 0 : stream.uniform() * k,
      })),
    );
    const wanted = 9;
    let best = Number.POSITIVE_INFINITY;
    for (let code = 0; code < 256; code++) {
      const chosen = curves.map((curve, i) => curve[Math.floor(code / 4 ** i) % 4]!);
      if (chosen.reduce((sum, c) => sum + c.saving, 0) >= wanted) {
        best = Math.min(
          best,
          chosen.reduce((sum, c) => sum + c.loss, 0),
        );
      }
    }
    const found = allocate(curves, wanted).map((k, i) => curves[i]![k]!);
    expect(found.reduce((sum, c) => sum + c.saving, 0)).toBeGreaterThanOrEqual(wanted);
    expect(found.reduce((sum, c) => sum + c.loss, 0)).toBeCloseTo(best, 12);
  });

  it("says when it cannot be had", () => {
    expect(() => allocate([[{ saving: 1, loss: 0 }]], 2)).toThrow("Cannot save as much as was asked for");
  });
});

describe("bad layers", () => {
  const x = fromRows([
    [1, 0, 2],
    [2, 0, 1],
    [-1, 0, 0.5],
  ]);
  const weights = fromRows([[1, 5, -1]]);

  it("dead inputs: their weights go first and cost nothing", () => {
    const { weights: after, dead, loss } = pruneLayer(weights, layerHessian(x), { method: "obc", sparsity: 1 / 3 });
    expect(dead).toEqual([1]);
    expect(after.data[1]).toBe(0);
    expect(loss).toBeCloseTo(0, 12);
  });

  it("fewer rows than inputs: damped, and told by how much", () => {
    const { damping } = pruneLayer(fromRows([[1, 2, 3, 4]]), layerHessian(fromRows([[1, 2, 3, 4]])), { method: "obc" });
    expect(damping).toBeGreaterThan(0);
  });

  it("no rows, entries that are not finite, patterns and shapes that do not fit", () => {
    expect(() => layerHessian(matrix(0, 3))).toThrow("there are no rows of inputs");
    expect(() => layerHessian(fromRows([[1, Number.NaN]]))).toThrow(/inputs hold an entry that is not finite/);
    expect(() => pruneLayer(fromRows([[Number.POSITIVE_INFINITY, 0, 0]]), layerHessian(x), { method: "obc" })).toThrow(
      /weights hold an entry that is not finite/,
    );
    expect(() => pruneLayer(weights, layerHessian(x), { method: "obc", pattern: { kind: "n:m", n: 2, m: 4 } })).toThrow(
      "Cannot prune a layer by 2:4 as its 3 inputs are no multiple of 4",
    );
    expect(() => pruneLayer(fromRows([[1, 2]]), layerHessian(x), { method: "obc" })).toThrow(/another width/);
    expect(() => parsePattern("tile")).toThrow(/granularity/);
  });
});
