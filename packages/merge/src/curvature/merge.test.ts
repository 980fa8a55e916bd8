import {
  atPoint,
  createProblem,
  type Dataset,
  datasetFromArrays,
  gradientAndLoss,
  lossAt,
  type Problem,
  randomStream,
  referenceEngine,
  squaredError,
  toDense,
  type Vector,
} from "@hessonite/core";
import { afterAll, describe, expect, it } from "vitest";
import { mergeModels } from "../job/mergeModels.ts";
import { mlp } from "../testing.ts";
import { measureCurvature } from "./measure.ts";
import { type CurvatureMergeOptions, mergeByCurvature } from "./mergeByCurvature.ts";
import { predictedRise } from "./rise.ts";
import type { CurvatureKind, TaskCurvature } from "./task.ts";

const engine = referenceEngine();
const stream = randomStream(5, "regression");
const normals = (rows: number, columns: number): number[][] =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, () => stream.normal()));
const exact = { relativeTolerance: 1e-14, maxIterations: 200 };
const open: AsyncDisposable[] = [];
afterAll(async () => {
  for (const one of open) await one[Symbol.asyncDispose]();
});

interface Shard {
  readonly x: number[][];
  readonly y: number[][];
}

const shard = (rows: number): Shard => ({ x: normals(rows, 3), y: normals(rows, 2) });
const dataOf = ({ x, y }: Shard): Dataset => datasetFromArrays({ inputs: { h0: x }, target: y }, { batchSize: 4 });
const pooled = (...shards: Shard[]): Shard => ({ x: shards.flatMap(({ x }) => x), y: shards.flatMap(({ y }) => y) });

/** W, b (flat: w [out, in], b) of (1/(n·out))‖f − y‖² + ½λ‖θ‖², by Gauss–Jordan elimination of the normal equations. */
function fit({ x, y }: Shard, lambda = 0): Vector {
  const rows = x.map((row) => [...row, 1]);
  const width = rows[0]?.length ?? 0;
  const outputs = y[0]?.length ?? 0;
  const factor = 2 / (x.length * outputs);
  const a = Array.from({ length: width }, (_, i) => [
    ...Array.from(
      { length: width },
      (_, j) => factor * rows.reduce((s, r) => s + at(r, i) * at(r, j), 0) + (i === j ? lambda : 0),
    ),
    ...Array.from(
      { length: outputs },
      (_, o) => factor * rows.reduce((s, r, n) => s + at(r, i) * at(y[n] ?? [], o), 0),
    ),
  ]);
  for (let i = 0; i < width; i++) {
    const pivot = a
      .slice(i)
      .reduce((best, row) => (Math.abs(at(row, i)) > Math.abs(at(best, i)) ? row : best), a[i] ?? []);
    const from = a.indexOf(pivot);
    [a[i], a[from]] = [pivot, a[i] ?? []];
    const scaled = pivot.map((v) => v / at(pivot, i));
    a[i] = scaled;
    for (let k = 0; k < width; k++)
      if (k !== i) a[k] = (a[k] ?? []).map((v, j) => v - at(a[k] ?? [], i) * at(scaled, j));
  }
  const weight = Array.from({ length: outputs }, (_, o) =>
    Array.from({ length: width - 1 }, (_, i) => at(a[i] ?? [], width + o)),
  );
  const bias = Array.from({ length: outputs }, (_, o) => at(a[width - 1] ?? [], width + o));
  return Float64Array.from([...weight.flat(), ...bias]);
}

const at = (row: readonly number[], i: number): number => row[i] ?? 0;

const linear = await mlp([
  {
    weight: [
      [0, 0, 0],
      [0, 0, 0],
    ],
    bias: [0, 0],
  },
]);

async function problemAt(theta: Vector, data: Dataset): Promise<Problem> {
  const first = await createProblem({ model: linear, data, loss: squaredError(), engine });
  open.push(first);
  const problem = await createProblem({
    model: atPoint(linear, first.space, theta),
    data,
    loss: squaredError(),
    engine,
  });
  open.push(problem);
  return problem;
}

async function taskOf(own: Shard, kind: CurvatureKind, prior = 0, name = "task"): Promise<TaskCurvature> {
  const problem = await problemAt(fit(own, prior), dataOf(own));
  return measureCurvature(problem, { name, kind, prior, offDiagonal: 1 });
}

function expectNear(found: Vector, expected: Vector, tolerance: number): void {
  const scale = Math.hypot(...expected);
  const distance = Math.hypot(...found.map((x, k) => x - (expected[k] ?? 0)));
  expect(distance / scale).toBeLessThan(tolerance);
}

const none: CurvatureMergeOptions = { anchor: { damping: 0 }, ...exact };

describe("linear regression", () => {
  const shards = [shard(7), shard(13), shard(30)];

  it.each(["ggn", "block-diagonal", "kfac", "ekfac", "regmean"] as const)(
    "by %s equals the pooled fit",
    async (kind) => {
      const tasks = await Promise.all(shards.map((own) => taskOf(own, kind)));
      const { values, solve } = await mergeByCurvature(tasks, none);
      expectNear(values, fit(pooled(...shards)), 1e-10);
      expect(solve.outcome).toBe("converged");
    },
  );

  it("equals the pooled fit by what is done unless said otherwise, through the door to all methods too", async () => {
    const tasks = await Promise.all(shards.map((own) => taskOf(own, "ggn")));
    const expected = fit(pooled(...shards));
    expectNear((await mergeByCurvature(tasks, { anchor: { damping: 0 } })).values, expected, 1e-10);
    const models = await Promise.all(
      shards.map(async (own, i) => {
        const { model, space } = await problemAt(fit(own), dataOf(own));
        return { name: `${i}`, model: atPoint(model, space, fit(own)), data: dataOf(own) };
      }),
    );
    for (const method of ["ggn", "regmean", "kfac", "block-diagonal"] as const) {
      const { values } = await mergeModels(
        { tasks: models, loss: squaredError(), engine },
        { method, damping: 0, offDiagonal: 1 },
      );
      expectNear(values, expected, 1e-10);
    }
    const damped = await mergeModels({ tasks: models, loss: squaredError(), engine }, { method: "ggn", damping: 0.1 });
    const quadratics = damped.curvature?.tasks ?? [];
    const alphas = shards.map(({ x }) => x.length / 50);
    const average = Float64Array.from(expected, (_, k) =>
      quadratics.reduce((sum, { values }, i) => sum + at(alphas, i) * (values[k] ?? 0), 0),
    );
    const slope = damped.values.map((x, k) => (damped.curvature?.damping ?? 0) * (x - (average[k] ?? 0)));
    for (const [i, own] of shards.entries()) {
      const { gradient } = await gradientAndLoss(await problemAt(damped.values, dataOf(own)));
      for (const [k, g] of gradient.entries()) slope[k] = (slope[k] ?? 0) + at(alphas, i) * g;
    }
    expect(damped.curvature?.damping).toBeGreaterThan(0.01);
    expect(Math.hypot(...slope)).toBeLessThan(1e-9);
  });

  it("ridge: priors counted in every task are T·λ, counted once they are λ", async () => {
    const lambda = 0.7; // on the sum of losses
    const rows = shards.map(({ x }) => x.length);
    const total = rows.reduce((a, b) => a + b, 0);
    const tasks = await Promise.all(shards.map((own, i) => taskOf(own, "ggn", lambda / at(rows, i))));
    const all = pooled(...shards);
    expectNear((await mergeByCurvature(tasks, none)).values, fit(all, (3 * lambda) / total), 1e-10);
    expectNear((await mergeByCurvature(tasks, { ...none, priors: "once" })).values, fit(all, lambda / total), 1e-10);
  });

  it("predicted rises are the measured ones, and the merge is the minimiser", async () => {
    const tasks = await Promise.all(shards.map((own) => taskOf(own, "ggn")));
    const anchor = { damping: 0.3, at: Float64Array.from({ length: 8 }, (_, k) => k / 8) };
    const { values, objective, damping } = await mergeByCurvature(tasks, { ...exact, anchor });
    expect(damping).toBe(0.3);
    const slope = values.map((x, k) => 0.3 * (x - at([...anchor.at], k)));
    let risen = 0;
    for (const [i, task] of tasks.entries()) {
      const own = shards[i] ?? shard(1);
      const problem = await problemAt(task.values, dataOf(own));
      await using loss = lossAt(problem);
      const measured = (await loss.at(values)) - (await loss.at(task.values));
      expect((await predictedRise(task, values)).total).toBeCloseTo(measured, 10);
      const share = own.x.length / 50;
      risen += share * measured;
      const { gradient } = await gradientAndLoss(await problemAt(values, dataOf(own)));
      for (const [k, g] of gradient.entries()) slope[k] = at([...slope], k) + share * g;
    }
    expect(Math.hypot(...slope)).toBeLessThan(1e-9);
    expect(objective.value - objective.anchor).toBeCloseTo(risen, 10);
  });

  it("without a task is as if it had never been there", async () => {
    const tasks = await Promise.all(shards.map((own) => taskOf(own, "ggn")));
    const two = await mergeByCurvature(tasks.slice(0, 2), exact);
    const again = await mergeByCurvature(await Promise.all(shards.slice(0, 2).map((own) => taskOf(own, "ggn"))), exact);
    expectNear(two.values, again.values, 1e-10);
  });

  it("gradient matching with the base's curvature is the pooled fit when tasks were regularised towards the base", async () => {
    // θ_i minimises L_i + ½‖θ − θ_0‖²_{F_0}, θ_0 the fit of the base's rows: stationary for Σ α (L_i) + ½‖θ − θ_0‖²_{F_0}.
    const baseShard = shard(21);
    const base = await taskOf(baseShard, "ggn");
    const regularised = await Promise.all(
      shards.map(async (own) => {
        const problem = await problemAt(fit(pooledAs(own, baseShard)), dataOf(own));
        return measureCurvature(problem, { name: "task", kind: "ggn" });
      }),
    );
    const { values } = await mergeByCurvature(regularised, {
      ...exact,
      anchor: { base, damping: 0 },
      weights: [1, 1, 1],
    });
    const copies = shards.flatMap((own) => repeated(own, (7 * 13 * 30) / own.x.length));
    const thrice = repeated(baseShard, (3 * 7 * 13 * 30) / 21);
    expectNear(values, fit(pooled(...copies, ...thrice)), 1e-9);
  });
});

/** Own rows and the base's, each as a mean: rows repeated to the same number. */
function pooledAs(own: Shard, base: Shard): Shard {
  return pooled(...repeated(own, base.x.length), ...repeated(base, own.x.length));
}

function repeated(own: Shard, times: number): Shard[] {
  return Array.from({ length: Math.round(times) }, () => own);
}

describe("invariances", () => {
  const shards = [shard(9), shard(12)];
  const kinds = ["diagonal", "kfac", "ggn"] as const;

  it.each(kinds)("by %s: order, scale, one task, identical models, a strong anchor", async (kind) => {
    const tasks = await Promise.all(shards.map((own) => taskOf(own, kind)));
    const merged = await mergeByCurvature(tasks, exact);
    expectNear((await mergeByCurvature([...tasks].reverse(), exact)).values, merged.values, 1e-9);
    for (const options of [none, exact]) {
      const scaled = tasks.map((task) => timesCurvature(task, 7));
      expectNear(
        (await mergeByCurvature(scaled, options)).values,
        (await mergeByCurvature(tasks, options)).values,
        1e-9,
      );
    }
    const [first] = tasks;
    if (!first) return;
    expect((await mergeByCurvature([first], none)).values).toEqual(first.values);
    const alike = tasks.map((task) => ({ ...task, values: first.values }));
    expectNear((await mergeByCurvature(alike, exact)).values, first.values, 1e-15);
    const anchor = { at: Float64Array.from({ length: 8 }, (_, k) => k), damping: 1e9 };
    expectNear((await mergeByCurvature(tasks, { ...exact, anchor })).values, anchor.at, 1e-7);
  });

  it("says what is wrong", async () => {
    const flat: Shard = { x: normals(9, 3).map(([a = 0, b = 0]) => [a, b, 0]), y: normals(9, 2) };
    const theta = new Float64Array(8);
    const problems = await Promise.all([
      problemAt(theta, dataOf(flat)),
      problemAt(
        theta.map((_, k) => k),
        dataOf(flat),
      ),
    ]);
    for (const kind of ["diagonal", "ggn"] as const) {
      const tasks = await Promise.all(problems.map((problem, i) => measureCurvature(problem, { name: `${i}`, kind })));
      await expect(mergeByCurvature(tasks, none)).rejects.toThrow("the sum of the tasks' curvatures is singular");
      await mergeByCurvature(tasks, exact);
    }
    const [a, b] = await Promise.all([
      taskOf(shards[0] ?? shard(1), "ggn"),
      taskOf(shards[1] ?? shard(1), "kfac", 0, "other"),
    ]);
    if (!a || !b) return;
    await expect(mergeByCurvature([a, b])).rejects.toThrowErrorMatchingInlineSnapshot(`
      [MismatchError: Cannot merge by curvatures of different kinds
        at        other
        expected  ggn
        found     kfac]
    `);
    await expect(mergeByCurvature([a, a], { weights: [0, 0] })).rejects.toThrow("add up to more than 0");
  });
});

function timesCurvature(task: TaskCurvature, c: number): TaskCurvature {
  const { metric, approximation } = task;
  const scaled = { ...metric, apply: async (v: Vector) => (await metric.apply(v)).map((x) => c * x) };
  if ("diagonal" in approximation)
    return { ...task, metric: scaled, approximation: { diagonal: approximation.diagonal.map((x) => c * x) } };
  const blocks = approximation.factors.blocks.map((block) => ({
    ...block,
    g: { ...block.g, data: block.g.data.map((x) => c * x) },
  }));
  return { ...task, metric: scaled, approximation: { factors: { ...approximation.factors, blocks } } };
}

describe("curvatures", () => {
  it("block-diagonal is the GGN's blocks of layers", async () => {
    const draw = (): { weight: number[][]; bias: number[] } => ({
      weight: normals(2, 2),
      bias: normals(1, 2)[0] ?? [],
    });
    const model = await mlp([draw(), draw()]);
    const data = datasetFromArrays({ inputs: { h0: normals(6, 2) }, target: normals(6, 2) });
    const problem = await createProblem({ model, data, loss: squaredError(), engine });
    open.push(problem);
    const [blocks, whole] = await Promise.all(
      (["block-diagonal", "ggn"] as const).map(async (kind) =>
        toDense((await measureCurvature(problem, { name: "t", kind })).metric),
      ),
    );
    const size = 12;
    const layer = (k: number): number => (k < 6 ? 0 : 1);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        const expected = layer(i) === layer(j) ? (whole?.[i * size + j] ?? 0) : 0;
        expect(blocks?.[i * size + j]).toBeCloseTo(expected, 12);
      }
    }
    expect(whole?.[0 * size + 8]).not.toBe(0);
  });
});
