/** What a merge by quadratics must keep, as properties over random quadratics of three kinds. */
import {
  type KroneckerFactors,
  kfacOf,
  type Matrix,
  matrix,
  type ParameterSpace,
  randomStream,
  type Vector,
} from "@hessonite/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { denseMetric } from "./denseBlocks.ts";
import { diagonalMetric } from "./diagonalMetric.ts";
import { type CurvatureMergeOptions, mergeByCurvature, objectiveAt } from "./mergeByCurvature.ts";
import type { TaskCurvature } from "./task.ts";

/** A layer of two outputs and three inputs. */
const [outputs, inputs, size] = [2, 3, 6];
const space: ParameterSpace = {
  parameters: [{ name: "w", shape: [outputs, inputs], dtype: "float64", offset: 0, size }],
  size,
};

type Stream = ReturnType<typeof randomStream>;
type Kind = "diagonal" | "kfac" | "ggn";
const kinds: readonly Kind[] = ["diagonal", "kfac", "ggn"];

/** M Mᵀ + I/4, times c. */
function definite(n: number, stream: Stream, c = 1): Matrix {
  const m = Array.from({ length: n }, () => Array.from({ length: n }, () => stream.normal()));
  const entry = (i: number, j: number): number =>
    c * (Number(i === j) / 4 + (m[i] ?? []).reduce((sum, x, k) => sum + x * (m[j]?.[k] ?? 0), 0));
  return matrix(
    n,
    n,
    Float64Array.from({ length: n * n }, (_, k) => entry(Math.floor(k / n), k % n)),
  );
}

function quadratic(kind: Kind, seed: number, scale = 1): TaskCurvature {
  const stream = randomStream(seed, "quadratic");
  const values = Float64Array.from({ length: size }, () => stream.normal());
  const rows = 1 + stream.integer(50);
  const common = { name: `${seed}`, kind, space, values, rows };
  if (kind === "diagonal") {
    const diagonal = Float64Array.from({ length: size }, () => scale * (0.1 + stream.uniform()));
    return { ...common, metric: diagonalMetric(diagonal), approximation: { diagonal } };
  }
  const index = Int32Array.from({ length: size }, (_, k) => k);
  const shape = {
    name: "w",
    layer: 0,
    kind: "matrix",
    group: null,
    out: outputs,
    in: inputs,
    joint: false,
    index,
  } as const;
  const factors: KroneckerFactors = {
    blocks: [{ ...shape, g: definite(outputs, stream, scale), a: definite(inputs, stream) }],
    rows,
    count: rows,
    reduction: "mean",
    request: { fisher: "exact" } as unknown as KroneckerFactors["request"],
  };
  if (kind === "kfac") return { ...common, metric: kfacOf(factors, size), approximation: { factors } };
  const whole = definite(size, stream, scale);
  const lower = Float64Array.from(index.length ? triangle(whole) : []);
  return { ...common, metric: denseMetric([{ index, lower }], size), approximation: { factors } };
}

function triangle({ data, columns }: Matrix): number[] {
  return [...data].filter((_, k) => k % columns <= Math.floor(k / columns));
}

const exact = { relativeTolerance: 1e-14, maxIterations: 100 };
const undamped: CurvatureMergeOptions = { ...exact, anchor: { damping: 0 } };
const relative: CurvatureMergeOptions = { ...exact, anchor: { damping: 0.1, relative: true } };

function near(found: Vector, expected: Vector, tolerance = 1e-8): void {
  const scale = Math.max(1, Math.hypot(...expected));
  expect(Math.hypot(...found.map((x, k) => x - (expected[k] ?? 0))) / scale).toBeLessThan(tolerance);
}

const seedsOf = fc.uniqueArray(fc.nat(1e6), { minLength: 2, maxLength: 4 });
const runs = { numRuns: 25 };

describe.each(kinds)("merges by %s quadratics", (kind) => {
  const holds = (property: (tasks: TaskCurvature[], seeds: number[]) => Promise<void>): Promise<void> =>
    fc.assert(
      fc.asyncProperty(seedsOf, (seeds) =>
        property(
          seeds.map((seed) => quadratic(kind, seed)),
          seeds,
        ),
      ),
      runs,
    );

  it("do not depend on the order of tasks", () =>
    holds(async (tasks) => {
      for (const options of [undamped, relative])
        near(
          (await mergeByCurvature(tasks.toReversed(), options)).values,
          (await mergeByCurvature(tasks, options)).values,
        );
    }));

  it("do not depend on the scale of all curvatures, undamped or with relative damping", () =>
    holds(async (tasks, seeds) => {
      const scaled = seeds.map((seed) => quadratic(kind, seed, 37));
      for (const options of [undamped, relative])
        near((await mergeByCurvature(scaled, options)).values, (await mergeByCurvature(tasks, options)).values);
      // Damping in units of curvature does see it.
      const absolute = { ...exact, anchor: { damping: 0.3 } };
      const [a, b] = [await mergeByCurvature(scaled, absolute), await mergeByCurvature(tasks, absolute)];
      expect(Math.hypot(...a.values.map((x, k) => x - (b.values[k] ?? 0)))).toBeGreaterThan(1e-9);
    }));

  it("of identical models are that model", () =>
    holds(async (tasks) => {
      const [first] = tasks;
      const alike = tasks.map((task) => ({ ...task, values: first?.values ?? task.values }));
      for (const options of [undamped, relative])
        near((await mergeByCurvature(alike, options)).values, first?.values ?? new Float64Array(), 1e-12);
    }));

  it("go to the anchor as the damping grows", () =>
    holds(async (tasks) => {
      const at = Float64Array.from({ length: size }, (_, k) => k - 2);
      near((await mergeByCurvature(tasks, { ...exact, anchor: { damping: 1e9, at } })).values, at, 1e-6);
    }));

  it("of one task, or of one with all the weight, are that task without damping", () =>
    holds(async (tasks) => {
      const [first] = tasks;
      if (!first) return;
      near((await mergeByCurvature([first], undamped)).values, first.values, 1e-12);
      const weights = tasks.map((_, i) => Number(i === 0));
      near((await mergeByCurvature(tasks, { ...undamped, weights })).values, first.values, 1e-12);
    }));

  it("are the least of what they say they minimise, and say its value", () =>
    holds(async (tasks) => {
      const { values, objective } = await mergeByCurvature(tasks, relative);
      expect((await objectiveAt(tasks, values, relative)).value).toBeCloseTo(objective.value, 10);
      for (const direction of [0, size - 1]) {
        for (const step of [-1e-3, 1e-3]) {
          const elsewhere = values.map((x, k) => (k === direction ? x + step : x));
          expect((await objectiveAt(tasks, elsewhere, relative)).value).toBeGreaterThan(objective.value);
        }
      }
    }));
});

it("a merge of many weights is the minimiser, its gradient zero to nine digits, unless told otherwise", async () => {
  const n = 60;
  const wide: ParameterSpace = {
    parameters: [{ name: "w", shape: [n], dtype: "float64", offset: 0, size: n }],
    size: n,
  };
  const index = Int32Array.from({ length: n }, (_, k) => k);
  const matrices = [1, 2].map((seed) => definite(n, randomStream(seed, "wide")));
  const tasks = matrices.map((whole, i): TaskCurvature => {
    const values = Float64Array.from(index, (k) => Math.sin(k + 7 * i));
    const metric = denseMetric([{ index, lower: Float64Array.from(triangle(whole)) }], n);
    const diagonal = new Float64Array(n).fill(1); // preconditions nothing
    return { name: `${i}`, kind: "ggn", space: wide, values, rows: 1 + i, metric, approximation: { diagonal } };
  });
  const { values } = await mergeByCurvature(tasks, { anchor: { damping: 0 } });
  const gradient = new Float64Array(n);
  for (const [i, { data }] of matrices.entries()) {
    for (const r of index)
      for (const c of index)
        gradient[r] =
          (gradient[r] ?? 0) + ((1 + i) / 3) * (data[r * n + c] ?? 0) * ((values[c] ?? 0) - (tasks[i]?.values[c] ?? 0));
  }
  expect(Math.hypot(...gradient)).toBeLessThan(1e-9);
});
